import { own } from '../base/own.ts'
import type { Tick } from '../model/journal.ts'

export const LATENESS_MS = 60_000

/** Less than this is a clock being set right, not one that was wrong. */
const STEP_MIN_MS = 1_000

/** Ticks come every second or so; a gap like this means that nobody was there to tick. */
const TICK_GAP_MS = 30_000

export interface Lateness {
  /** How late an event may come behind the newest of its source; 60 s unless set. */
  readonly latenessMs?: number
  /** Lateness of single sources, by source instance. */
  readonly latenessOf?: Readonly<Record<string, number>>
}

interface SourceRow {
  state: Tick['state']
  watermarkMs: number
  /** Receipt time of the last input of any kind, and of the last tick. */
  lastInputMs: number
  atMs: number
  /** Time since the last input that is no silence; absent in states of older versions. */
  heldMs?: number
}

/** A source has given nothing at all, not even routine lines. */
export interface Silence {
  /** Receipt time of its last input; names the silence. */
  readonly sinceMs: number
  readonly atMs: number
  /** How long it could have given something: not while we held it or nobody was there to tick. */
  readonly silentMs: number
}

/**
 * Tells how far event time is complete: the least watermark of the connected sources, each held
 * back by its lateness and never ahead of receipt. A source that comes with older events than that
 * has late ones. It goes back only where our own clock was set back further than the lateness: what
 * comes then bears the earlier times, and would all be late until the clock is where it was.
 */
export class SourceClock {
  readonly #sources = new Map<string, SourceRow>()
  readonly #lateness: Lateness
  #watermarkMs = Number.NEGATIVE_INFINITY

  constructor(lateness: Lateness) {
    this.#lateness = lateness
  }

  get watermarkMs(): number {
    return this.#watermarkMs
  }

  input(source: string, atMs: number): void {
    const row = this.#sources.get(source)
    if (row !== undefined && atMs > row.lastInputMs) heard(row, atMs)
  }

  tick(tick: Tick): void {
    const row = this.#sources.get(tick.source)
    const clippedMs = Math.min(tick.watermarkMs, tick.atMs) - this.#latenessOf(tick.source)
    if (row === undefined) {
      const { state, atMs } = tick
      this.#sources.set(tick.source, { state, watermarkMs: clippedMs, lastInputMs: atMs, atMs })
    } else {
      // Time in which nobody ticked (we were down), or in which we held the source ourselves, is no
      // silence of it.
      const passedMs = tick.atMs - row.atMs
      if (passedMs > TICK_GAP_MS || row.state === 'paused') {
        const heldMs = tick.atMs - Math.max(row.atMs, row.lastInputMs)
        row.heldMs = (row.heldMs ?? 0) + Math.max(0, heldMs)
      }
      row.state = tick.state
      if (-passedMs > Math.max(this.#latenessOf(tick.source), STEP_MIN_MS)) {
        if (row.lastInputMs > tick.atMs) heard(row, tick.atMs)
        row.watermarkMs = Math.max(row.watermarkMs + passedMs, clippedMs)
        this.#watermarkMs = Math.min(this.#watermarkMs, row.watermarkMs)
      }
      row.watermarkMs = Math.max(row.watermarkMs, clippedMs)
      row.atMs = tick.atMs
    }
    let leastMs = Number.POSITIVE_INFINITY
    for (const { state, watermarkMs } of this.#sources.values()) {
      if (state === 'connected') leastMs = Math.min(leastMs, watermarkMs)
    }
    if (leastMs !== Number.POSITIVE_INFINITY && leastMs > this.#watermarkMs) {
      this.#watermarkMs = leastMs
    }
  }

  /** How long a source has given nothing at all; undefined while that says nothing (paused). */
  silence(source: string): Silence | undefined {
    const row = this.#sources.get(source)
    if (row === undefined || row.state === 'paused') return undefined
    const { lastInputMs: sinceMs, atMs, heldMs = 0 } = row
    return { sinceMs, atMs, silentMs: atMs - sinceMs - heldMs }
  }

  /** These are all the sources there are: nobody waits for others any more. */
  keep(names: readonly string[]): void {
    for (const name of this.#sources.keys()) {
      if (!names.includes(name)) this.#sources.delete(name)
    }
  }

  /** For input that is complete: nothing will ever be earlier than this. */
  raise(watermarkMs: number): void {
    this.#watermarkMs = Math.max(this.#watermarkMs, watermarkMs)
  }

  row(): unknown {
    return { watermarkMs: finite(this.#watermarkMs), sources: [...this.#sources] }
  }

  restore(row: unknown): void {
    const saved = row as { watermarkMs: number | null; sources: [string, SourceRow][] }
    this.#watermarkMs = saved.watermarkMs ?? Number.NEGATIVE_INFINITY
    for (const [source, one] of saved.sources) this.#sources.set(source, one)
  }

  #latenessOf(source: string): number {
    const { latenessOf, latenessMs } = this.#lateness
    return own(latenessOf, source) ?? latenessMs ?? LATENESS_MS
  }
}

function heard(row: SourceRow, atMs: number): void {
  row.lastInputMs = atMs
  row.heldMs = 0
}

/** JSON has no Infinity. */
function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null
}
