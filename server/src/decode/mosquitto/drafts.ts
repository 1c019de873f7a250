import type { EcsDoc } from '../../model/event.ts'
import { type Peer, plainIp } from './address.ts'

/** What the log told of a live connection; the key is its client id. */
export interface Session {
  readonly address: string
  readonly ip?: string | undefined
  readonly port?: number | undefined
  readonly user?: string
  readonly protocol?: number
  readonly keepalive?: number
  readonly clean?: boolean
  readonly listener?: number
  readonly bridge?: boolean
  readonly sinceMs: number
}

export interface EventWords {
  readonly category: readonly string[]
  readonly type: readonly string[]
  readonly outcome: 'success' | 'failure' | 'unknown'
  readonly reason: string
  /** Stable name of the kind of message. */
  readonly code: string
  /** Duration of what ended, in ns. */
  readonly duration?: number
}

export const CONNECT = ['network', 'authentication', 'session'] as const
export const SESSION = ['network', 'session'] as const
export const NETWORK = ['network'] as const
export const PROCESS = ['process'] as const

export const STARTED = ['connection', 'start', 'allowed'] as const
export const REFUSED = ['connection', 'start', 'denied'] as const
export const ENDED = ['connection', 'end'] as const
export const DENIED = ['access', 'denied'] as const
export const FAULT = ['protocol', 'error'] as const
export const TLS_FAULT = ['connection', 'protocol', 'denied'] as const

const MQTT_NETWORK = { protocol: 'mqtt', transport: 'tcp' } as const

/** Of 2.1's own numbering (p4) and the wire's (p3 is 3.1, 4 is 3.1.1): what people call it. */
const PROTOCOLS: Readonly<Record<number, string>> = {
  1: '3.1',
  2: '3.1.1',
  3: '3.1',
  4: '3.1.1',
  5: '5.0',
}

export function protocolVersion(number: number | undefined): string | undefined {
  return number === undefined ? undefined : PROTOCOLS[number]
}

export function sourceOf(peer: Peer | Session): EcsDoc {
  const source: EcsDoc = { address: peer.address }
  if (peer.ip !== undefined) source['ip'] = peer.ip
  if (peer.port !== undefined) source['port'] = peer.port
  return source
}

export function peerOf(address: string): Peer {
  return { address, ip: plainIp(address), port: undefined }
}

/** The frame of every document; `mqtt` is what stands under `iot.mqtt`. */
export function eventDoc(
  words: EventWords,
  observer: EcsDoc,
  source: EcsDoc | undefined,
  mqtt: EcsDoc | undefined,
): EcsDoc {
  const doc: EcsDoc = { event: { kind: 'event', ...words }, observer }
  if (source !== undefined || mqtt !== undefined) doc['network'] = MQTT_NETWORK
  if (source !== undefined) doc['source'] = source
  if (mqtt !== undefined) doc['iot'] = { mqtt }
  return doc
}

/** CONNACK codes: MQTT 3.1.1 section 3.2.2.3 and MQTT 5.0 section 3.2.2.2. */
const CONNACK_REASONS: Readonly<Record<number, string>> = {
  1: 'unacceptable protocol version',
  2: 'identifier rejected',
  3: 'server unavailable',
  4: 'bad username or password',
  5: 'not authorised',
  128: 'unspecified error',
  129: 'malformed packet',
  130: 'protocol error',
  131: 'implementation specific error',
  132: 'unacceptable protocol version',
  133: 'identifier rejected',
  134: 'bad username or password',
  135: 'not authorised',
  136: 'server unavailable',
  137: 'server busy',
  138: 'banned',
  140: 'bad authentication method',
  144: 'topic name invalid',
  149: 'packet too large',
  151: 'quota exceeded',
  153: 'payload format invalid',
  154: 'retain not supported',
  155: 'qos not supported',
  156: 'use another server',
  157: 'server moved',
  159: 'connection rate exceeded',
}

export function connackReason(code: number): string {
  return CONNACK_REASONS[code] ?? `code ${code}`
}
