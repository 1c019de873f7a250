import { ipText } from '../network/ip-text.ts'

/** A TCP segment of a frame. */
export interface Segment {
  readonly kind: 'segment'
  readonly source: string
  readonly sourcePort: number
  readonly destination: string
  readonly destinationPort: number
  readonly seq: number
  readonly ack: number
  readonly flags: number
  readonly payload: Uint8Array
  /** Bytes at the end of the payload that the capture left out. */
  readonly missing: number
}

/** A part of an IP packet that was sent in several. */
export interface Fragment {
  readonly kind: 'fragment'
  /** Source and destination, one behind the other. */
  readonly addresses: Uint8Array
  readonly id: number
  /** What the packet carries: of the first fragment, the protocol or the next extension header. */
  readonly next: number
  readonly offset: number
  readonly more: boolean
  readonly payload: Uint8Array
  /** Bytes at the end of the payload that the capture left out. */
  readonly missing: number
}

/** Why a frame holds no segment that could be read. */
export const FRAME_SKIPS = [
  'link-unknown',
  'not-ip',
  'not-tcp',
  'ip-fragment',
  'ip-fragment-overlap',
  'cut-short',
  'bad-header',
] as const
export type FrameSkip = (typeof FRAME_SKIPS)[number]

export const FIN = 1
export const SYN = 2
export const RST = 4
export const ACK = 16

const IPV4 = 0x0800
const IPV6 = 0x86dd
const TCP = 6
/** 802.1Q, 802.1ad and the numbers that were used for stacked tags before it. */
const TAGS = new Set([0x8100, 0x88a8, 0x9100, 0x9200])
const PPPOE_SESSION = 0x8864
const MPLS = 0x8847
const TAGS_MAX = 8

const u16 = (bytes: Uint8Array, at: number): number =>
  ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0)
const u32 = (bytes: Uint8Array, at: number): number =>
  (((bytes[at] ?? 0) << 24) |
    ((bytes[at + 1] ?? 0) << 16) |
    ((bytes[at + 2] ?? 0) << 8) |
    (bytes[at + 3] ?? 0)) >>>
  0

interface Place {
  readonly at: number
  readonly type: number
}

/** The TCP segment of a captured frame of one link type, a fragment of one, or why there is none. */
export function readFrame(frame: Uint8Array, link: number): Segment | Fragment | FrameSkip {
  const place = network(frame, link)
  if (typeof place === 'string') return place
  return place.type === IPV4 ? ipv4(frame, place.at) : ipv6(frame, place.at)
}

/** Where the IP packet begins. Numbers: https://www.tcpdump.org/linktypes.html. */
function network(frame: Uint8Array, link: number): Place | FrameSkip {
  switch (link) {
    case 1: // Ethernet
      return behindType(frame, 12)
    case 113: // LINUX_SLL
      return behindType(frame, 14)
    case 276: // LINUX_SLL2: the protocol stands first, the packet behind 20 bytes
      if (frame.length < 20) return 'cut-short'
      return byType(frame, u16(frame, 0), 20)
    case 0: // NULL, in the byte order of the host
    case 108: // LOOP, big-endian
      if (frame.length < 4) return 'cut-short'
      return family(frame)
    case 12: // RAW on some systems
    case 14:
    case 101:
    case 228:
    case 229:
      return byVersion(frame, 0)
    default:
      return 'link-unknown'
  }
}

/** AF_INET is 2 everywhere; AF_INET6 is 10, 24, 28 or 30. */
function family(frame: Uint8Array): Place | FrameSkip {
  const given = Math.max(frame[0] ?? 0, frame[3] ?? 0)
  return [2, 10, 24, 28, 30].includes(given) ? byVersion(frame, 4) : 'not-ip'
}

function byVersion(frame: Uint8Array, at: number): Place | FrameSkip {
  if (frame.length <= at) return 'cut-short'
  const version = (frame[at] ?? 0) >> 4
  if (version === 4) return { at, type: IPV4 }
  return version === 6 ? { at, type: IPV6 } : 'not-ip'
}

function behindType(frame: Uint8Array, at: number): Place | FrameSkip {
  if (frame.length < at + 2) return 'cut-short'
  return byType(frame, u16(frame, at), at + 2)
}

function byType(frame: Uint8Array, first: number, from: number): Place | FrameSkip {
  let type = first
  let at = from
  for (let tags = 0; TAGS.has(type); tags++) {
    if (tags >= TAGS_MAX) return 'bad-header'
    if (frame.length < at + 4) return 'cut-short'
    type = u16(frame, at + 2)
    at += 4
  }
  if (type === PPPOE_SESSION) {
    if (frame.length < at + 8) return 'cut-short'
    const protocol = u16(frame, at + 6)
    at += 8
    type = protocol === 0x0021 ? IPV4 : protocol === 0x0057 ? IPV6 : 0
  }
  if (type === MPLS) return behindLabels(frame, at)
  return type === IPV4 || type === IPV6 ? { at, type } : 'not-ip'
}

function behindLabels(frame: Uint8Array, from: number): Place | FrameSkip {
  let at = from
  for (let labels = 0; labels < TAGS_MAX; labels++) {
    if (frame.length < at + 4) return 'cut-short'
    const isLast = ((frame[at + 2] ?? 0) & 1) === 1
    at += 4
    if (isLast) return byVersion(frame, at)
  }
  return 'bad-header'
}

