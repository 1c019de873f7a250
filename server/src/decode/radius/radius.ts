import type { Decoder, DecoderSpec, DecodeSink, StateChange } from '../../model/decoder.ts'
import { type RawItem, streamOf } from '../../model/source.ts'
import { isObject } from '../document/values.ts'
import { KeptMap } from '../kept-map.ts'
import { Frame } from '../line/frame.ts'
import { checkStampOptions, STAMP_OPTIONS, stampOptions } from '../line/options.ts'
import { StampReader } from '../line/stamp.ts'
import { recordOf } from './record.ts'
import { readServerLine, serverLevel, withoutPassword } from './server-log.ts'

const FILES_MAX = 1_000
const LINES_MAX = 200
const LINE_MAX = 4_096
const ATTRIBUTE = /^\s+[A-Za-z0-9.:-]{1,80}(?::\d+)? [-+:]?=~? ?/
const SECRET = /^(\s+(?:User-Password|CHAP-Password|Cleartext-Password|MS-CHAP[\w-]*) [:+]?= ).*/i

const BARE =
  /^(?:\(\d{1,12}\) *)?(?:Login OK|Login incorrect|Invalid user|Multiple logins|Ignoring request|Rejected)\b/

interface Open {
  readonly item: RawItem
  readonly lines: readonly string[]
}

/** FreeRADIUS: its log, and detail files: a time, attributes indented below, a blank line. */
class RadiusDecoder implements Decoder {
  readonly #open = new KeptMap<Open>('r:', FILES_MAX)
  readonly #stamp: StampReader
  readonly #frame: Frame

  constructor(options: Readonly<Record<string, unknown>>) {
    this.#stamp = new StampReader(stampOptions(options))
    this.#frame = new Frame(stampOptions(options))
  }

  decode(item: RawItem, out: DecodeSink): void {
    const { text } = item
    const file = streamOf(item)
    if (text.length > LINE_MAX) {
      out.reject('DECODE_TOO_LONG', `${text.length} characters, at most ${LINE_MAX}.`)
      return
    }
    const open = this.#open.get(file)
    if (text.trim() === '') {
      if (open !== undefined) this.#end(file, open, out)
      out.routine('blank')
    } else if (ATTRIBUTE.test(text)) {
      this.#add(file, open, text, out)
    } else if (this.#stamp.read(text, 0, item.receivedMs)) {
      if (open !== undefined) this.#end(file, open, out)
      if (this.#tellServer(text.slice(this.#stamp.end), this.#stamp.ms, item, out)) return
      if (this.#tellSyslog(item, out)) return
      this.#makeRoom(out)
      const { key, receivedMs, facts } = item
      const kept = { text, key, receivedMs, ...(facts === undefined ? {} : { facts }) }
      this.#open.set(file, { item: kept, lines: [] })
    } else if (!this.#tellSyslog(item, out) && !this.#tellBare(item, out)) {
      out.reject('DECODE_UNKNOWN', 'This is neither the time of a record nor an attribute.')
    }
  }

  /** `Sat Nov 21 22:10:00 2026 : Auth: Login OK: […] (…)`: the log of the server. */
  #tellServer(behind: string, timeMs: number | undefined, item: RawItem, out: DecodeSink): boolean {
    const line = serverLevel(behind)
    if (line === undefined) return false
    const told = readServerLine(line.level, line.message)
    if (typeof told === 'string') out.routine(told)
    else {
      const original = withoutPassword(item.text)
      out.event({ timeMs, ...told, ...(original === item.text ? {} : { original }) })
    }
    return true
  }

  /** The same behind a header of syslog, which has no level. */
  #tellSyslog(item: RawItem, out: DecodeSink): boolean {
    this.#frame.read(item.text, item.receivedMs)
    const { message, program, timeMs } = this.#frame
    const ours = program !== undefined && /radiusd?$/.test(program)
    return ours && this.#tellServer(` : Info: ${message}`, timeMs, item, out)
  }

  /** The message alone, as collectors hand it on. */
  #tellBare(item: RawItem, out: DecodeSink): boolean {
    const level = BARE.test(item.text)
      ? 'Auth'
      : serverLevel(` ${item.text}`) === undefined
        ? undefined
        : ''
    if (level === undefined) return false
    return this.#tellServer(
      level === '' ? ` ${item.text}` : ` : ${level}: ${item.text}`,
      undefined,
      item,
      out,
    )
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

  #add(file: string, open: Open | undefined, text: string, out: DecodeSink): void {
    if (open === undefined) {
      out.reject('DECODE_UNKNOWN', 'An attribute without a record that it belongs to.')
    } else if (open.lines.length >= LINES_MAX) {
      out.reject('DECODE_FIELD', `A record has more than ${LINES_MAX} attributes.`)
    } else {
      const line = text.replace(SECRET, '$1***')
      this.#open.set(file, { item: open.item, lines: [...open.lines, line] })
      out.routine('attribute')
    }
  }

  #makeRoom(out: DecodeSink): void {
    if (this.#open.size < FILES_MAX) return
    for (const [file, open] of this.#open) {
      this.#end(file, open, out)
      return
    }
  }

  #end(file: string, { item, lines }: Open, out: DecodeSink): void {
    this.#open.delete(file)
    const headMs = this.#stamp.read(item.text, 0, item.receivedMs) ? this.#stamp.ms : undefined
    const { action, doc, timeMs } = recordOf(lines)
    const original = [item.text, ...lines].join('\n')
    out.event({ timeMs: timeMs ?? headMs, action, doc, origin: item, original })
  }
}

function isOpen(value: unknown): boolean {
  if (!isObject(value)) return false
  const { item, lines } = value
  if (!isObject(item) || !Array.isArray(lines)) return false
  const texts = [item['text'], item['key'], ...(lines as unknown[])]
  return texts.every((text) => typeof text === 'string') && typeof item['receivedMs'] === 'number'
}

export const radius: DecoderSpec = {
  name: 'radius',
  summary: 'FreeRADIUS: detail files (accounting, authentication) and the log of the server.',
  options: STAMP_OPTIONS,
  check: checkStampOptions,
  create: (options = {}) => new RadiusDecoder(options),
}
