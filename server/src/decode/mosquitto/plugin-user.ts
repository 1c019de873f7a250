const CHECKS: readonly (readonly [string, string])[] = [
  // mosquitto-auth-plug: `|-- mosquitto_auth_unpwd_check(NAME)`
  ['|-- mosquitto_auth_unpwd_check(', ')'],
  // the same: `|-- getuser(NAME) AUTHENTICATED=0 by none`
  ['|-- getuser(', ') AUTHENTICATED=0'],
  // mosquitto-go-auth, level debug: `time="…" level=debug msg="checking user NAME with backend X"`
  ['msg="checking user ', ' with backend '],
]
const NAME_MAX = 256

/**
 * The user whose password an authentication plugin is checking. Plugins run within the broker's one
 * thread, so a refusal that follows is that user's.
 */
export function pluginUser(message: string): string | undefined {
  for (const [before, behind] of CHECKS) {
    const at = message.indexOf(before)
    if (at < 0 || (at > 0 && !message.startsWith('time="'))) continue
    const from = at + before.length
    const end = message.lastIndexOf(behind)
    if (end > from && end - from <= NAME_MAX) return message.slice(from, end)
  }
  return undefined
}
