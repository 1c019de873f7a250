import { ANEW } from '../../base/anew.ts'
import type { EventAction } from '../../model/event.ts'
import type { Outcome } from '../network/told.ts'

/** A kind of line, and what it tells; the groups of the pattern name user, peer, port and the like. */
export interface Form {
  readonly pattern: RegExp
  readonly action: EventAction
  readonly outcome: Outcome
  readonly code: string
  readonly type?: 'start' | 'end' | 'info' | 'error'
  /** Instead of `authentication`. */
  readonly category?: readonly string[]
}

export const PEER = String.raw`(?<ip>[\w.:%-]+)`
export const PORT = String.raw`(?: port (?<port>\d{1,5}))?`
/** Where the name is not closed off by ` from `. */
export const PORTED = String.raw` port (?<port>\d{1,5})`
export const PRE = String.raw`(?: \[preauth\])?`
export const at = (text: string): RegExp => new RegExp(`^${text}$`)
export const login = (outcome: Outcome, code: string, text: string): Form => ({
  pattern: at(text),
  action: 'user-login',
  outcome,
  code,
})
export const ended = (code: string, text: string): Form => ({
  pattern: at(text),
  action: 'user-logout',
  outcome: 'success',
  code,
  type: 'end',
})

/** About a connection and not about a login. */
export const seen = (action: EventAction, outcome: Outcome, code: string, text: string): Form => ({
  ...ANEW,
  ...{ pattern: at(text), action, outcome, code, category: ['network'] },
  type: 'info',
})
/** What a server says of itself. */
export const told = (
  action: 'service-start' | 'service-stop' | 'service-error' | 'service-notice',
  code: string,
  text: string,
): Form => ({
  ...ANEW,
  ...{ pattern: at(text), action, code, category: ['process'] },
  outcome:
    action === 'service-error' ? 'failure' : action === 'service-notice' ? 'unknown' : 'success',
  type: WORDS[action],
})
const WORDS = {
  'service-start': 'start',
  'service-stop': 'end',
  'service-error': 'error',
  'service-notice': 'info',
} as const
