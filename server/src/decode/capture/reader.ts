import { u16, u32 } from './words.ts'

/** What a piece of a capture holds. */
export type CaptureRecord =
  | {
      readonly kind: 'packet'
      readonly timeMs: number | undefined
      /** Link type, as https://www.tcpdump.org/linktypes.html numbers them. */
      readonly link: number
      readonly bytes: Uint8Array
      /** Bytes of the packet that the capture left out. */
      readonly missing: number
    }
  | { readonly kind: 'header' }
  /** A pcapng block that holds no packet: names, statistics, keys. */
  | { readonly kind: 'block' }
  | { readonly kind: 'broken'; readonly detail: string }

interface Interface {
  readonly link: number
  /** Ticks a second; if_tsresol. */
  readonly ticks: number
  /** Seconds that are added to every time; if_tsoffset. */
  readonly offset: number
  readonly snap: number
}

/** What the headers of a capture said; plain values, so that it can be saved. */
export interface CaptureState {
  readonly form: 'pcap' | 'pcapng'
  readonly le: boolean
  readonly interfaces: readonly Interface[]
}

const INTERFACES_MAX = 256
const HEADER: CaptureRecord = { kind: 'header' }
const BLOCK: CaptureRecord = { kind: 'block' }
const SECTION = 0x0a0d0d0a
const NANO = new Set([0x4d3cb2a1, 0xa1b23c4d])
const MICRO = new Set([0xd4c3b2a1, 0xa1b2c3d4])

const broken = (detail: string): CaptureRecord => ({ kind: 'broken', detail })

/** Reads records one by one; `state` is what the headers before them said, and changes with each header. */
export function readRecord(
  bytes: Uint8Array,
  state: CaptureState | undefined,
): { readonly record: CaptureRecord; readonly state?: CaptureState } {
  const magic = u32(bytes, 0, false)
  if ((NANO.has(magic) || MICRO.has(magic)) && bytes.length === 24) {
    const le = magic === 0xd4c3b2a1 || magic === 0x4d3cb2a1
    // The upper bits tell of the frame check sequence.
    const link = u32(bytes, 20, le) & 0xffff
    const ticks = NANO.has(magic) ? 1e9 : 1e6
    const only = { link, ticks, offset: 0, snap: 0 }
    return { record: HEADER, state: { form: 'pcap', le, interfaces: [only] } }
  }
  if (magic === SECTION && bytes.length >= 28) {
    const le = u32(bytes, 8, true) === 0x1a2b3c4d
    return { record: HEADER, state: { form: 'pcapng', le, interfaces: [] } }
  }
  if (state === undefined) return { record: broken('No header of a capture came before it.') }
  return state.form === 'pcap' ? { record: classic(bytes, state) } : block(bytes, state)
}

function classic(bytes: Uint8Array, { le, interfaces }: CaptureState): CaptureRecord {
  const only = interfaces[0]
  if (bytes.length < 16 || only === undefined) return broken('The header of the record breaks off.')
  const taken = u32(bytes, 8, le)
  if (taken !== bytes.length - 16) return broken('The record is not as long as its header says.')
  const fraction = u32(bytes, 4, le) / only.ticks
  return {
    kind: 'packet',
    timeMs: Math.floor((u32(bytes, 0, le) + fraction) * 1000),
    link: only.link,
    bytes: bytes.subarray(16),
    missing: Math.max(0, u32(bytes, 12, le) - taken),
  }
}

const INTERFACE_BLOCK = 1
const OLD_PACKET_BLOCK = 2
const SIMPLE_PACKET_BLOCK = 3
const ENHANCED_PACKET_BLOCK = 6

function block(
  bytes: Uint8Array,
  state: CaptureState,
): { readonly record: CaptureRecord; readonly state?: CaptureState } {
  const { le, interfaces } = state
  const type = u32(bytes, 0, le)
  if (bytes.length < 12 || u32(bytes, 4, le) !== bytes.length) {
    return { record: broken('The block is not as long as it says.') }
  }
  if (type === INTERFACE_BLOCK) {
    if (bytes.length < 20) return { record: broken('The description of an interface breaks off.') }
    if (interfaces.length >= INTERFACES_MAX) {
      return { record: broken(`More than ${INTERFACES_MAX} interfaces in one section.`) }
    }
    const added = readInterface(bytes, le)
    return { record: HEADER, state: { ...state, interfaces: [...interfaces, added] } }
  }
  if (type === ENHANCED_PACKET_BLOCK) return { record: enhanced(bytes, state, u32(bytes, 8, le)) }
  // The obsolete packet block: as the enhanced one, its interface is 16 bits wide.
  if (type === OLD_PACKET_BLOCK) return { record: enhanced(bytes, state, u16(bytes, 8, le)) }
  if (type === SIMPLE_PACKET_BLOCK) return { record: simple(bytes, state) }
  return { record: BLOCK }
}

function enhanced(bytes: Uint8Array, { le, interfaces }: CaptureState, id: number): CaptureRecord {
  const from = interfaces[id]
  if (from === undefined) return broken(`No interface ${id} was described in this section.`)
  const taken = u32(bytes, 20, le)
  if (bytes.length < 32 || 28 + taken > bytes.length - 4) return broken('The packet breaks off.')
  const ticks = u32(bytes, 12, le) * 2 ** 32 + u32(bytes, 16, le)
  const seconds = ticks / from.ticks + from.offset
  return {
    kind: 'packet',
    timeMs: Math.floor(seconds * 1000),
    link: from.link,
    bytes: bytes.subarray(28, 28 + taken),
    missing: Math.max(0, u32(bytes, 24, le) - taken),
  }
}

/** It tells no time: the packet is as old as its receipt. */
function simple(bytes: Uint8Array, { le, interfaces }: CaptureState): CaptureRecord {
  const from = interfaces[0]
  if (from === undefined || bytes.length < 16)
    return broken('No interface was described before it.')
  const whole = u32(bytes, 8, le)
  const room = bytes.length - 16
  const taken = Math.min(whole, room, from.snap === 0 ? room : from.snap)
  const packet = bytes.subarray(12, 12 + taken)
  return {
    kind: 'packet',
    timeMs: undefined,
    link: from.link,
    bytes: packet,
    missing: whole - taken,
  }
}

const OPTION_TSRESOL = 9
const OPTION_TSOFFSET = 14

function readInterface(bytes: Uint8Array, le: boolean): Interface {
  let ticks = 1e6
  let offset = 0
  let at = 16
  while (at + 4 <= bytes.length - 4) {
    const code = u16(bytes, at, le)
    const length = u16(bytes, at + 2, le)
    at += 4
    if (code === 0 || at + length > bytes.length - 4) break
    if (code === OPTION_TSRESOL && length === 1) {
      const value = bytes[at] ?? 6
      ticks = value & 0x80 ? 2 ** Math.min(value & 0x7f, 63) : 10 ** Math.min(value, 18)
    } else if (code === OPTION_TSOFFSET && length === 8) {
      // A signed number of 64 bits; only what fits a calendar is used.
      const high = u32(bytes, le ? at + 4 : at, le) | 0
      offset = high * 2 ** 32 + u32(bytes, le ? at : at + 4, le)
      if (Math.abs(offset) > 1e11) offset = 0
    }
    at += length + ((4 - (length % 4)) % 4)
  }
  return { link: u16(bytes, 8, le), ticks, offset, snap: u32(bytes, 12, le) }
}
