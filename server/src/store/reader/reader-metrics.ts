import type { Counter, Gauge, Histogram, Metrics } from '../../base/metrics.ts'

export interface ReaderMetrics {
  readonly rows: Counter
  readonly refused: Counter
  readonly retries: Counter
  readonly expired: Counter
  readonly lagEntries: Gauge
  readonly insertSeconds: Histogram
}

export function createReaderMetrics(metrics: Metrics): ReaderMetrics {
  return {
    rows: metrics.counter('picket_store_rows_total', 'Rows written to the store, by table.'),
    refused: metrics.counter(
      'picket_store_refused_rows_total',
      'Rows that can never be stored and became dead letters.',
    ),
    retries: metrics.counter(
      'picket_store_retries_total',
      'Writes that failed and are tried again, by error code.',
    ),
    expired: metrics.counter(
      'picket_store_expired_rows_total',
      'Rows dropped because their day of ingest is past retention, by table.',
    ),
    lagEntries: metrics.gauge(
      'picket_store_lag_entries',
      'Journal entries that are not in the store yet.',
    ),
    insertSeconds: metrics.histogram(
      'picket_store_insert_seconds',
      'Time a batch took to be durable in the store.',
      [0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30],
    ),
  }
}
