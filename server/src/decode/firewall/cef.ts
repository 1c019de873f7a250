import { ANEW } from '../../base/anew.ts'
import type { DecoderSpec } from '../../model/decoder.ts'
import { LineDecoder, type ReadMessage } from '../line/line-decoder.ts'
import { checkStampOptions, STAMP_OPTIONS, stampOptions } from '../line/options.ts'
import { cefPairs, leefDelimiter, leefPairs, splitHeader } from './extension.ts'
import { type Report, reportOf, ReportTimes } from './reported.ts'

/** `CEF:0|Vendor|Product|Version|Id|Name|Severity|key=value …`, behind a syslog header or alone. */
function cefOf(text: string, host: string | undefined): Report | undefined {
  const split = splitHeader(text, 7)
  if (split === undefined) return undefined
  const [, vendor = '', product = '', version = '', id = '', name = '', severity] = split.header
  const pairs = cefPairs(split.rest)
  return { vendor, product, version, id, name, severity, pairs, host }
}

/** `LEEF:1.0|V|P|Ver|Id|k=v<tab>k=v` and `LEEF:2.0|V|P|Ver|Id|delimiter|k=v^k=v`. */
function leefOf(text: string, host: string | undefined): Report | undefined {
  const second = /^LEEF:2/i.test(text)
  const split = splitHeader(text, 5)
  if (split === undefined) return undefined
  const [, vendor = '', product = '', version = '', id = ''] = split.header
  let { rest } = split
  let delimiter = '\t'
  const bar = second ? rest.indexOf('|') : -1
  // Some senders of 2.0 leave the delimiter out; then the attributes begin at once.
  if (bar >= 0 && bar <= 6 && !rest.slice(0, bar).includes('=')) {
    delimiter = leefDelimiter(rest.slice(0, bar))
    rest = rest.slice(bar + 1)
  }
  // PAN-OS divides the attributes of version 1 by bars.
  else if (!rest.includes('\t') && /\|[A-Za-z]\w{0,40}=/.test(rest)) delimiter = '|'
  const pairs = leefPairs(rest, delimiter)
  const name = pairs.get('name') ?? pairs.get('eventName') ?? id
  const severity = pairs.get('sev') ?? pairs.get('severity')
  return { vendor, product, version, id, name, severity, pairs, host }
}

const TAGLESS = /^ ?[01]\|(?=[^|]{1,100}\|[^|]{1,100}\|[^|]{0,100}\|)/

function decoderOf(
  mark: 'CEF:' | 'LEEF:',
  parse: typeof cefOf,
  options: Readonly<Record<string, unknown>>,
): LineDecoder {
  const times = new ReportTimes(stampOptions(options))
  const key = mark === 'CEF:' ? 'cef' : 'leef'
  const read: ReadMessage = (message, frame, out, item) => {
    // Relays of syslog take `CEF:` for the program's tag, and hand on what follows: `0|Vendor|…`.
    const cut = TAGLESS.exec(item.text)
    const whole =
      cut !== null && key === 'cef' ? `CEF:${item.text.slice(cut[0].length - 2)}` : item.text
    const at = whole.indexOf(mark)
    if (at < 0) {
      out.reject('DECODE_UNKNOWN', `There is no ${mark} in the line.`)
      return
    }
    const report = parse(whole.slice(at).trim(), frame.host ?? hostBefore(message, mark))
    if (report === undefined) {
      out.reject('DECODE_SYNTAX', `The header of ${mark.slice(0, -1)} breaks off.`)
      return
    }
    const { action, doc } = reportOf(report)
    const kept: Record<string, unknown> = {}
    for (const [name, value] of report.pairs) if (name !== '__proto__') kept[name] = value
    const own = { [key]: { name: report.name, extensions: kept } }
    const timeMs = times.of(report.pairs, item.receivedMs) ?? frame.timeMs
    out.event({ timeMs, action, doc: { ...ANEW, ...doc, ...own } })
  }
  return new LineDecoder(read, options)
}

/** `fw1 CEF:0|…`: what remains of a header that has no program. */
function hostBefore(message: string, mark: string): string | undefined {
  const before = message.slice(0, Math.max(0, message.indexOf(mark))).trim()
  return /^[\w.:-]{1,255}$/.test(before) ? before : undefined
}

export const cef: DecoderSpec = {
  name: 'cef',
  summary: 'ArcSight Common Event Format, alone or behind a syslog header.',
  options: STAMP_OPTIONS,
  check: checkStampOptions,
  create: (options = {}) => decoderOf('CEF:', cefOf, options),
}

export const leef: DecoderSpec = {
  name: 'leef',
  summary: 'IBM Log Event Extended Format 1.0 and 2.0, alone or behind a syslog header.',
  options: STAMP_OPTIONS,
  check: checkStampOptions,
  create: (options = {}) => decoderOf('LEEF:', leefOf, options),
}
