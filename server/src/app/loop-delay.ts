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
  const ever = metrics.gauge(
    'picket_event_loop_delay_worst_seconds',
    'Largest delay of a thread’s event loop since it began its work.',
  )
  let worstMs = 0
  let warm = false
  return () => {
    // The histogram counts the timer's own interval too.
    const ms = Math.max(0, delay.max / 1e6 - RESOLUTION_MS)
    delay.reset()
    worst.set(ms / 1_000, { thread })
    // The first look covers the start, when code is loaded and compiled.
    if (warm) worstMs = Math.max(worstMs, ms)
    warm = true
    ever.set(worstMs / 1_000, { thread })
    return ms
  }
}
