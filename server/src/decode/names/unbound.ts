import type { DecoderSpec, DecodeSink } from '../../model/decoder.ts'
import type { Frame } from '../line/frame.ts'
import { LineDecoder } from '../line/line-decoder.ts'
import { checkStampOptions, STAMP_OPTIONS } from '../line/options.ts'
import { plainIp } from '../mosquitto/address.ts'
import { dnsOutcome } from '../network/dns-words.ts'
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
  const failed = /^validation failure <(\S+) (\S+) (\S+)>: /.exec(text)
  const words =
    failed !== null
      ? queryOf({
          name: failed[1],
          type: failed[2],
          class: failed[3],
          kind: 'answer',
          code: 'validation-failure',
          reason: text.slice(failed[0].length, 500),
          outcome: 'failure',
          product: 'unbound',
          host: own ? undefined : frame.host,
        })
      : level === 'error' || level === 'fatal error'
        ? serverWords('service-error', text, 'unbound')
        : text.startsWith('start of service')
          ? serverWords('service-start', text, 'unbound')
          : text.startsWith('service stopped')
            ? serverWords('service-stop', text, 'unbound')
            : undefined
  if (words === undefined) out.routine('status')
  else out.event({ timeMs: frame.timeMs, action: words.action, doc: words.doc })
}

export const unbound: DecoderSpec = {
  name: 'unbound',
  summary: 'Unbound: queries, replies and validation failures, in its own log or in syslog.',
  options: STAMP_OPTIONS,
  check: checkStampOptions,
  create: (options = {}) => new LineDecoder(read, options),
}
