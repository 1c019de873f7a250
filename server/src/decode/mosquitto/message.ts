import { parsePeer, type Peer, type PortStyle } from './address.ts'

/** `New client connected from PEER as ID (p2, c1, k60, u'USER').` of any version. */
export interface Connected {
  readonly peer: Peer
  readonly id: string
  readonly user: string | undefined
  readonly protocol: number | undefined
  readonly clean: boolean | undefined
  readonly keepalive: number | undefined
  readonly bridge: boolean
  /** The line broke off before its end (Mosquitto cuts lines at about 1,000 bytes). */
  readonly cut: boolean
  /** More than one reading fits, because a name imitates the rest of the line. */
  readonly ambiguous: boolean
}

const TRIES_MAX = 100
const PARAMS =
  /^(?:p(\d{1,3}), )?c([01]), k(\d{1,6})(?:, u(?:'([^]*)'|[\u2018\u2019]([^]*)[\u2018\u2019]|([^']*)))?$/

/** `at` is where the peer begins, behind `connected from `. */
export function parseConnected(
  message: string,
  at: number,
  bridge: boolean,
  style: PortStyle,
): Connected | undefined {
  const as = message.indexOf(' as ', at)
  if (as < 0) return undefined
  const peer = parsePeer(message.slice(at, as), style)
  const idAt = as + 4
  if (message.endsWith(').')) {
    const found = findParams(message, idAt)
    if (found !== undefined) return { peer, bridge, cut: false, ...found }
  }
  return {
    peer,
    bridge,
    id: message.slice(idAt),
    user: undefined,
    protocol: undefined,
    clean: undefined,
    keepalive: undefined,
    cut: true,
    ambiguous: false,
  }
}

function findParams(message: string, idAt: number) {
  let best: RegExpExecArray | undefined
  let bestAt = -1
  let readings = 0
  let tries = 0
  for (let open = message.indexOf(' (', idAt); open >= 0; open = message.indexOf(' (', open + 1)) {
    const next = message.charCodeAt(open + 2)
    if (next !== 112 && next !== 99) continue
    if (++tries > TRIES_MAX) break
    const params = PARAMS.exec(message.slice(open + 2, -2))
    if (params === null) continue
    readings += 1
    if (best === undefined) {
      best = params
      bestAt = open
    }
  }
  if (best === undefined) return undefined
  const [, protocol, clean, keepalive, quoted, curled, bare] = best
  return {
    id: message.slice(idAt, bestAt),
    user: quoted ?? curled ?? bare,
    protocol: protocol === undefined ? undefined : Number(protocol),
    clean: clean === '1',
    keepalive: Number(keepalive),
    ambiguous: readings > 1,
  }
}

/** How a connection ended, with the words of the version it was written by. */
export interface Closing {
  /** undefined: the broker did not know it (`<unknown>`, or 2.1's address in its place). */
  readonly id: string | undefined
  /** 2.1 and later write the peer. */
  readonly peer: Peer | undefined
  readonly reason: ClosingReason
  /** The reason as written, where it is not of a closed list (an error of the system). */
  readonly text: string | undefined
}

export type ClosingReason =
  | 'disconnected'
  | 'closed'
  | 'socket-error'
  | 'timeout'
  | 'not-authorised'
  | 'no-longer-authorised'
  | 'bad-credentials'
  | 'bad-auth-method'
  | 'banned'
  | 'id-invalid'
  | 'taken-over'
  | 'administrative'
  | 'protocol-error'
  | 'malformed'
  | 'oversize'
  | 'not-supported'
  | 'quota'
  | 'server'
  | 'other'

/** What stands behind `disconnected, `, `disconnected due to ` and `disconnected: `. */
const REASONS: Readonly<Record<string, ClosingReason>> = {
  'not authorised': 'not-authorised',
  'no longer authorised': 'no-longer-authorised',
  'bad username or password': 'bad-credentials',
  'bad authentication method': 'bad-auth-method',
  'client banned': 'banned',
  'client identifier not valid': 'id-invalid',
  'session taken over': 'taken-over',
  'administrative action': 'administrative',
  'protocol error': 'protocol-error',
  'malformed packet': 'malformed',
  'oversize packet': 'oversize',
  'oversize payload': 'oversize',
  'topic alias invalid': 'protocol-error',
  'receive maximum exceeded': 'protocol-error',
  'exceeding the receive maximum': 'protocol-error',
  'non-matching http origin': 'not-supported',
  'QoS too high or retain not supported': 'not-supported',
  'quota exceeded': 'quota',
  'connection rate exceeded': 'quota',
  'out of memory': 'server',
  'server busy': 'server',
  'server unavailable': 'server',
  'implementation specific error': 'server',
  'exceeded timeout': 'timeout',
  'connection closed by client': 'closed',
}

const UNKNOWN = '<unknown>'

/** `message` begins with `Client `. The reading goes from the end: an id may hold any words. */
export function parseClosing(message: string, style: PortStyle): Closing | undefined {
  if (message.endsWith(' closed its connection.')) return named(message, 23, 'closed')
  if (message.endsWith(' has exceeded timeout, disconnecting.')) {
    return named(message, 37, 'timeout')
  }
  if (message.endsWith(' been disconnected by administrative action.')) {
    return named(message, 44, 'administrative')
  }
  const at = message.lastIndexOf(' disconnected')
  if (at < 7) return undefined
  const rest = message.slice(at + 13)
  const found = closingReason(rest)
  if (found === undefined) return undefined
  const who = message.slice(7, at)
  const open = who.endsWith(']') ? who.lastIndexOf(' [') : -1
  if (open < 0) return { id: who === UNKNOWN ? undefined : who, peer: undefined, ...found }
  const peer = parsePeer(who.slice(open + 2, -1), style === 'none' ? 'unknown' : style)
  const id = who.slice(0, open)
  return { id: id === peer.address || id === UNKNOWN ? undefined : id, peer, ...found }
}

function closingReason(
  rest: string,
): { reason: ClosingReason; text: string | undefined } | undefined {
  if (rest === '.') return { reason: 'disconnected', text: undefined }
  const colon = rest.startsWith(': ')
  let phrase: string
  if (colon || rest.startsWith(', ')) phrase = rest.slice(2)
  else if (rest.startsWith(' due to ')) phrase = rest.slice(8)
  else return undefined
  if (phrase.endsWith('.')) phrase = phrase.slice(0, -1)
  const reason = Object.hasOwn(REASONS, phrase) ? REASONS[phrase] : undefined
  if (reason !== undefined) return { reason, text: phrase }
  if (phrase.startsWith('us')) {
    // `using not allowed feature (…)`, `used disallowed feature (…)`
    if (phrase.includes('allowed feature')) return { reason: 'not-supported', text: phrase }
  }
  if (phrase.startsWith('bad socket read/write')) return { reason: 'socket-error', text: phrase }
  return { reason: colon ? 'socket-error' : 'other', text: phrase }
}

function named(message: string, tail: number, reason: ClosingReason): Closing {
  const id = message.slice(7, message.length - tail)
  return { id: id === UNKNOWN ? undefined : id, peer: undefined, reason, text: undefined }
}

/** `Sending CONNACK to WHO (0, 5)`: who is a client id, or (up to 2.0.14) an address. */
export interface Connack {
  readonly who: string
  readonly code: number
}

const CODES = /^(?:\d{1,3}, )?(\d{1,3})\)$/

export function parseConnack(message: string): Connack | undefined {
  const open = message.lastIndexOf(' (')
  if (open < 19) return undefined
  const found = CODES.exec(message.slice(open + 2))
  return found === null ? undefined : { who: message.slice(19, open), code: Number(found[1]) }
}

/** `Denied PUBLISH from ID (d0, q1, r0, m1, 'TOPIC', ... (5 bytes))`, and `to ID (q0, r0, 'TOPIC', …`. */
export interface Denied {
  readonly id: string
  readonly topic: string | undefined
  readonly qos: number | undefined
  readonly retain: boolean | undefined
  readonly bytes: number | undefined
}

const HEAD = /^ \((?:d\d+, )?q(\d), r(\d)(?:, m\d+)?, '/
const BYTES = /^\d{1,10}/
const READINGS_MAX = 50

/** `rest` is what stands behind `Denied PUBLISH from ` or `… to `. */
export function parseDenied(rest: string): Denied {
  let open = rest.indexOf(' (')
  for (let tries = 0; open >= 0 && tries < READINGS_MAX; tries++) {
    const head = HEAD.exec(rest.slice(open, open + 60))
    if (head !== null) {
      const tail = rest.lastIndexOf("', ... (")
      const from = open + head[0].length
      const whole = tail >= from
      const bytes = whole ? BYTES.exec(rest.slice(tail + 8, tail + 20)) : null
      return {
        id: rest.slice(0, open),
        topic: whole ? rest.slice(from, tail) : undefined,
        qos: Number(head[1]),
        retain: head[2] === '1',
        bytes: bytes === null ? undefined : Number(bytes[0]),
      }
    }
    open = rest.indexOf(' (', open + 1)
  }
  return { id: rest, topic: undefined, qos: undefined, retain: undefined, bytes: undefined }
}
