import type { Decoder, DecoderSpec, DecodeSink, StateChange } from '../../model/decoder.ts'
import type { EcsDoc } from '../../model/event.ts'
import { type RawItem, streamOf } from '../../model/source.ts'
import { asTime, isObject, valueAt } from '../document/values.ts'
import { measure } from '../json/measure.ts'
import { KeptMap } from '../kept-map.ts'
import { FRESH, type Header, rowOf, withLine } from './header.ts'
import { logOf } from './log-name.ts'
import { draftOf, isRoutineLog, ROUTINE_LOGS } from './logs.ts'

const TEXT_MAX = 1_048_576
const FILES_MAX = 1_000
const LIMITS = { depthMax: 20, valuesMax: 20_000 }

/**
 * Zeek's logs, TSV and JSON, line by line. The kind of log is that of `#path`, of `_path`, of the
 * file's name, or told from the fields. A header holds for the file that it stands in, until the next.
 */
class ZeekDecoder implements Decoder {
  readonly #headers = new KeptMap<Header>('h:', FILES_MAX)
  readonly #log: string | undefined

  constructor(log: string | undefined) {
    this.#log = log
  }

  decode(item: RawItem, out: DecodeSink): void {
    const text = item.text.endsWith('\r') ? item.text.slice(0, -1) : item.text
    if (text.length > TEXT_MAX) {
      out.reject('DECODE_TOO_LONG', `${text.length} characters, at most ${TEXT_MAX}.`)
    } else if (text.trim() === '') {
      out.routine('blank')
    } else if (text.startsWith('#')) {
      this.#readHeader(text, item, out)
    } else if (text.startsWith('{')) {
      this.#readJson(text, item, out)
    } else {
      this.#readRow(text, item, out)
    }
  }

  takeChanges(): readonly StateChange[] {
    const changes: StateChange[] = []
    this.#headers.takeChanges(changes)
    return changes
  }

  restore(entries: Iterable<readonly [string, string]>): void {
    this.#headers.restore([...entries].filter(([, value]) => isHeader(value)))
  }

  stats(): Readonly<Record<string, number>> {
    return { headers: this.#headers.size, headers_evicted: this.#headers.evicted }
  }

  #readHeader(text: string, item: RawItem, out: DecodeSink): void {
    const file = streamOf(item)
    const header = withLine(this.#headers.get(file) ?? FRESH, text)
    // A value never begins with `#`: Zeek writes it as \\x23. What is no header is a remark.
    if (header === undefined) {
      out.routine('comment')
      return
    }
    this.#headers.set(file, header)
    out.routine('header')
  }

  #readRow(text: string, item: RawItem, out: DecodeSink): void {
    const header = this.#headers.get(streamOf(item))
    if (header === undefined || header.fields.length === 0) {
      out.reject('DECODE_UNKNOWN', 'Neither JSON nor behind a #fields line.')
      return
    }
    const row = rowOf(header, text)
    if (row === undefined) {
      out.reject('DECODE_FIELD', `The number of values is not ${header.fields.length}.`)
      return
    }
    this.#tell(row, this.#log ?? header.path, item, out)
  }

  #readJson(text: string, item: RawItem, out: DecodeSink): void {
    let row: unknown
    try {
      row = JSON.parse(text)
    } catch {
      out.reject('DECODE_SYNTAX', 'Not JSON.')
      return
    }
    if (!isObject(row)) {
      out.reject('DECODE_SYNTAX', 'An object is needed.')
      return
    }
    const { problem } = measure(row, LIMITS)
    if (problem !== undefined) {
      out.reject('DECODE_TOO_DEEP', problem)
      return
    }
    const path = row['_path']
    this.#tell(row, this.#log ?? (typeof path === 'string' ? path : undefined), item, out)
  }

  #tell(row: EcsDoc, named: string | undefined, item: RawItem, out: DecodeSink): void {
    const log = logOf(row, named, item.facts?.['path'])
    if (log === undefined) {
      out.reject('DECODE_UNKNOWN', 'Which log of Zeek this is of cannot be told.')
      return
    }
    if (isRoutineLog(log)) {
      out.routine(ROUTINE_LOGS.has(log) ? log : 'sensor')
      return
    }
    const ts = valueAt(row, 'ts', '@timestamp', '_write_ts')
    const timeMs = asTime(ts)
    if (timeMs === undefined && ts !== undefined) {
      out.reject('DECODE_TIME', 'No time can be read in ts.')
      return
    }
    out.event(draftOf(log, row, timeMs))
  }
}

function isHeader(saved: string): boolean {
  try {
    const entry: unknown = JSON.parse(saved)
    const header: unknown = Array.isArray(entry) ? entry[1] : undefined
    if (!isObject(header)) return false
    const { path, fields, types } = header
    return (
      ['separator', 'setSeparator', 'empty', 'unset'].every((k) => typeof header[k] === 'string') &&
      header['separator'] !== '' &&
      (path === undefined || typeof path === 'string') &&
      isTexts(fields) &&
      isTexts(types)
    )
  } catch {
    return false
  }
}

const isTexts = (value: unknown): boolean =>
  Array.isArray(value) && value.every((item) => typeof item === 'string')

export const zeek: DecoderSpec = {
  name: 'zeek',
  summary:
    'Logs of Zeek (and Corelight), TSV with headers or JSON: conn, dns, ssl, mqtt_* and more.',
  options: { log: 'The kind of log, for example conn, where neither lines nor file name tell.' },
  create: (options = {}) => {
    const { log } = options
    return new ZeekDecoder(typeof log === 'string' && log !== '' ? log : undefined)
  },
}
