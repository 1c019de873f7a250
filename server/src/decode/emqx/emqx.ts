import { ANEW } from '../../base/anew.ts'
import type { Decoder, DecoderSpec, DecodeSink, StateChange } from '../../model/decoder.ts'
import type { RawItem } from '../../model/source.ts'
import { decodeDocuments } from '../document/json-decoder.ts'
import { KeptMap } from '../kept-map.ts'
import { Frame } from '../line/frame.ts'
import { readHook } from './hooks.ts'
import { readLine, readLogObject } from './log.ts'

const REFUSED_MAX = 10_000
const LINE_MAX = 1_048_576

/**
 * EMQX 4 and 5: rule-engine and webhook events as JSON (`$events/…`), and the lines of its log, text or
 * JSON. A refused login may be told twice, by the authentication check and by the CONNACK; the second
 * is routine, also behind a restart.
 */
class EmqxDecoder implements Decoder {
  readonly #refused = new KeptMap<number>('r:', REFUSED_MAX)
  readonly #frame = new Frame({ zone: () => 0, monthFirst: false })

  decode(item: RawItem, out: DecodeSink): void {
    const { text } = item
    const begin = text.search(/\S/)
    const first = text.charCodeAt(begin)
    if (begin < 0) out.routine('blank')
    else if (first === 123 || first === 91 || item.facts?.['topic'] !== undefined) {
      decodeDocuments(item, out, (doc, context) => {
        return readLogObject(doc) ?? readHook(doc, context, this.#refused)
      })
    } else if (text.length > LINE_MAX) {
      out.reject('DECODE_TOO_LONG', `${text.length} characters, at most ${LINE_MAX}.`)
    } else {
      this.#frame.read(text, item.receivedMs)
      const told = readLine(this.#frame.message)
      if (told === undefined) out.reject('DECODE_UNKNOWN', 'Neither JSON nor a line of its log.')
      else if (typeof told === 'string') out.routine(told)
      else out.event({ ...ANEW, ...told, timeMs: this.#frame.timeMs })
    }
  }

  takeChanges(): readonly StateChange[] {
    const changes: StateChange[] = []
    this.#refused.takeChanges(changes)
    return changes
  }

  restore(entries: Iterable<readonly [string, string]>): void {
    this.#refused.restore(entries)
  }

  stats(): Readonly<Record<string, number>> {
    return { refused: this.#refused.size, refused_evicted: this.#refused.evicted }
  }
}

export const emqx: DecoderSpec = {
  name: 'emqx',
  summary: 'EMQX 4 and 5: webhook and rule-engine events as JSON, and its log.',
  create: () => new EmqxDecoder(),
}
