import type { EventAction } from '../../model/event.ts'
import type { ClosingReason } from './message.ts'

/** What a closing line comes to when no other line told more. */
export interface ClosingWords {
  /**
   * `refusal`: the client was never let in. `end`: a connection ended. `fault`: the peer broke the
   * protocol. A refusal of a client that is connected is the end of its connection.
   */
  readonly kind: 'refusal' | 'end' | 'fault'
  readonly action: EventAction
  readonly outcome: 'success' | 'failure' | 'unknown'
  readonly reason: string
  readonly code: string
}

const refusal = (reason: string, code: string): ClosingWords => ({
  kind: 'refusal',
  action: 'mqtt-connect',
  outcome: 'failure',
  reason,
  code,
})
const end = (
  reason: string,
  code: string,
  outcome: 'success' | 'unknown' | 'failure',
): ClosingWords => ({ kind: 'end', action: 'mqtt-disconnect', outcome, reason, code })
const fault = (reason: string, code: string): ClosingWords => ({
  kind: 'fault',
  action: 'protocol-error',
  outcome: 'failure',
  reason,
  code,
})

export const CLOSING_WORDS: Readonly<Record<ClosingReason, ClosingWords>> = {
  disconnected: end('client disconnected', 'disconnected', 'success'),
  closed: end('connection closed without disconnect', 'closed', 'unknown'),
  'socket-error': end('socket error', 'socket-error', 'unknown'),
  timeout: { ...end('keepalive timeout', 'timeout', 'failure'), action: 'mqtt-timeout' },
  'not-authorised': refusal('not authorised', 'not-authorised'),
  'no-longer-authorised': end('no longer authorised', 'no-longer-authorised', 'failure'),
  'bad-credentials': refusal('bad username or password', 'bad-credentials'),
  'bad-auth-method': refusal('bad authentication method', 'bad-auth-method'),
  banned: refusal('banned', 'banned'),
  'id-invalid': refusal('identifier rejected', 'id-invalid'),
  'taken-over': end('session taken over', 'taken-over', 'unknown'),
  administrative: end('administrative action', 'administrative', 'success'),
  'protocol-error': fault('protocol error', 'protocol-error'),
  malformed: fault('malformed packet', 'malformed'),
  oversize: fault('oversize packet', 'oversize'),
  'not-supported': fault('feature not supported', 'not-supported'),
  quota: end('quota exceeded', 'quota', 'failure'),
  server: end('server fault', 'server', 'failure'),
  other: end('other', 'other', 'unknown'),
}