/** RFC 791, 3.1. */
function ipv4(frame: Uint8Array, at: number): Segment | Fragment | FrameSkip {
  if (frame.length < at + 20) return 'cut-short'
  const head = ((frame[at] ?? 0) & 15) * 4
  if ((frame[at] ?? 0) >> 4 !== 4 || head < 20) return 'bad-header'
  if (frame[at + 9] !== TCP) return 'not-tcp'
  // A sender that leaves segmentation to its network card may write no length.
  const length = u16(frame, at + 2) || frame.length - at
  if (length < head) return 'bad-header'
  const parts = u16(frame, at + 6)
  // More fragments, or an offset.
  if ((parts & 0x3fff) !== 0) {
    const of = { id: u16(frame, at + 4), next: TCP, offset: (parts & 0x1fff) * 8 }
    const addresses = frame.subarray(at + 12, at + 20)
    return fragment(frame, at + head, at + length, {
      ...of,
      addresses,
      more: (parts & 0x2000) !== 0,
    })
  }
  return tcp(frame, at + head, at + length, at + 12, 4)
}

const HOP_BY_HOP = 0
const ROUTING = 43
const FRAGMENT = 44
const AUTHENTICATION = 51
const DESTINATION = 60
const EXTENSIONS_MAX = 16

/** RFC 8200, 3 and 4. */
function ipv6(frame: Uint8Array, at: number): Segment | Fragment | FrameSkip {
  if (frame.length < at + 40) return 'cut-short'
  if ((frame[at] ?? 0) >> 4 !== 6) return 'bad-header'
  const length = u16(frame, at + 4)
  const end = length === 0 ? frame.length : at + 40 + length
  return behindHeaders(frame, { next: frame[at + 6] ?? 0, at: at + 40, end, addresses: at + 8 })
}

/** The segment of a packet whose fragments were put together. */
export function wholeSegment(
  addresses: Uint8Array,
  next: number,
  payload: Uint8Array,
  missing: number,
): Segment | FrameSkip {
  const size = addresses.length / 2
  const frame = new Uint8Array(addresses.length + payload.length)
  frame.set(addresses)
  frame.set(payload, addresses.length)
  const at = addresses.length
  const end = frame.length + missing
  if (size === 4) return tcp(frame, at, end, 0, size)
  const found = behindHeaders(frame, { next, at, end, addresses: 0 })
  // A fragment within a fragment: nobody sends that.
  return typeof found === 'object' && found.kind === 'fragment' ? 'bad-header' : found
}

function fragment(
  frame: Uint8Array,
  from: number,
  end: number,
  of: Omit<Fragment, 'kind' | 'payload' | 'missing'>,
): Fragment {
  const to = Math.max(from, Math.min(end, frame.length))
  const payload = frame.subarray(Math.min(from, frame.length), to)
  return { kind: 'fragment', ...of, payload, missing: Math.max(0, end - to) }
}

interface Headers {
  readonly next: number
  readonly at: number
  readonly end: number
  readonly addresses: number
}

function behindHeaders(
  frame: Uint8Array,
  { next: first, at, end, addresses }: Headers,
): Segment | Fragment | FrameSkip {
  let next = first
  let head = at
  for (let extensions = 0; ; extensions++) {
    if (next === TCP) return tcp(frame, head, end, addresses, 16)
    const isWords = next === HOP_BY_HOP || next === ROUTING || next === DESTINATION
    if (!isWords && next !== FRAGMENT && next !== AUTHENTICATION) return 'not-tcp'
    if (extensions >= EXTENSIONS_MAX) return 'bad-header'
    if (frame.length < head + 8) return 'cut-short'
    const parts = u16(frame, head + 2)
    // An atomic fragment (RFC 6946) is whole.
    if (next === FRAGMENT && (parts & 0xfff9) !== 0) {
      const of = { id: u32(frame, head + 4), next: frame[head] ?? 0, offset: parts & 0xfff8 }
      const both = frame.subarray(addresses, addresses + 32)
      return fragment(frame, head + 8, end, { ...of, addresses: both, more: (parts & 1) === 1 })
    }
    const units = frame[head + 1] ?? 0
    const size = next === FRAGMENT ? 8 : next === AUTHENTICATION ? (units + 2) * 4 : (units + 1) * 8
    next = frame[head] ?? 0
    head += size
    if (head > end) return 'bad-header'
  }
}

/** RFC 9293, 3.1. `end`: where the packet ends by its own length; frames may be padded. */
function tcp(
  frame: Uint8Array,
  at: number,
  end: number,
  addresses: number,
  size: number,
): Segment | FrameSkip {
  if (frame.length < at + 20) return end - at < 20 ? 'bad-header' : 'cut-short'
  const head = ((frame[at + 12] ?? 0) >> 4) * 4
  if (head < 20 || at + head > end) return 'bad-header'
  const from = Math.min(at + head, frame.length)
  const to = Math.min(end, frame.length)
  return {
    kind: 'segment',
    source: ipText(frame.subarray(addresses, addresses + size)) ?? '',
    sourcePort: u16(frame, at),
    destination: ipText(frame.subarray(addresses + size, addresses + 2 * size)) ?? '',
    destinationPort: u16(frame, at + 2),
    seq: u32(frame, at + 4),
    ack: u32(frame, at + 8),
    flags: frame[at + 13] ?? 0,
    payload: frame.subarray(from, Math.max(from, to)),
    missing: Math.max(0, end - Math.max(to, at + head)),
  }
}
