import { ANEW } from '../../base/anew.ts'
import type { Decoder, DecoderSpec, DecodeSink, StateChange } from '../../model/decoder.ts'
import { type RawItem, streamOf } from '../../model/source.ts'
import { isObject } from '../document/values.ts'
import { KeptMap } from '../kept-map.ts'
import { Frame } from '../line/frame.ts'
import { unwrapJson } from '../line/json-wrapper.ts'
import { checkStampOptions, STAMP_OPTIONS, stampOptions } from '../line/options.ts'
import type { StampOptions } from '../line/stamp.ts'
import { beginsCsv, readLine } from './line.ts'
import { tell } from './tell.ts'

const LINE_MAX = 1_048_576
const FILES_MAX = 100
const OPEN_LINES_MAX = 2_000
const OPEN_CHARACTERS_MAX = 65_536

const CHUNK_HEAD_MAX = 400
/** Priority and time, host, program and process id, number of the line in its message. */
const SYSLOG_CHUNK = new RegExp(
  String.raw`^(?:<\d{1,3}>)?(?:1 )?(?:[A-Z][a-z]{2} [ \d]\d [\d:]{8}|\d{4}-\d\d-\d\dT\S{8,30}) ` +
    String.raw`(\S{1,255}) [\w.-]{1,60}(?:\[| )(\d{1,10})(?:\]:| - -) \[\d{1,10}-(\d{1,6})\] `,
)

/** A record whose quotes are not closed yet. */
interface Open {
  readonly item: RawItem
  readonly text: string
  readonly lines: number
}

/**
 * PostgreSQL's log: stderr, csvlog and jsonlog, with pgaudit's `AUDIT:` messages. A record of csvlog, or an audited
 * statement, goes on through the lines that follow until its quotes are closed.
 */
class PostgresqlDecoder implements Decoder {
  readonly #open = new KeptMap<Open>('q:', FILES_MAX)
  readonly #zone: StampOptions['zone']
  readonly #frame: Frame

  constructor(options: Readonly<Record<string, unknown>>) {
    const stamps = stampOptions(options)
    this.#zone = stamps.zone
    this.#frame = new Frame(stamps)
  }

  decode(item: RawItem, out: DecodeSink): void {
    const { text } = item
    if (text.length > LINE_MAX) {
      out.reject('DECODE_TOO_LONG', `${text.length} characters, at most ${LINE_MAX}.`)
      return
    }
    const chunk = SYSLOG_CHUNK.exec(text.slice(0, CHUNK_HEAD_MAX))
    if (chunk !== null) {
      this.#chunk(chunk, item, out)
      return
    }
    const file = streamOf(item)
    const open = this.#open.get(file)
    if (open !== undefined) {
      if (!begins(text)) {
        this.#goOn(file, open, text, out)
        return
      }
      this.#end(file, open, out)
    }
    if (text.trim() === '') out.routine('blank')
    else this.#read(item, file, out)
  }

  takeChanges(): readonly StateChange[] {
    const changes: StateChange[] = []
    this.#open.takeChanges(changes)
    return changes
  }

