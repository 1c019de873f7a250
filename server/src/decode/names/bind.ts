import { ANEW } from '../../base/anew.ts'
import type { DecoderSpec, DecodeSink } from '../../model/decoder.ts'
import type { Frame } from '../line/frame.ts'
import { LineDecoder } from '../line/line-decoder.ts'
import { checkStampOptions, STAMP_OPTIONS } from '../line/options.ts'
import { queryOf, serverWords } from './query.ts'

const PROGRAM = /^(?:\S+ )?named(?:\[\d+\])?: /
const CATEGORY =
  /^(?:([a-z][a-z0-9-]{2,30}): )?(?:(critical|error|warning|notice|info|debug \d+): )?/
const CLIENT =
  /^client (?:@0x[0-9a-f]+ )?([0-9a-f.:%\w]+)#(\d{1,5})(?:\/key [^\s:]+)?(?: \(([^\s)]*)\))?: (?:view [^\s:]+: )?/
const QUERY = /^query: (\S+) (\S+) (\S+) ([-+]\S*)(?: \(([0-9a-f.:%\w]+)\))?/
const DENIED =
  /^(?:query(?: \(cache\))?|zone transfer|update|notify) '([^'\s]*)\/([^'/\s]+)\/([^'/\s]+)'?.{0,60}denied/
const FAILED = /^query failed \(([^)]{1,40})\) for ([^\s/]+)\/([^\s/]+)\/([^\s/]+)/
const RPZ = /^rpz (\S+) (\S+) rewrite ([^\s/]+)(?:\/(\S+?)\/(\S+?))? via/
const WORD = new RegExp(
  [
    String.raw`^(?:zone |managed-keys|running|loading|listening|reloading|received control|using `,
    String.raw`|sizing|set up|automatic|command channel|configuring|all zones|client |transfer `,
    String.raw`|resolver|network |lame|success|timed out|validating|no valid|found |built|compiled`,
    String.raw`|BIND |adjusted|generating|sending notifies|shutting|stopping|checkhints|dumping`,
    String.raw`|statistics|error \(|broken trust|additionally|clients-per|insecurity`,
    String.raw`|address not available|DNS format|FORMERR|SERVFAIL|REFUSED|-+$)`,
  ].join(''),
)

/** BIND's `queries`, `security` and `query-errors` channels; other categories are about itself. */
function read(message: string, frame: Frame, out: DecodeSink): void {
  const header = PROGRAM.exec(message)
  const whole = header === null ? message : message.slice(header[0].length)
  const named = header !== null || frame.program === 'named'
  if (!named && frame.program !== undefined) {
    out.routine('other-program')
    return
  }
  const [prefix = '', category, level] = CATEGORY.exec(whole) ?? []
  const text = whole.slice(prefix.length)
  const client = CLIENT.exec(text)
  if (client !== null) {
    const words = ofClient(client, text.slice(client[0].length), frame)
    if (words === undefined) out.routine('client')
    else out.event({ timeMs: frame.timeMs, action: words.action, doc: words.doc })
  } else if (level === 'error' || level === 'critical') {
    const words = serverWords('service-error', text, 'BIND')
    out.event({ timeMs: frame.timeMs, action: words.action, doc: words.doc })
  } else if (/^(?:starting BIND|exiting)/.test(text)) {
    const words = serverWords(
      text.startsWith('exiting') ? 'service-stop' : 'service-start',
      text,
      'BIND',
    )
    out.event({ timeMs: frame.timeMs, action: words.action, doc: words.doc })
  } else if (named || category !== undefined || level !== undefined || WORD.test(text)) {
    out.routine('status')
  } else {
    out.reject('DECODE_UNKNOWN', 'This is no line of BIND.')
  }
}

function ofClient(client: RegExpExecArray, text: string, frame: Frame) {
  const base = {
    client: client[1],
    port: Number(client[2]),
    product: 'BIND',
    host: frame.host,
  }
  const asked = QUERY.exec(text)
  if (asked !== null) {
    const [, name, kind, type, flags = '', server] = asked
    return queryOf({
      ...ANEW,
      ...base,
      name,
      type,
      class: kind,
      server,
      flags: flags.startsWith('+') ? ['RD'] : undefined,
      kind: 'query',
      code: 'query',
      reason: 'query',
      outcome: 'unknown',
    })
  }
  const denied = DENIED.exec(text)
  if (denied !== null) {
    const [, name, type, kind] = denied
    return queryOf({
      ...ANEW,
      ...base,
      name,
      type,
      class: kind,
      code: 'denied',
      reason: text.slice(0, 300),
      outcome: 'failure',
      denied: true,
    })
  }
  const failed = FAILED.exec(text)
  if (failed !== null) {
    const [, responseCode, name, kind, type] = failed
    return queryOf({
      ...ANEW,
      ...base,
      name,
      type,
      class: kind,
      responseCode,
      kind: 'answer',
      code: 'failed',
      reason: responseCode ?? 'failed',
      outcome: 'failure',
    })
  }
  const rewritten = RPZ.exec(text)
  if (rewritten === null) return undefined
  const [, trigger, policy, name, type, kind] = rewritten
  return queryOf({
    ...ANEW,
    ...base,
    name,
    type,
    class: kind,
    code: 'rpz',
    reason: `${trigger} ${policy}`,
    outcome: 'failure',
    denied: true,
  })
}

export const bind: DecoderSpec = {
  name: 'bind',
  summary: 'BIND 9: query log, refused and failed queries, response policy, in a file or syslog.',
  options: STAMP_OPTIONS,
  check: checkStampOptions,
  create: (options = {}) => new LineDecoder(read, options),
}
