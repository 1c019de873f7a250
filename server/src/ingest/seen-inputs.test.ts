import { expect, test } from 'vitest'
import { ManualClock } from '../base/clock.ts'
import { SILENT } from '../base/log.ts'
import { MetricsRegistry } from '../base/metrics.ts'
import { ProblemError } from '../base/problems.ts'
import { decoders } from '../decode/registry.ts'
import type { Journal } from '../model/journal.ts'
import { Ingest } from './ingest.ts'
import { createPreparer } from './prepare.ts'

const RECEIVED_MS = Date.UTC(2026, 10, 22, 1, 0, 0)

function setUp() {
  const journal = { full: false }
  const metrics = new MetricsRegistry()
  const ingest = new Ingest({
    ...{ source: 's', clock: new ManualClock(RECEIVED_MS + 2_000), log: SILENT, metrics },
    journal: {
      append: async () => {
        if (journal.full) throw new ProblemError({ code: 'INPUT_UNREADABLE', message: 'full' })
        return 1
      },
    } as unknown as Journal,
    preparer: createPreparer({ source: 's', decoderSpec: decoders['syslog']!, tenant: 'default' }),
    pause: async () => undefined,
  })
  const deliver = (...texts: readonly string[]) =>
    ingest.deliver(
      { items: texts.map((text) => ({ text, key: text, receivedMs: RECEIVED_MS })) },
      'refuse',
    )
  return { ingest, deliver, journal, metrics }
}

test('a report says what became of the last ten inputs', async () => {
  const { ingest, deliver } = setUp()
  expect(ingest.report()).toMatchObject({ state: 'down', deliveries: 0, inputs: [] })
  expect(ingest.report().lastMs).toBeUndefined()
  await deliver(...Array.from({ length: 30 }, (_, index) => `<13>line ${index}`))
  await deliver('', `strange ${'x'.repeat(400)}`, '<86>login[1]: LOGIN ON tty1 BY root')
  const { inputs, ...rest } = ingest.report()
  expect(rest).toMatchObject({ deliveries: 2, events: 31, routine: 1, rejects: 1 })
  expect(rest.lastMs).toBe(RECEIVED_MS + 2_000)
  expect(inputs).toHaveLength(10)
  expect(inputs[0]?.text).toBe('<13>line 23')
  expect(inputs.slice(6)).toMatchObject([
    { outcome: 'events', actions: ['event'] },
    { outcome: 'routine', code: 'blank' },
    { outcome: 'reject', code: 'DECODE_UNKNOWN' },
    { outcome: 'events', actions: ['user-login'] },
  ])
  expect(inputs[8]?.text).toHaveLength(300)
})

test('what was not journalled is not told of', async () => {
  const { ingest, deliver, journal } = setUp()
  journal.full = true
  await deliver('<13>line')
  expect(ingest.report()).toMatchObject({ deliveries: 0, events: 0, inputs: [] })
})

test('the delay of each event is observed by source', async () => {
  const { deliver, metrics } = setUp()
  await deliver('<13>now', '<13>now too', '<13>1 2026-11-22T00:59:50Z h a - - - old')
  const text = metrics.render()
  expect(text).toContain('picket_source_delay_seconds_bucket{source="s",le="1"} 0')
  expect(text).toContain('picket_source_delay_seconds_bucket{source="s",le="5"} 2')
  expect(text).toContain('picket_source_delay_seconds_bucket{source="s",le="15"} 3')
  expect(text).toContain('picket_source_delay_seconds_sum{source="s"} 16')
})
