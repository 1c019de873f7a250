import { NumberColumn } from './native.ts'

/** Where a row stands in the journal, and when its batch was journalled. */
export interface RowPlace {
  readonly partition: number
  readonly epoch: number
  readonly offset: number
  readonly index: number
  readonly ingestedMs: number
}

const DAY_MS = 86_400_000
const HOUR_MS = 3_600_000
/** What DateTime64(3) holds: 1900-01-01 to 2299-12-31. `doc` keeps what was said. */
const TIME_MS_MIN = Date.UTC(1900, 0, 1)
const TIME_MS_MAX = Date.UTC(2299, 11, 31, 23, 59, 59, 999)
/** What Date holds, in days: 1970-01-01 to 2149-06-06. */
const DAY_MAX = 65_535

/** A time that the store can hold; the same for a time that is no number. */
export function clampTime(timeMs: number): number {
  if (!(timeMs >= TIME_MS_MIN)) return timeMs < TIME_MS_MIN ? TIME_MS_MIN : 0
  return timeMs > TIME_MS_MAX ? TIME_MS_MAX : Math.floor(timeMs)
}

/** Hours since 1970; the second part of the sorting key. */
export function hourOf(timeMs: number): number {
  return Math.floor(timeMs / HOUR_MS)
}

/** Days since 1970; what partitions and retention go by. */
export function dayOf(timeMs: number): number {
  return Math.min(DAY_MAX, Math.max(0, Math.floor(timeMs / DAY_MS)))
}

/** The columns that every table with rows out of the journal begins with. */
export class PositionColumns {
  readonly #partition = new NumberColumn('journal_partition', 'UInt16')
  readonly #epoch = new NumberColumn('journal_epoch', 'UInt16')
  readonly #offset = new NumberColumn('journal_offset', 'UInt64')
  readonly #index = new NumberColumn('journal_index', 'UInt32')
  readonly #ingested = new NumberColumn('ingested', "DateTime64(3, 'UTC')")
  readonly #day = new NumberColumn('ingest_day', 'Date')
  readonly columns = [
    this.#partition,
    this.#epoch,
    this.#offset,
    this.#index,
    this.#ingested,
    this.#day,
  ]

  add(place: RowPlace): void {
    const ingestedMs = clampTime(place.ingestedMs)
    this.#partition.add(place.partition)
    this.#epoch.add(place.epoch)
    this.#offset.add(place.offset)
    this.#index.add(place.index)
    this.#ingested.add(ingestedMs)
    this.#day.add(dayOf(ingestedMs))
  }
}
