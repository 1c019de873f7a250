import type { QueryFacts } from './query.ts'

/** What BIND says of one request, behind `client @0x… ADDRESS#PORT (NAME): `. */
export type AboutRequest = Pick<
  QueryFacts,
  | 'code'
  | 'reason'
  | 'outcome'
  | 'denied'
  | 'name'
  | 'type'
  | 'class'
  | 'kind'
  | 'server'
  | 'flags'
  | 'responseCode'
>

type Reader = (found: RegExpExecArray, text: string) => AboutRequest

interface Kind {
  readonly pattern: RegExp
  readonly read: Reader
}

const REASON_MAX = 300
const failure = (code: string, denied = false): Reader => {
  return ([, name, type, kind], text) => ({
    ...{ code, reason: text.slice(0, REASON_MAX), outcome: 'failure', denied },
    ...{ name, type, class: kind },
  })
}
const note = (code: string, outcome: 'success' | 'unknown'): Reader => {
  return ([, name], text) => ({ code, reason: text.slice(0, REASON_MAX), outcome, name })
}
const flagsOf = (text: string | undefined): readonly string[] | undefined =>
  text?.startsWith('+') === true ? ['RD'] : undefined

/** lib/ns of BIND 9 (query.c, update.c, xfrout.c, client.c, notify.c) and lib/dns/rrl.c. */
const KINDS: readonly Kind[] = [
  {
    pattern: /^query: (\S+) (\S+) (\S+)(?: ([-+]\S*)(?: \(([0-9a-f.:%\w]+)\))?)?/,
    read: ([, name, kind, type, flags, server]) => ({
      ...{ code: 'query', reason: 'query', outcome: 'unknown', kind: 'query' },
      ...{ name, type, class: kind, server, flags: flagsOf(flags) },
    }),
  },
  {
    // Version 9.20 and later: `responselog`.
    pattern: /^response: (\S+) (\S+) (\S+) (\S+) \d+ \d+ \d+ ([-+]\S*)(?: \(([0-9a-f.:%\w]+)\))?/,
    read: ([, name, kind, type, code = '', flags, server]) => ({
      ...{ code: 'answer', reason: code, kind: 'answer', responseCode: code },
      outcome: code === 'NOERROR' ? 'success' : 'failure',
      ...{ name, type, class: kind, server, flags: flagsOf(flags) },
    }),
  },
  {
    // Infoblox' own: `answer: NAME IN A +E (SERVER) -> NOERROR`.
    pattern: /^answer: (\S+) (\S+) (\S+) ([-+]\S*) \(([0-9a-f.:%\w]+)\) -> ([A-Z]+)/,
    read: ([, name, kind, type, flags, server, code = '']) => ({
      ...{ code: 'answer', reason: code, kind: 'answer', responseCode: code },
      outcome: code === 'NOERROR' ? 'success' : 'failure',
      ...{ name, type, class: kind, server, flags: flagsOf(flags) },
    }),
  },
  {
    pattern: new RegExp(
      String.raw`^(?:query(?:-on)?(?: \(cache\))?|zone transfer|update|update forwarding|notify|request|signer` +
        String.raw`|recursion)(?: '([^'\s]*?)(?:\/([^'/\s]+))?\/([^'/\s]+)'?)?.{0,80}denied`,
    ),
    read: failure('denied', true),
  },
  // A release candidate of 9.4 cut the line there.
  { pattern: /^query \(cache\)$/, read: failure('denied', true) },
  {
    pattern: /^query failed \(([^)]{1,40})\)(?: for ([^\s/]+)\/([^\s/]+)\/([^\s/]+))?/,
    read: ([, code = 'failed', name, kind, type]) => ({
      ...{ code: 'failed', reason: code, kind: 'answer', responseCode: code, outcome: 'failure' },
      ...{ name, type, class: kind },
    }),
  },
  {
    pattern: /^(disabled )?rpz (\S+) (\S+) rewrite ([^\s/]+)(?:\/(\S+?)\/(\S+?))? via .*?(failed)?/,
    read: ([, off, trigger, policy, name, type, kind]) => {
      const passed = off !== undefined || policy === 'PASSTHRU'
      return {
        ...{ code: 'rpz', reason: `${trigger} ${policy}`, denied: !passed },
        outcome: passed ? 'success' : 'failure',
        ...{ name, type, class: kind },
      }
    },
  },
  { pattern: /^(?:rpz|try rpz|invalid rpz) /, read: failure('rpz-failed') },
  {
    pattern:
      /^(?:would )?(?:rate )?(?:limit|drop|slip|stop limiting)\w* .{0,200}? for (\S+) (\S+) +(\S+)/,
    read: failure('rate-limited', true),
  },
  {
    pattern: /^(?:would )?(?:rate limit|limit|stop limiting) /,
    read: failure('rate-limited', true),
  },
  { pattern: /^update '([^'\s]*?)\/\S+' approved/, read: note('update', 'success') },
  { pattern: /^signer ".{0,300}" approved/, read: note('signer', 'success') },
  {
    pattern: /^updating zone '([^'\s/]+)\/\S+': (?:adding|deleting)/,
    read: note('update', 'success'),
  },
  {
    pattern:
      /^(?:updating zone|update) '([^'\s/]+)\/\S+': .*(?:unsuccessful|failed|denied|rejected|not )/,
    read: failure('update-failed'),
  },
  { pattern: /^updating zone '([^'\s/]+)\/\S+'/, read: note('update', 'success') },
  {
    pattern: /^transfer of '([^'\s/]+)\/\S+': .*(?:failed|aborted|error|denied|timed out|refused)/,
    read: failure('transfer-failed'),
  },
  { pattern: /^transfer of '([^'\s/]+)\/\S+': /, read: note('transfer', 'success') },
  {
    pattern: /^bad zone transfer request: '([^'\s/]+)\/\S+'/,
    read: failure('transfer-denied', true),
  },
  { pattern: /^[AI]XFR request denied/, read: failure('transfer-denied', true) },
  { pattern: /^received notify for zone '([^'\s]+)'/, read: note('notify', 'unknown') },
  { pattern: /^request has (?:valid|no) signature/, read: note('signature', 'success') },
  { pattern: /^request has invalid signature/, read: failure('bad-signature', true) },
  {
    pattern:
      /^(?:no matching view|view |dropped request|refused |no valid|blackholed|UDP|TCP|DTLS)/,
    read: failure('refused', true),
  },
  {
    pattern:
      /^(?:message|request|dropping|unexpected|malformed|bad|invalid|unsupported|dns_message)\b/,
    read: failure('malformed'),
  },
  {
    pattern: /^(?:no more|recursive-clients|recursion|query iterations|TCP client|quota|loop)/,
    read: failure('limit'),
  },
  {
    pattern: /^(?:error|send|sent|could not|failed|can't|unable|connection|stale|timeout|timed)\b/,
    read: failure('send-failed'),
  },
  { pattern: /^trust-anchor-telemetry '([^'\s/]+)/, read: note('telemetry', 'unknown') },
  { pattern: /^root-key-sentinel/, read: note('telemetry', 'unknown') },
  {
    pattern: /^\S+ \S+ (?:query within stale|resolver failure, stale|stale answer)/,
    read: note('stale', 'unknown'),
  },
]

/** Undefined where the line is of no kind that BIND writes by itself. */
export function aboutRequest(text: string): AboutRequest | undefined {
  for (const { pattern, read } of KINDS) {
    const found = pattern.exec(text)
    if (found !== null) return read(found, text)
  }
  return undefined
}
