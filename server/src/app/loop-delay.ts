import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { Metrics } from '../base/metrics.ts'

const RESOLUTION_MS = 10

/** Measures how late the event loop of this thread runs; `sample` gives the worst since the last call. */
export function watchLoopDelay(metrics: Metrics, thread: string): () => number {
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  delay.enable()
  const worst = metrics.gauge(
    'picket_event_loop_delay_max_seconds',
    'Largest delay of a thread’s event loop since the last look.',
  )
  return () => {
    // The histogram counts the timer's own interval too.
    const ms = Math.max(0, delay.max / 1e6 - RESOLUTION_MS)
    delay.reset()
    worst.set(ms / 1_000, { thread })
    return ms
  }
}
