import type { Histogram } from '../base/metrics.ts'
import type { SecurityEvent } from '../model/event.ts'

/**
 * Observes how long events took to the journal, in whole milliseconds; neighbours mostly share one,
 * so a batch costs few observations. An event that claims to be ahead of us took no time.
 */
export function observeDelays(
  histogram: Histogram,
  source: string,
  events: readonly SecurityEvent[],
  nowMs: number,
): void {
  const labels = { source }
  let lastMs = -1
  let times = 0
  for (const { time } of events) {
    const ms = Math.max(0, Math.round(nowMs - time))
    if (ms !== lastMs && times > 0) {
      histogram.observe(lastMs / 1_000, labels, times)
      times = 0
    }
    lastMs = ms
    times += 1
  }
  if (times > 0) histogram.observe(lastMs / 1_000, labels, times)
}
