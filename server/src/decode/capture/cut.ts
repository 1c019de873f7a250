import { u16, u32 } from './words.ts'

/** How a capture is cut into records: classic pcap in either byte order, or pcapng. */
export type CaptureForm = 'pcap-le' | 'pcap-be' | 'pcapng'

/** One record (or header, or block) of a capture; `junk`: bytes between records that are none. */
export interface CapturePiece {
  readonly from: number
  readonly to: number
  readonly junk: boolean
}

export interface CaptureCut {
  readonly pieces: readonly CapturePiece[]
  /** Index of the first byte that belongs to no piece yet. */
  readonly end: number
  readonly form: CaptureForm | undefined
}

/** Longest record: libpcap captures at most 262,144 bytes of a packet (MAXIMUM_SNAPLEN). */
export const RECORD_MAX = 327_680

const CLASSIC_HEADER = 24
const RECORD_HEADER = 16
const BLOCK_MIN = 12
const SECTION = 0x0a0d0d0a
const ORDER_MAGIC = 0x1a2b3c4d
/** As big-endian: microseconds and nanoseconds in both byte orders. */
const CLASSIC: ReadonlyMap<number, 'pcap-le' | 'pcap-be'> = new Map([
  [0xd4c3b2a1, 'pcap-le'],
  [0x4d3cb2a1, 'pcap-le'],
  [0xa1b2c3d4, 'pcap-be'],
  [0xa1b23c4d, 'pcap-be'],
])

type Step =
  | { readonly kind: 'record'; readonly end: number; readonly form: CaptureForm }
  | { readonly kind: 'more' }
  | { readonly kind: 'broken' }

const MORE: Step = { kind: 'more' }
const BROKEN: Step = { kind: 'broken' }

/** The form that the first four bytes of a capture tell; undefined where they begin none. */
export function captureForm(head: Uint8Array): CaptureForm | undefined {
  if (head.length < 4) return undefined
  const magic = u32(head, 0, false)
  return magic === SECTION ? 'pcapng' : CLASSIC.get(magic)
}

/**
 * Cuts `bytes[from…to)` into records of a capture (libpcap's savefile format, version 2.4; pcapng,
 * draft-ietf-opsawg-pcapng). `form` is that of the capture so far; a header in the middle (captures
 * written one behind the other) changes it. What is no record is stepped over up to the next that
 * fits. `final`: nothing will follow, so a record that breaks off is junk.
 */
export function cutCapture(
  bytes: Uint8Array,
  from: number,
  to: number,
  how: { readonly form: CaptureForm | undefined; readonly max: number; readonly final: boolean },
): CaptureCut {
  const pieces: CapturePiece[] = []
  let { form } = how
  let at = from
  while (at < to && pieces.length < how.max) {
    const step = nextRecord(bytes, at, to, form)
    if (step.kind === 'record') {
      pieces.push({ from: at, to: step.end, junk: false })
      at = step.end
      form = step.form
      continue
    }
    if (step.kind === 'more' && !how.final) break
    const found = step.kind === 'more' ? to : findRecord(bytes, at + 1, to, form)
    // A record may begin within the last bytes: those wait for what follows them.
    const next = found < 0 ? Math.max(at, how.final ? to : to - RECORD_HEADER + 1) : found
    if (next === at) break
    pieces.push({ from: at, to: next, junk: true })
    at = next
  }
  return { pieces, end: at, form }
}

function nextRecord(
  bytes: Uint8Array,
  at: number,
  to: number,
  form: CaptureForm | undefined,
): Step {
  if (to - at < 4) return MORE
  const magic = u32(bytes, at, false)
  const classic = CLASSIC.get(magic)
  if (classic !== undefined) {
    if (to - at < CLASSIC_HEADER)
      return to - at < 6 || isVersion2(bytes, at, classic) ? MORE : BROKEN
    if (isVersion2(bytes, at, classic)) {
      return { kind: 'record', end: at + CLASSIC_HEADER, form: classic }
    }
  }
  if (magic === SECTION) return sectionStep(bytes, at, to)
  if (form === undefined) return BROKEN
  return form === 'pcapng' ? blockStep(bytes, at, to) : classicStep(bytes, at, to, form)
}

const isVersion2 = (bytes: Uint8Array, at: number, form: CaptureForm): boolean =>
  u16(bytes, at + 4, form === 'pcap-le') === 2

function classicStep(bytes: Uint8Array, at: number, to: number, form: CaptureForm): Step {
  if (to - at < RECORD_HEADER) return MORE
  const end = classicEnd(bytes, at, form)
  if (end === undefined) return BROKEN
  return end > to ? MORE : { kind: 'record', end, form }
}

/** Where a plausible record ends: not longer than allowed nor than the packet was, a fraction below a second. */
function classicEnd(bytes: Uint8Array, at: number, form: CaptureForm): number | undefined {
  const le = form === 'pcap-le'
  const length = u32(bytes, at + 8, le)
  if (length > RECORD_MAX - RECORD_HEADER || u32(bytes, at + 4, le) >= 1e9) return undefined
  return at + RECORD_HEADER + length
}

function sectionStep(bytes: Uint8Array, at: number, to: number): Step {
  if (to - at < 12) return MORE
  const le = u32(bytes, at + 8, true) === ORDER_MAGIC
  if (!le && u32(bytes, at + 8, false) !== ORDER_MAGIC) return BROKEN
  const length = u32(bytes, at + 4, le)
  if (!isBlockLength(length)) return BROKEN
  const end = at + length
  return end > to ? MORE : { kind: 'record', end, form: 'pcapng' }
}

/** The length stands at both ends of a block, by which its byte order is told. */
function blockStep(bytes: Uint8Array, at: number, to: number): Step {
  if (to - at < 8) return MORE
  let isShort = false
  for (const le of [true, false]) {
    const length = u32(bytes, at + 4, le)
    if (!isBlockLength(length)) continue
    const end = at + length
    if (end > to) isShort = true
    else if (u32(bytes, end - 4, le) === length) return { kind: 'record', end, form: 'pcapng' }
  }
  return isShort ? MORE : BROKEN
}

const isBlockLength = (length: number): boolean =>
  length >= BLOCK_MIN && length <= RECORD_MAX && length % 4 === 0

/** Next place where a record stands that another one follows; -1 where none is found. */
function findRecord(
  bytes: Uint8Array,
  from: number,
  to: number,
  form: CaptureForm | undefined,
): number {
  for (let at = from; at + RECORD_HEADER <= to; at++) {
    const step = nextRecord(bytes, at, to, form)
    if (step.kind !== 'record') continue
    if (step.end === to || isHeader(bytes, at)) return at
    const after = nextRecord(bytes, step.end, to, step.form)
    if (after.kind === 'record' && isNear(bytes, at, step)) return at
  }
  return -1
}

const isHeader = (bytes: Uint8Array, at: number): boolean =>
  captureForm(bytes.subarray(at, at + 4)) !== undefined

/** Times of neighbouring packets lie within a day of each other; zeros are no record. */
function isNear(bytes: Uint8Array, at: number, step: { end: number; form: CaptureForm }): boolean {
  if (step.form === 'pcapng') return true
  if (step.end === at + RECORD_HEADER) return false
  const le = step.form === 'pcap-le'
  return Math.abs(u32(bytes, at, le) - u32(bytes, step.end, le)) < 86_400
}
