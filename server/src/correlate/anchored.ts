import type { CountCorrelation, TemporalCorrelation } from '../model/correlation.ts'
import type {
  Correlator,
  CorrelatorLimits,
  EventRef,
  Moment,
  Observation,
  ObservationPart,
} from './correlator.ts'
import { firstFrom, insertEntry, type Place } from './entries.ts'
import { KeyTable } from './key-table.ts'
import { refHolds } from './temporal.ts'
import { satisfies } from './threshold.ts'

interface Kept extends Place {
  readonly refs: readonly EventRef[]
  readonly inputs: readonly string[]
  readonly values: readonly string[]
  readonly cardinality: readonly (readonly string[])[]
}

const noEntries = (): Kept[] => []

/** What is looked for in a window, and what to say of it. */
export type Judge = (window: readonly Kept[]) => { holds: boolean; value: string }

/**
 * Conditions that further events can undo: at most, exactly, an average, a rule that must not match.
 * They are judged on windows that follow each other: one opens with the first event that lies in no
 * earlier one, and lasts a timespan. It is judged when the watermark has passed its end, so what is
 * said of it is final; the windows that input leaves open at its end are judged then.
 */
export class AnchoredWindows implements Correlator {
  readonly table: KeyTable<Kept[]>
  readonly #judge: Judge
  readonly #timespanMs: number
  readonly #limits: CorrelatorLimits

  constructor(options: { judge: Judge; timespanMs: number; limits: CorrelatorLimits }) {
    this.#judge = options.judge
    this.#timespanMs = options.timespanMs
    this.#limits = options.limits
    this.table = new KeyTable<Kept[]>({
      keysMax: options.limits.keysMax,
      codec: { encode: (entries) => entries, decode: (row) => row as Kept[] },
    })
  }

  observe(observation: Observation, _moment: Moment): void {
    const { time, order, events: refs, parts } = observation
    for (const key of new Set(parts.map((part) => part.key))) {
      const mine = parts.filter((part) => part.key === key)
      const entries = this.table.open(key, noEntries)
      if (entries === undefined) continue
      if (entries.length >= this.#limits.entriesMax) this.table.losses.trimmed += 1
      else insertEntry(entries, { time, order, refs, ...merged(mine) })
      this.#put(key, entries)
    }
  }

  advance(moment: Moment): void {
    for (;;) {
      const key = this.table.nextDue(moment.watermarkMs)
      if (key === undefined) return
      const entries = this.table.get(key)!
      while (entries[0] !== undefined && entries[0].time + this.#timespanMs < moment.watermarkMs) {
        this.#close(key, entries, moment)
      }
      this.#put(key, entries)
    }
  }

  finish(moment: Moment): void {
    for (const key of this.table.keys()) {
      const entries = this.table.get(key)!
      while (entries.length > 0) this.#close(key, entries, moment)
      this.table.delete(key)
    }
  }

  /** Judges the oldest window and takes its entries away. */
  #close(key: string, entries: Kept[], moment: Moment): void {
    const endMs = entries[0]!.time + this.#timespanMs
    const after = firstFrom(entries, endMs)
    let count = after
    while (count < entries.length && entries[count]!.time <= endMs) count += 1
    const window = entries.splice(0, count)
    const { holds, value } = this.#judge(window)
    if (!holds) return
    const { order } = window.at(-1)!
    const events = window.flatMap(({ refs }) => refs)
    const facts = { value }
    moment.sink.hit({ key, name: String(order), time: endMs, order, events, facts }, 'final')
  }

  #put(key: string, entries: Kept[]): void {
    const [first] = entries
    if (first === undefined) return this.table.delete(key)
    const hold = entries.length > 1 ? 'grown' : 'fresh'
    this.table.put(key, entries, { hold, dueMs: first.time + this.#timespanMs })
  }
}

function merged(parts: readonly ObservationPart[]): Omit<Kept, 'time' | 'order' | 'refs'> {
  const [first] = parts
  return {
    inputs: parts.map(({ input }) => input),
    values: [...new Set(parts.flatMap(({ values }) => values))],
    cardinality: first?.cardinality ?? [],
  }
}

/** What a count, sum, average, percentile or median of a window has to be. */
export function judgeCount(correlation: CountCorrelation): Judge {
  const { condition, cardinality = [] } = correlation
  return (window) => {
    const value = measure(correlation, window)
    const isVaried = cardinality.every((one, at) => {
      const distinct = new Set(window.flatMap((entry) => entry.cardinality[at] ?? []))
      return satisfies(distinct.size, one.condition)
    })
    const holds = isVaried && !Number.isNaN(value) && satisfies(value, condition)
    return { holds, value: String(value) }
  }
}

/** NaN where there is nothing to measure. */
function measure(correlation: CountCorrelation, window: readonly Kept[]): number {
  if (correlation.type === 'event_count') return window.length
  const texts = window.flatMap(({ values }) => values)
  if (correlation.type === 'value_count') return new Set(texts).size
  const numbers = texts.flatMap(numberOf).sort((a, b) => a - b)
  if (numbers.length === 0) return Number.NaN
  switch (correlation.type) {
    case 'value_sum':
      return total(numbers)
    case 'value_avg':
      return total(numbers) / numbers.length
    case 'value_median':
      return percentileOf(numbers, 50)
    case 'value_percentile':
      return percentileOf(numbers, correlation.percentile ?? 50)
  }
}

export function numberOf(text: string): number[] {
  const value = text.trim() === '' ? Number.NaN : Number(text)
  return Number.isFinite(value) ? [value] : []
}

function total(numbers: readonly number[]): number {
  let sum = 0
  for (const one of numbers) sum += one
  return sum
}

/** Between the two nearest ranks in proportion (as ClickHouse's quantileExactInclusive). */
function percentileOf(sorted: readonly number[], percentile: number): number {
  const rank = (percentile / 100) * (sorted.length - 1)
  const low = sorted[Math.floor(rank)]!
  const high = sorted[Math.ceil(rank)]!
  return low + (high - low) * (rank - Math.floor(rank))
}

/** A condition over the rules that occurred in a window, negations among them. */
export function judgeRules(correlation: TemporalCorrelation): Judge {
  const { condition } = correlation
  return (window) => {
    const there = new Set(window.flatMap(({ inputs }) => inputs))
    const holds = condition !== undefined && refHolds(condition, (rule) => there.has(rule))
    return { holds, value: [...there].join(', ') }
  }
}
