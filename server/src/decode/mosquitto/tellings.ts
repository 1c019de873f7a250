import { ANEW } from '../../base/anew.ts'
import type { EcsDoc } from '../../model/event.ts'
import {
  CONNECT,
  connackReason,
  ENDED,
  FAULT,
  NETWORK,
  REFUSED,
  SESSION,
  sourceOf,
  TLS_FAULT,
} from './drafts.ts'
import type { Held } from './memory.ts'
import type { About, Telling } from './teller.ts'

/** The lines of a join: what was held, and the line that completed it, if one did. */
function linesOf(held: Held, line: string | undefined): readonly string[] {
  return line === undefined ? held.lines : [...held.lines, line]
}

/** `about` is the connection that took the id. */
export function takeoverTelling(held: Held, about: About, line: string | undefined): Telling {
  const mqtt: EcsDoc = {}
  const { session } = held
  if (session !== undefined) {
    const previous = sourceOf(session)
    if (session.user !== undefined) previous['user'] = session.user
    mqtt['previous'] = previous
  }
  const words = {
    category: SESSION,
    type: ['connection', 'change'],
    outcome: 'success',
    reason: 'another connection took the client id',
    code: 'takeover',
  } as const
  return { action: 'mqtt-takeover', words, about, mqtt, lines: linesOf(held, line) }
}

/** The old connection of a client that was taken over. */
export function displacedTelling(about: About): Telling {
  const words = {
    category: SESSION,
    type: ENDED,
    outcome: 'unknown',
    reason: 'session taken over',
    code: 'taken-over',
  } as const
  return { action: 'mqtt-disconnect', words, about }
}

export function refusalTelling(held: Held, found: About, line: string | undefined): Telling {
  const code = held.code ?? 0
  const about = held.user === undefined ? found : { ...ANEW, ...found, user: held.user }
  const mqtt: EcsDoc = { reason_code: code }
  if (held.detail !== undefined) mqtt['detail'] = held.detail
  const words = {
    category: CONNECT,
    type: REFUSED,
    outcome: 'failure',
    reason: connackReason(code),
    code: 'connack-refused',
  } as const
  const lines = linesOf(held, line)
  return { action: 'mqtt-connect', words, about, mqtt, lines, retryOf: 'connect' }
}

/** `live`: the client was connected, so the handshake was long done. */
export function tlsTelling(
  held: Held,
  about: About,
  live: boolean,
  line: string | undefined,
): Telling {
  const { tls } = held
  const words = {
    category: NETWORK,
    type: TLS_FAULT,
    outcome: 'failure',
    reason: tls?.reason ?? 'unknown',
    code: 'tls-failure',
  } as const
  const fields: EcsDoc = { tls: { established: live } }
  if (tls?.code !== undefined) fields['error'] = { code: tls.code, message: tls.text }
  const telling = { words, about, fields, lines: linesOf(held, line) }
  if (live) return { action: 'tls-error', ...telling }
  return { action: 'tls-handshake', ...telling, retryOf: 'tls' }
}

export function faultTelling(held: Held, about: About, line: string | undefined): Telling {
  const words = {
    category: NETWORK,
    type: FAULT,
    outcome: 'failure',
    reason: held.detail ?? 'protocol error',
    code: 'protocol-error',
  } as const
  return { action: 'protocol-error', words, about, lines: linesOf(held, line) }
}
