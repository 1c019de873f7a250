import type { DecodeSink, Draft, RejectCode } from '../../model/decoder.ts'
import type { RawItem } from '../../model/source.ts'
import { readDelivery } from './delivery.ts'
import { openPayloads, type Payload } from './payloads.ts'

/** What a reader of payloads tells; each payload ends in events, one routine class, or one reject. */
export interface Teller {
  /** Part and original are filled in. */
  event(draft: Draft): void
  routine(className: string): void
  reject(code: RejectCode, detail: string): void
}

export type ReadPayload = (payload: Payload, item: RawItem, tell: Teller) => void

/**
 * Decodes one delivery, which may hold many payloads. All events of it are told, numbered by part.
 * Where payloads cannot be read the delivery ends in one reject, which says how many; where all are
 * routine, in the class of the first. `finish` is called behind the last payload.
 */
export function decodeDelivery(
  item: RawItem,
  out: DecodeSink,
  read: ReadPayload,
  finish?: (tell: Teller) => void,
): void {
  const delivery = readDelivery(item)
  if (delivery === undefined) {
    out.routine('blank')
    return
  }
  if (!delivery.ok) {
    out.reject(delivery.code, delivery.detail)
    return
  }
  const { topic, timeMs } = delivery
  const opened = openPayloads(delivery.values, { topic, timeMs }, item.bytes === undefined)
  const gathering = new Gathering(out)
  for (const payload of opened.payloads) {
    gathering.payload = payload
    read(payload, item, gathering)
  }
  finish?.(gathering)
  for (const { code, detail } of opened.faults) gathering.reject(code, detail)
  gathering.end(opened.payloads.length + opened.faults.length, opened.empty[0])
}

class Gathering implements Teller {
  payload: Payload | undefined
  readonly #out: DecodeSink
  #events = 0
  #routine: string | undefined
  #rejects = 0
  #code: RejectCode = 'DECODE_UNKNOWN'
  #detail = ''

  constructor(out: DecodeSink) {
    this.#out = out
  }

  event(draft: Draft): void {
    // An event of an earlier item brings its own part and original.
    if (draft.origin !== undefined) {
      this.#out.event(draft)
      return
    }
    const part = this.#events
    this.#events += 1
    const { payload } = this
    const given = draft.original
    const original =
      given ?? (payload === undefined || payload.whole ? undefined : JSON.stringify(payload.value))
    this.#out.event({ ...draft, part, ...(original === undefined ? {} : { original }) })
  }

  routine(className: string): void {
    this.#routine ??= className
  }

  reject(code: RejectCode, detail: string): void {
    this.#rejects += 1
    if (this.#rejects > 1) return
    this.#code = code
    this.#detail = detail
  }

  end(total: number, empty: string | undefined): void {
    if (this.#rejects > 0) {
      const count = total > 1 ? `${this.#rejects} of ${total} records cannot be read: ` : ''
      this.#out.reject(this.#code, count + this.#detail)
    } else if (this.#events === 0) {
      this.#out.routine(this.#routine ?? empty ?? 'empty')
    }
  }
}
