import { ANEW } from '../../base/anew.ts'
import type { DecodeSink, Draft, RejectCode } from '../../model/decoder.ts'
import type { RawItem } from '../../model/source.ts'
import { readDelivery } from './delivery.ts'
import { openPayloads, type Payload } from './payloads.ts'

/** What a reader of payloads tells; each payload ends in one or more of these. */
export interface Teller {
  /** Part and original are filled in. */
  event(draft: Draft): void
  routine(className: string): void
  reject(code: RejectCode, detail: string): void
  /** The payload waits for others; it will end in an event of its own, or within another's. */
  hold(): void
}

export type ReadPayload = (payload: Payload, item: RawItem, tell: Teller) => void

/** How many payloads wait, and whether the delivery has ended in something already. */
export interface Outcome {
  readonly held: number
  readonly told: boolean
}

const FAULTS_MAX = 1_000

/**
 * Decodes one delivery, which may hold many payloads. All events of it are told, numbered by part.
 * Payloads that cannot be read beside ones that can become unclassified events of the kind
 * `pipeline_error`, with the payload in `event.original`, so that nothing of the delivery is lost;
 * where none can be read the delivery is one reject. Where all are routine, it counts in the class of
 * the first. `finish` is called behind the last payload.
 */
export function decodeDelivery(
  item: RawItem,
  out: DecodeSink,
  read: ReadPayload,
  finish?: (tell: Teller) => void,
): Outcome {
  const delivery = readDelivery(item)
  if (delivery === undefined) {
    out.routine('blank')
    return TOLD
  }
  if (!delivery.ok) {
    out.reject(delivery.code, delivery.detail)
    return TOLD
  }
  const { topic, timeMs } = delivery
  const opened = openPayloads(delivery.values, { topic, timeMs }, item.bytes === undefined)
  const gathering = new Gathering(out)
  for (const payload of opened.payloads) {
    gathering.payload = payload
    read(payload, item, gathering)
  }
  finish?.(gathering)
  gathering.payload = undefined
  for (const { code, detail } of opened.faults) gathering.reject(code, detail)
  return gathering.end(opened.empty[0])
}

const TOLD: Outcome = { held: 0, told: true }

interface Fault {
  readonly code: RejectCode
  readonly detail: string
  readonly payload: Payload | undefined
}

class Gathering implements Teller {
  payload: Payload | undefined
  readonly #out: DecodeSink
  readonly #faults: Fault[] = []
  #events = 0
  #held = 0
  #rejects = 0
  #routine: string | undefined

  constructor(out: DecodeSink) {
    this.#out = out
  }

  event(draft: Draft): void {
    const part = this.#events
    this.#events += 1
    const { payload } = this
    const original =
      draft.original ??
      (payload === undefined || payload.whole ? undefined : JSON.stringify(payload.value))
    this.#out.event({ ...ANEW, ...draft, part, ...(original === undefined ? {} : { original }) })
  }

  routine(className: string): void {
    this.#routine ??= className
  }

  reject(code: RejectCode, detail: string): void {
    this.#rejects += 1
    const { payload } = this
    if (this.#faults.length < FAULTS_MAX) this.#faults.push({ code, detail, payload })
  }

  hold(): void {
    this.#held += 1
  }

  end(empty: string | undefined): Outcome {
    const [first] = this.#faults
    const readable = this.#events > 0 || this.#held > 0
    if (first !== undefined && !readable) {
      const count = this.#rejects > 1 ? `${this.#rejects} records cannot be read: ` : ''
      this.#out.reject(first.code, count + first.detail)
      return TOLD
    }
    for (const fault of this.#faults) this.#faultEvent(fault)
    const more = this.#rejects - this.#faults.length
    if (more > 0) {
      const detail = `${more} more records cannot be read.`
      this.#faultEvent({ code: 'DECODE_UNKNOWN', detail, payload: undefined })
    }
    if (!readable) {
      this.#out.routine(this.#routine ?? empty ?? 'empty')
      return TOLD
    }
    return { held: this.#held, told: this.#events > 0 }
  }

  #faultEvent({ code, detail, payload }: Fault): void {
    this.payload = payload
    const doc = {
      event: {
        kind: 'pipeline_error',
        category: [],
        type: ['error'],
        outcome: 'failure',
        code,
        reason: detail,
      },
      error: { code, message: detail },
    }
    const timeMs = payload?.envelope.timeMs
    // Without its payload the event must not repeat the whole delivery.
    const original = payload === undefined ? { original: detail } : {}
    this.event({ timeMs, action: 'event', doc, ...original })
  }
}
