import type { EcsDoc } from '../../model/event.ts'
import { DENIED, NETWORK, PROCESS } from './drafts.ts'

/** Action, category and type of the notices that are told as they stand. */
export const NOTICE_WORDS = {
  error: ['service-error', PROCESS, ['info', 'error']],
  reload: ['config-change', ['configuration'], ['change']],
  finding: ['audit-finding', ['configuration'], ['info']],
  denied: ['mqtt-publish-denied', NETWORK, DENIED],
} as const

/** Who the broker refused because its name is a topic filter: `... with dangerous client id "a+b"`. */
export function dangerousName(text: string): EcsDoc | undefined {
  const found = /^ACL denying access to client with dangerous (client id|username) "([^]+)"$/.exec(
    text,
  )
  if (found === null) return undefined
  const [, kind, name] = found
  return kind === 'username' ? { user: { name } } : { iot: { mqtt: { client_id: name } } }
}
