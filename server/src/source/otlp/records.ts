import type { RawItem } from '../../model/source.ts'
import type { Signal } from './messages.ts'
import { logEntries } from './logs.ts'
import { pointEntries, pointsOf } from './points.ts'
import { spanEntries, spanEventEntries } from './spans.ts'
import { attributesOf, type Entry, type Fields, fieldsOf, Oddities } from './values.ts'
import { textIn, textOf } from './values.ts'

const RECORDS_MAX = 100_000
/**
 * Characters of all items of a request: attributes of a resource stand in each of its records, so that a
 * body can grow a thousandfold.
 */
const CHARACTERS_MAX = 64 * 2 ** 20

/** One event to be, or a piece of the request that is none and is kept as that. */
export interface OtlpItem extends Pick<RawItem, 'text' | 'unreadable'> {
  /** Number of the log record, span or data point that it is of, as the answer counts them. */
  readonly record: number
}

export type OtlpItems =
  | { readonly ok: true; readonly items: readonly OtlpItem[] }
  | { readonly ok: false; readonly fault: string }

/** Too much for one request. */
class Overflow extends Error {}

/**
 * One JSON object for each log record, span, event of a span, and data point of a request in OTLP's
 * JSON form. What is not of that form becomes an unreadable item: nothing is stepped over.
 */
export function readRecords(request: Fields, signal: Signal): OtlpItems {
  const walk = new Walk(signal)
  try {
    walk.request(request)
  } catch (error) {
    if (!(error instanceof Overflow)) throw error
    return { ok: false, fault: error.message }
  }
  return { ok: true, items: walk.items }
}

class Walk {
  readonly items: OtlpItem[] = []
  readonly #signal: Signal
  #records = 0
  #characters = 0

  constructor(signal: Signal) {
    this.#signal = signal
  }

  request(request: Fields): void {
    const { resources, scopes } = this.#signal
    this.#each(request[resources], resources, (resource) => {
      const odd = new Oddities()
      const shared = attributesOf(part(resource, 'resource', odd)['attributes'], odd)
      const outer = [...shared, ...odd.entries()]
      this.#each(resource[scopes], scopes, (one) => this.#scope(one, 'scope', outer))
      // What exporters before version 0.15 of the protocol called scopes.
      const old = scopes.replace('scope', 'instrumentationLibrary')
      this.#each(resource[old], old, (one) => this.#scope(one, 'instrumentationLibrary', outer))
    })
  }

  #scope(inScope: Fields, name: string, shared: readonly Entry[]): void {
    const odd = new Oddities()
    const scope = part(inScope, name, odd)
    const outer: Entry[] = [
      ...shared,
      ...attributesOf(scope['attributes'], odd),
      ['otel.scope.name', textIn(scope['name'], odd)],
      ['otel.scope.version', textIn(scope['version'], odd)],
    ]
    outer.push(...odd.entries())
    const { records } = this.#signal
    this.#each(inScope[records], records, (record) => {
      this.#next()
      if (records === 'logRecords') this.#take(record, outer, (odd) => logEntries(record, odd))
      else if (records === 'spans') this.#span(record, outer)
      else this.#metric(record, outer)
    })
  }

  #span(span: Fields, outer: readonly Entry[]): void {
    this.#take(span, outer, (odd) => spanEntries(span, odd))
    this.#each(span['events'], 'events', (event) => {
      this.#take(event, outer, (odd) => spanEventEntries(event, span, odd))
    })
  }

  #metric(metric: Fields, outer: readonly Entry[]): void {
    const found = pointsOf(metric)
    if (found === undefined) return this.#unreadable(metric, 'a metric without data points')
    this.#each(found.points, 'dataPoints', (point) => {
      this.#next()
      this.#take(point, outer, (odd) => pointEntries(point, metric, found.kind, odd))
    })
  }

  /** Calls back for each object of a list; what is no list, or no object, is kept as unreadable. */
  #each(list: unknown, name: string, take: (one: Fields) => void): void {
    if (list === undefined || list === null) return
    if (!Array.isArray(list)) return this.#unreadable(list, `${name} is no list`)
    for (const one of list) {
      const fields = fieldsOf(one)
      if (fields === undefined) this.#unreadable(one, `an element of ${name} is no object`)
      else take(fields)
    }
  }

  /** The record's own attributes win over those of scope and resource. */
  #take(record: Fields, outer: readonly Entry[], own: (odd: Oddities) => readonly Entry[]): void {
    const odd = new Oddities()
    const all = [...outer, ...attributesOf(record['attributes'], odd), ...own(odd)]
    all.push(...odd.entries())
    const text = JSON.stringify(Object.fromEntries(all.filter(([, value]) => value !== undefined)))
    this.#push({ text, record: this.#records })
  }

  #unreadable(piece: unknown, detail: string): void {
    this.#next()
    const unreadable = { code: 'DECODE_FIELD', detail } as const
    this.#push({ text: textOf(piece), unreadable, record: this.#records })
  }

  #next(): void {
    this.#records += 1
  }

  #push(item: OtlpItem): void {
    if (this.items.length === RECORDS_MAX) {
      throw new Overflow(`more than ${RECORDS_MAX} records in one request`)
    }
    this.#characters += item.text.length
    if (this.#characters > CHARACTERS_MAX) {
      throw new Overflow('its records repeat too much of what their resource and scope say')
    }
    this.items.push(item)
  }
}

function part(of: Fields, name: string, odd: Oddities): Fields {
  const given = of[name]
  const fields = fieldsOf(given)
  if (fields === undefined && given !== undefined && given !== null) odd.add(given)
  return fields ?? {}
}
