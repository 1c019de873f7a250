import { ANEW } from '../../base/anew.ts'
import type { DecoderSpec, DecodeSink } from '../../model/decoder.ts'
import type { Frame } from '../line/frame.ts'
import { LineDecoder } from '../line/line-decoder.ts'
import { checkStampOptions, STAMP_OPTIONS } from '../line/options.ts'
import { plainIp } from '../mosquitto/address.ts'
import { dnsOutcome } from '../network/dns-words.ts'
import { endpoint } from '../network/endpoint.ts'
import { told, type Told } from '../network/told.ts'
import { queryOf, serverWords } from './query.ts'

const HEADER = new RegExp(
  [
    String.raw`^(?:\S+ )?(?:unbound(?:\[[\d:a-f]+\])?:? )?(?:\[[\d:a-f]+\] )?(info|notice|warning`,
    String.raw`|error|debug|fatal error|query|reply): `,
  ].join(''),
)
const LINE = new RegExp(
  [
    String.raw`^(?:query: |reply: )?([0-9a-f.:]+)(?:@\d+)? (\S+) ([A-Z0-9]{1,16}) (IN|CH|HS|ANY`,
    String.raw`|CLASS\d+)(?: ([A-Z][A-Z0-9]{1,15}) ([\d.]+) ([01]) (\d+))?(?: .{0,200})?$`,
  ].join(''),
)

/** `log-local-actions` and response policy: `ZONE TYPE ADDRESS@PORT NAME TYPE CLASS` (localzone.c, rpz.c). */
const LOCAL = new RegExp(
  [
    String.raw`^(?:rpz: applied (?:\[[^\]]{0,100}\] )?)?(?:(\S{1,255}) )?((?:always_|inform_?|rpz-)[\w-]*`,
    String.raw`|deny|refuse|static|transparent|typetransparent|redirect|nodefault|block_a|truncate|ipset)`,
    String.raw` ([0-9a-f.:]+)@(\d{1,5}) (\S+) ([A-Z0-9]{1,16}) (IN|CH|HS|ANY|CLASS\d+)`,
  ].join(''),
)
const LET = /^(?:transparent|typetransparent|always_transparent|inform|nodefault|rpz-passthru)$/

/** Unbound with `log-queries`, `log-replies`, `log-tag-queryreply`; its other lines are about itself. */
function read(message: string, frame: Frame, out: DecodeSink): void {
  // With `log-time-ascii` its own name stands where syslog has the host: `… unbound[1:0] info: `.
  const own = frame.host?.startsWith('unbound[') === true
  // On Windows the name is a path: `[1795301345] C:\\Program Files\\Unbound\\unbound.exe[2888:0] info: `.
  const path = /^[A-Z]:\\.{0,200}?unbound[a-z-]*\.exe(?=\[)/i.exec(message)
  const plain = path === null ? message : `unbound${message.slice(path[0].length)}`
  const whole = own ? `${frame.program}: ${message}` : plain
  const header = HEADER.exec(whole)
  if (header === null) {
    if (frame.program !== undefined && frame.program !== 'unbound') out.routine('other-program')
    else out.reject('DECODE_UNKNOWN', 'This is no line of unbound.')
    return
  }
  const text = whole.slice(header[0].length)
  const level = header[1]
  const line = LINE.exec(text)
  if (line !== null && plainIp(line[1] ?? '') !== undefined) {
    const [, client, name, type, kind, code, seconds] = line
    const words = queryOf({
      name,
      type,
      class: kind,
      client,
      kind: code === undefined ? 'query' : 'answer',
      responseCode: code,
      code: code === undefined ? 'query' : 'reply',
      reason: code ?? 'query',
      outcome: dnsOutcome(code),
      product: 'unbound',
      host: own ? undefined : frame.host,
    })
    const event = words.doc['event'] as Record<string, unknown>
    if (seconds !== undefined) event['duration'] = Math.round(Number(seconds) * 1e9)
    out.event({ timeMs: frame.timeMs, action: words.action, doc: words.doc })
    return
  }
  const words =
    localAction(text, frame, own) ?? failure(text, frame, own) ?? aboutServer(text, level)
  if (words === undefined) out.routine('status')
  else out.event({ timeMs: frame.timeMs, action: words.action, doc: words.doc })
}

function localAction(text: string, frame: Frame, own: boolean): Told | undefined {
  const found = LOCAL.exec(text)
  if (found === null) return undefined
  const [, zone, action = '', client, port, name, type, kind] = found
  const passed = LET.test(action)
  return queryOf({
    name,
    type,
    class: kind,
    client,
    port: Number(port),
    code: action.startsWith('rpz') ? 'rpz' : 'local-zone',
    reason: zone === undefined ? action : `${zone} ${action}`,
    outcome: passed ? 'success' : 'failure',
    denied: !passed,
    product: 'unbound',
    host: own ? undefined : frame.host,
  })
}

/** `validation failure <NAME TYPE CLASS>: …`, and with `log-servfail` `SERVFAIL <NAME TYPE CLASS>: …`. */
function failure(text: string, frame: Frame, own: boolean): Told | undefined {
  const found = /^(validation failure|SERVFAIL) <(\S+) (\S+) (\S+)>: /.exec(text)
  if (found === null) return undefined
  const servfail = found[1] === 'SERVFAIL'
  return queryOf({
    name: found[2],
    type: found[3],
    class: found[4],
    kind: 'answer',
    responseCode: servfail ? 'SERVFAIL' : undefined,
    code: servfail ? 'failed' : 'validation-failure',
    reason: text.slice(found[0].length, 500),
    outcome: 'failure',
    product: 'unbound',
    host: own ? undefined : frame.host,
  })
}

function aboutServer(text: string, level: string | undefined): Told | undefined {
  const event = { reason: text.slice(0, 500) }
  if (/^(?:ip_)?ratelimit exceeded/.test(text)) {
    const [, address] = /exceeded ([0-9a-f.:]+)/i.exec(text) ?? []
    const [, name] = /exceeded (\S+\.) /.exec(text) ?? []
    const facts = { reason: text.slice(0, 300), outcome: 'failure', denied: true } as const
    const client = plainIp(address ?? '')
    return queryOf({ ...ANEW, ...facts, name, client, code: 'rate-limited', product: 'unbound' })
  }
  if (/ssl handshake|TLS handshake|SSL_\w+ |ssl (?:failed|error)/i.test(text)) {
    const source = endpoint({
      address: /(?:^| )((?:\d{1,3}\.){3}\d{1,3}|[0-9a-f:]{3,39})(?= |$)/.exec(text)?.[1],
    })
    const rest = source === undefined ? { event } : { event, source }
    return told('tls-handshake', ['network'], ['error'], 'failure', 'handshake', rest)
  }
  if (text.startsWith('control cmd:')) {
    return told('api-call', ['configuration'], ['access'], 'success', 'control', { event })
  }
  if (level === 'error' || level === 'fatal error')
    return serverWords('service-error', text, 'unbound')
  if (text.startsWith('start of service')) return serverWords('service-start', text, 'unbound')
  return text.startsWith('service stopped')
    ? serverWords('service-stop', text, 'unbound')
    : undefined
}

export const unbound: DecoderSpec = {
  name: 'unbound',
  summary: 'Unbound: queries, replies and validation failures, in its own log or in syslog.',
  options: STAMP_OPTIONS,
  check: checkStampOptions,
  create: (options = {}) => new LineDecoder(read, options),
}
