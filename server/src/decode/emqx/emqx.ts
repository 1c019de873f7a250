import { ANEW } from '../../base/anew.ts'
import type { Decoder, DecoderSpec, DecodeSink, StateChange } from '../../model/decoder.ts'
import { type RawItem, streamOf } from '../../model/source.ts'
import { decodeDocuments } from '../document/json-decoder.ts'
import { isObject } from '../document/values.ts'
import { KeptMap } from '../kept-map.ts'
import { Frame } from '../line/frame.ts'
import { readHook } from './hooks.ts'
import { Takers } from './takers.ts'
import { readLine, readLogObject, reportDraft } from './log.ts'

const REFUSED_MAX = 10_000
const LINE_MAX = 1_048_576
const FILES_MAX = 100
const REPORT_MAX = 2_000
/** The first line of a supervisor's report; the others have no time of their own. */
const REPORT = /^\[error\] +supervisor: '[^']{1,200}'$/
/** Lines of Erlang terms behind the first of a message. */
const ERLANG =
  /^(?:\[\{(?!")|<<|#\{|Frame data:|Parse failed for |\{[a-z_]+,|\s+(?:\[{0,3}\{[a-z_]|[<#'"a-z_]|\*\*))/
/** A line that begins with its level has lost its time. */
const LEVELED = /^\s*\[(?:debug|info|notice|warn|warning|error|critical)\]/
/** What the start script of the broker prints. */
const BANNER = new RegExp(
  String.raw`^(?:EMQX? .{0,60} is (?:running|started|stopped)|Listener \S+ on \S+ (?:started|stopped)` +
    String.raw`|Start(?:ing)? (?:listener )?[\w:.]+ (?:on|successfully)|Starting emqx|EMQX_\w+ ?[:=])`,
)

interface Report {
  readonly atMs: number | null
  readonly reason: string
}

const isReport = (value: unknown): value is Report =>
  isObject(value) &&
  typeof value['reason'] === 'string' &&
  (value['atMs'] === null || typeof value['atMs'] === 'number')

/**
 * EMQX 4 and 5: rule-engine and webhook events as JSON (`$events/…`), and the lines of its log, text or
 * JSON. A refused login may be told twice, by the authentication check and by the CONNACK; the second
 * is routine, also behind a restart.
 */
class EmqxDecoder implements Decoder {
  readonly #refused = new KeptMap<number>('r:', REFUSED_MAX)
  readonly #denied = new KeptMap<number>('d:', REFUSED_MAX)
  readonly #takers = new Takers()
  /** Supervisors' reports of several lines, by file: the time, and the reason as far as it is read. */
  readonly #reports = new KeptMap<Report>('s:', FILES_MAX)
  readonly #frame = new Frame({ zone: () => 0, monthFirst: false })

  decode(item: RawItem, out: DecodeSink): void {
    const { text } = item
    const begin = text.search(/\S/)
    const first = text.charCodeAt(begin)
    const file = streamOf(item)
    if (begin < 0) out.routine('blank')
    else if (begin > 0 && this.#reports.size > 0 && this.#reportLine(text, file, out)) return
    else if (ERLANG.test(text.slice(0, 80))) out.routine('continuation')
    else if (
      first === 123 ||
      (first === 91 && !LEVELED.test(text)) ||
      item.facts?.['topic'] !== undefined
    ) {
      decodeDocuments(item, out, (doc, context) => {
        const told = readLogObject(doc, this.#denied) ?? readHook(doc, context, this.#refused)
        return typeof told === 'object' ? this.#takers.told(told, item) : told
      })
    } else if (text.length > LINE_MAX) {
      out.reject('DECODE_TOO_LONG', `${text.length} characters, at most ${LINE_MAX}.`)
    } else {
      this.#line(item, file, out)
    }
  }

  #line(item: RawItem, file: string, out: DecodeSink): void {
    const { text, receivedMs } = item
    this.#frame.read(text, receivedMs)
    const { message, timeMs } = this.#frame
    if (REPORT.test(message)) {
      this.#reports.set(file, { atMs: timeMs ?? null, reason: '' })
      out.routine('report')
      return
    }
    const told = readLine(message, timeMs, this.#denied)
    if (typeof told === 'string') out.routine(told)
    else if (told !== undefined) {
      out.event(this.#takers.told({ ...ANEW, ...told, timeMs }, item))
    } else if (BANNER.test(message)) out.routine('banner')
    else out.reject('DECODE_UNKNOWN', 'Neither JSON nor a line of its log.')
  }

  /** A line of an open report; its reason ends where the offender is named. */
  #reportLine(text: string, file: string, out: DecodeSink): boolean {
    const open = this.#reports.get(file)
    if (open === undefined) return false
    const words = text.trim()
    if (words.startsWith('offender:') || open.reason.length > REPORT_MAX) {
      this.#reports.delete(file)
      out.event(reportDraft(open.reason || 'unknown', open.atMs ?? undefined))
      return true
    }
    if (open.reason !== '' || words.startsWith('reason:')) {
      const more = words.replace(/^reason: */, '')
      this.#reports.set(file, { ...open, reason: `${open.reason}${more}`.slice(0, REPORT_MAX + 1) })
    }
    out.routine('continuation')
    return true
  }

  takeChanges(): readonly StateChange[] {
    const changes: StateChange[] = []
    this.#refused.takeChanges(changes)
    this.#denied.takeChanges(changes)
    this.#takers.connections.takeChanges(changes)
    this.#reports.takeChanges(changes)
    return changes
  }

  restore(entries: Iterable<readonly [string, string]>): void {
    const all = [...entries]
    this.#refused.restore(all)
    this.#denied.restore(all)
    this.#takers.connections.restore(all)
    this.#reports.restore(all)
    for (const [file, open] of [...this.#reports]) if (!isReport(open)) this.#reports.delete(file)
  }

  stats(): Readonly<Record<string, number>> {
    return {
      refused: this.#refused.size,
      refused_evicted: this.#refused.evicted,
      connections: this.#takers.connections.size,
      connections_evicted: this.#takers.connections.evicted,
    }
  }
}

export const emqx: DecoderSpec = {
  name: 'emqx',
  summary: 'EMQX 4 and 5: webhook and rule-engine events as JSON, and its log.',
  create: () => new EmqxDecoder(),
}
