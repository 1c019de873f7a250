import type { Rollup } from '../../model/journal.ts'

/**
 * What was folded of files, added up by device, kind and interval, so that it grows with the devices and
 * not with the input; given out in order of when a device was last seen.
 */
export class Folded {
  readonly #rows = new Map<string, Rollup>()
  #sorted: readonly Rollup[] | undefined
  #next = 0

  add(rollups: readonly Rollup[]): void {
    for (const rollup of rollups) {
      const { device, deviceField, fromMs, action, dataset } = rollup
      const key = [device, deviceField, fromMs, action, dataset].join('\u0000')
      const before = this.#rows.get(key)
      this.#rows.set(key, before === undefined ? rollup : sumOf(before, rollup))
    }
  }

  /** Those whose device was last seen up to then; each once. */
  *until(timeMs: number): Generator<Rollup> {
    this.#sorted ??= [...this.#rows.values()].sort((a, b) => a.lastSeenMs - b.lastSeenMs)
    for (;;) {
      const rollup = this.#sorted[this.#next]
      if (rollup === undefined || rollup.lastSeenMs > timeMs) return
      this.#next += 1
      yield rollup
    }
  }
}

function sumOf(a: Rollup, b: Rollup): Rollup {
  const firstOf = ({ firstSeenMs, lastSeenMs }: Rollup): number => firstSeenMs ?? lastSeenMs
  return {
    ...a,
    messages: a.messages + b.messages,
    bytes: a.bytes + b.bytes,
    firstSeenMs: Math.min(firstOf(a), firstOf(b)),
    lastSeenMs: Math.max(a.lastSeenMs, b.lastSeenMs),
  }
}
