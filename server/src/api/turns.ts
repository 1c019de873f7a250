/** In one turn of the event loop so many requests enter at most, and none after so long. */
const BURST_MAX = 16
const SLICE_MS = 4

/**
 * Lets requests enter a few at a time: between two slices the event loop sees to everything else.
 * SQLite answers on this thread, so that a crowd of readers would else run one after the other with
 * nothing in between, and alerts would wait for all of them.
 */
export interface Turns {
  enter(): Promise<void>
}

export function createTurns(
  nextTurn: (work: () => void) => void = setImmediate,
  now: () => number = () => performance.now(),
): Turns {
  let waiting: (() => void)[] = []
  let next = 0
  let begunMs = Number.NaN
  /** What a request does at once it does before the next of the callbacks of one turn. */
  const release = (isFirst: boolean, isLast: boolean): void => {
    if (isFirst) begunMs = now()
    if (isFirst || now() - begunMs < SLICE_MS) {
      waiting[next]?.()
      next += 1
    }
    if (!isLast) return
    waiting = waiting.slice(next)
    next = 0
    if (waiting.length > 0) schedule()
  }
  const schedule = (): void => {
    const count = Math.min(BURST_MAX, waiting.length)
    for (let at = 1; at <= count; at += 1) nextTurn(() => release(at === 1, at === count))
  }
  return {
    enter: () =>
      new Promise((resolve) => {
        waiting.push(resolve)
        if (waiting.length === 1) schedule()
      }),
  }
}
