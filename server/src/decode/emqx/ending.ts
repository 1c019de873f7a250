import type { Draft } from '../../model/decoder.ts'
import type { EcsDoc, EventAction } from '../../model/event.ts'
import { eventOf } from '../document/json-decoder.ts'

/** An event, the class of a routine line, or undefined for what is of another form. */
export type Told = Omit<Draft, 'part'> | string | undefined

const REASON_MAX = 500

/** `{shutdown,takenover}`: why a connection ended. */
export function ending(reason: string): [EventAction, EcsDoc] {
  const word = /^\{?(?:shutdown,\s?)?([a-z_]{1,60})/.exec(reason)?.[1] ?? reason
  const end = (outcome: 'success' | 'failure', code: string): EcsDoc =>
    eventOf(['session'], ['end'], outcome, { code, reason: word.slice(0, REASON_MAX) })
  if (/^(?:discarded|takenover|takeovered|duplicate_id)$/.test(word))
    return ['mqtt-takeover', end('success', `session-${word}`)]
  if (word === 'keepalive_timeout') return ['mqtt-timeout', end('failure', 'keep-alive')]
  if (word === 'normal') return ['mqtt-disconnect', end('success', 'client-disconnected')]
  return ['mqtt-disconnect', end('failure', 'connection-ended')]
}
