import type { Counter, Metrics } from '../../base/metrics.ts'
import type { EcsDoc } from '../../model/event.ts'
import type { Rollup } from '../../model/journal.ts'
import type { RawItem } from '../../model/source.ts'
import type { Shaped } from '../../normalize/normalize.ts'
import type { Filter, FilterInForce } from './filter.ts'
import type { CompiledEntry } from './policy.ts'
import { Folder } from './fold.ts'

/** Name of the entry on rollups of lines that no policy was asked about: they are no events. */
const LIFE_SIGN = 'life-sign'

/** One source's way through the filter in force. Between two batches it may be another. */
export class FilterLane {
  readonly #inForce: FilterInForce
  readonly #source: string
  readonly #counters: ReturnType<typeof makeCounters> | undefined
  #filter: Filter
  #folder: Folder
  readonly #decided = new Map<CompiledEntry, { count: number; readonly routine: string }>()

  constructor(inForce: FilterInForce, source: string, metrics: Metrics | undefined) {
    this.#inForce = inForce
    this.#source = source
    this.#counters = metrics && makeCounters(metrics)
    this.#filter = inForce.current
    this.#folder = new Folder(this.#filter.settings)
  }

  begin(): void {
    if (this.#filter === this.#inForce.current) return
    this.#filter = this.#inForce.current
    this.#folder = new Folder(this.#filter.settings)
  }

  /** The class of routine that an event was folded as; undefined where it is to be kept as well. */
  fold({ doc, time, origin }: Shaped): string | undefined {
    const entry = this.#filter.decide(doc)
    let decided = this.#decided.get(entry)
    if (decided === undefined) {
      decided = { count: 0, routine: `folded:${entry.name}` }
      this.#decided.set(entry, decided)
    }
    decided.count += 1
    if (entry.keep === 'security') return undefined
    this.#folder.event(doc, time, origin, entry.name)
    return entry.keep === 'routine' ? decided.routine : undefined
  }

  /** A line that is a sign of life of a device and no event. */
  sign(doc: EcsDoc, time: number, item: RawItem): void {
    this.#folder.event(doc, time, item, LIFE_SIGN)
  }

  /** The rollups of the batch. */
  take(): readonly Rollup[] {
    const source = this.#source
    for (const [{ name: entry, keep }, { count }] of this.#decided) {
      this.#counters?.decided.inc({ entry, keep }, count)
    }
    this.#decided.clear()
    if (this.#folder.overflowed > 0) {
      this.#counters?.overflowed.inc({ source }, this.#folder.overflowed)
      this.#folder.overflowed = 0
    }
    if (this.#folder.size === 0) return []
    const rollups = this.#folder.take()
    this.#counters?.rows.inc({ source }, rollups.length)
    return rollups
  }
}

function makeCounters(metrics: Metrics): {
  readonly decided: Counter
  readonly rows: Counter
  readonly overflowed: Counter
} {
  return {
    decided: metrics.counter(
      'picket_filter_events_total',
      'Events by the entry of the filter that decided, and whether they were kept.',
    ),
    rows: metrics.counter('picket_filter_rollups_total', 'Rollup rows written, by source.'),
    overflowed: metrics.counter(
      'picket_filter_overflow_total',
      'Messages folded together because a batch named too many devices, by source.',
    ),
  }
}