  restore(entries: Iterable<readonly [string, string]>): void {
    this.#open.restore(entries)
    for (const [file, open] of [...this.#open]) if (!isOpen(open)) this.#open.delete(file)
  }

  settle(out: DecodeSink): void {
    for (const [file, open] of [...this.#open]) this.#end(file, open, out)
  }

  stats(): Readonly<Record<string, number>> {
    return { records: this.#open.size }
  }

  /**
   * PostgreSQL numbers what it says to syslog, and the lines of each message (`syslog_split_messages`):
   * `postgres[812]: [3-1] …`, then `[3-2] #011…`. Lines of several sessions stand among each other.
   */
  #chunk(chunk: RegExpExecArray, item: RawItem, out: DecodeSink): void {
    const [head, host = '', pid = '', part] = chunk
    const place = `${streamOf(item)}\u0000${host}\u0000${pid}`
    const rest = item.text.slice(head.length)
    const open = this.#open.get(place)
    if (part === '1') {
      if (open !== undefined) this.#end(place, open, out)
      this.#read(item, place, out)
    } else if (open === undefined || rest === '') out.routine('continuation')
    else this.#goOn(place, open, rest.replace(/^#011/, ''), out)
  }

  #read(item: RawItem, file: string, out: DecodeSink): void {
    const { text } = item
    if (opens(text) && this.#open.size < FILES_MAX) {
      const { key, receivedMs, facts } = item
      const kept = { text: '', key, receivedMs, ...(facts === undefined ? {} : { facts }) }
      this.#open.set(file, { item: kept, text, lines: 1 })
      return
    }
    const inner = text.startsWith('{') ? unwrapJson(text, 0) : undefined
    const unwrapped = inner === undefined ? undefined : readLine(inner.message, this.#zone)
    const line = unwrapped ?? readLine(text, this.#zone)
    if (line !== undefined) {
      const timeMs = line.timeMs ?? inner?.timeMs ?? this.#stampOf(item)
      if (line.timeMs === timeMs) tell(line, out)
      else tell({ ...ANEW, ...line, timeMs }, out)
    } else if (goesOn(inner?.message ?? text)) out.routine('continuation')
    else if (ofOperator(text)) out.routine('operator')
    else if (OTHER.test(text)) out.routine('other-program')
    else if (STARTING.test(inner?.message ?? text)) out.routine('start-script')
    else out.reject('DECODE_UNKNOWN', 'No line of the log of PostgreSQL.')
  }

  /** The time of a syslog header or of a shipper, where the line's own prefix has none. */
  #stampOf({ text, receivedMs }: RawItem): number | undefined {
    this.#frame.read(text, receivedMs)
    return this.#frame.timeMs
  }

  #goOn(file: string, open: Open, text: string, out: DecodeSink): void {
    const joined = {
      item: open.item,
      text: `${open.text}\n${text.replace(/^\t/, '')}`,
      lines: open.lines + 1,
    }
    out.routine('continuation')
    const full = joined.lines >= OPEN_LINES_MAX || joined.text.length >= OPEN_CHARACTERS_MAX
    if (full || !opens(joined.text)) this.#end(file, joined, out)
    else this.#open.set(file, joined)
  }

  #end(file: string, { item, text }: Open, out: DecodeSink): void {
    this.#open.delete(file)
    const line = readLine(text, this.#zone) ?? readLine(`${text}"`, this.#zone)
    const whole = { origin: item, original: text }
    if (line !== undefined) tell(line, out, whole)
    else tell({ timeMs: undefined, level: 'ERROR', message: text.slice(0, 500) }, out, whole)
  }
}

/** Lines behind the first of a record: a tab before them, or a second part under one number in syslog. */
const goesOn = (text: string): boolean =>
  /^(?:[\w.-]{1,60} +\| ?)?\s/.test(text) || SECOND_PART.test(text.slice(0, 200))

const SECOND_PART = new RegExp(
  String.raw`(?:postgres\w*|\.\d{1,9})(?:\[\d{1,9}\]|\]):? (?:\[[A-Z_]{1,40}\] )?\[\d{1,9}-(?:[2-9]|\d{2,9})\] `,
)

/** The CloudNativePG operator's own lines, beside which it writes those of the server. */
const ofOperator = (text: string): boolean =>
  text.startsWith('{"level":"') &&
  /"(?:logger|logging_pod|msg)":"/.test(text) &&
  !text.includes('"record":{')

/** A line of another program in a syslog file. */
const OTHER = new RegExp(
  String.raw`^[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d [\w.-]{1,255} ` +
    String.raw`(?!\S*(?:postgres|\d{1,9}-))[\w./()-]{1,64}(?:\[\d{1,10}\])?: `,
)

/** What initdb, pg_ctl and the start script of the container image print into the same stream. */
const STARTING = new RegExp(
  String.raw`^(?:[\w.-]{1,60} +\| ?)?(?:pg_ctl|initdb|PostgreSQL (?:init process|Database directory)|Examine the log` +
    String.raw`|waiting for server to|server st|\.* ?(?:done|stopped waiting)|The (?:files|database cluster|default)` +
    String.raw`|This user must|Data page|Success\. You can|You can change this|WARNING: (?:enabling|no usable)` +
    String.raw`|(?:fixing|creating|selecting|running|performing|syncing) .*(?:\.\.\.|ok)|/usr/\S*(?:bin|lib)/` +
    String.raw`|(?:CREATE|ALTER|GRANT|INSERT|COMMENT|SET|DO|DROP|REVOKE)\b|psql:|\*{4,}|Error: Database is un)`,
)

/** Whether a record begins here that goes on in the next line. */
function opens(text: string): boolean {
  if (text.length > OPEN_CHARACTERS_MAX) return false
  if (!beginsCsv(text) && !text.slice(0, 600).includes('AUDIT: ')) return false
  let quotes = 0
  for (let at = text.indexOf('"'); at >= 0; at = text.indexOf('"', at + 1)) quotes += 1
  return quotes % 2 === 1
}

/** Whether a line is the first of a record, as far as it can be told inside a quoted text. */
const begins = (text: string): boolean =>
  beginsCsv(text) ||
  text.startsWith('{"timestamp":') ||
  /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\S* /.test(text)

function isOpen(value: unknown): boolean {
  if (!isObject(value)) return false
  const { item, text, lines } = value
  if (!isObject(item) || typeof text !== 'string' || typeof lines !== 'number') return false
  return (
    ['text', 'key'].every((name) => typeof item[name] === 'string') &&
    typeof item['receivedMs'] === 'number'
  )
}

export const postgresql: DecoderSpec = {
  name: 'postgresql',
  summary: 'PostgreSQL and TimescaleDB: stderr, csvlog and jsonlog, with pgaudit.',
  options: STAMP_OPTIONS,
  check: checkStampOptions,
  create: (options = {}) => new PostgresqlDecoder(options),
}
