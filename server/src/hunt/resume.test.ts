import fc from 'fast-check'
import { expect, test } from 'vitest'
import { actionRule, ruleSet } from '../detect/testing/rules.ts'
import type { AlertRecord } from '../model/alert.ts'
import type { Rollup } from '../model/journal.ts'
import type { StoredEvent } from '../store/search/stream.ts'
import {
  type EventSource,
  hunt,
  type HuntCheckpoint,
  type HuntOptions,
  type HuntSummary,
} from './hunt.ts'
import { arrivalsOf, eventful, items, type Listed, RULES } from './testing/every-kind.ts'

const EVERY_FAILURE = ruleSet([actionRule('failed', 'failure', { alerts: true })])
const DAY_MS = 86_400_000
const MIDNIGHT = Date.UTC(2026, 10, 23)

/** A store of these events; `batch` at a time. */
function sourceOf(events: readonly StoredEvent[], batch: number): EventSource {
  return async function* ({ fromMs, toMs, onTotal }) {
    const within = events.filter(({ time }) => time >= fromMs && time < toMs)
    onTotal?.(within.length)
    for (let at = 0; at < within.length; at += batch) yield within.slice(at, at + batch)
  }
}

/** Around a midnight, and once more a few days later. */
function eventsOf(list: readonly Listed[], beforeMs: number): readonly StoredEvent[] {
  return [MIDNIGHT, MIDNIGHT + 3 * DAY_MS]
    .flatMap((midnightMs, turn) =>
      arrivalsOf(list, midnightMs - beforeMs).map(({ event }) => ({
        ...{ ...event, id: `${turn}-${event.id}`, ingestedMs: event.time },
        position: { partition: 0, offset: 0, index: 0 },
      })),
    )
    .toSorted((a, b) => a.time - b.time)
}

interface Told {
  readonly alerts: AlertRecord[]
  readonly summary: HuntSummary
  readonly checkpoints: readonly string[]
}

async function hunted(source: EventSource, more: Partial<HuntOptions> = {}): Promise<Told> {
  const checkpoints: string[] = []
  const alerts: AlertRecord[] = []
  const running = hunt(source, {
    ...{ ruleSet: RULES, tell: 'alerts', fromMs: MIDNIGHT - DAY_MS, toMs: MIDNIGHT + 5 * DAY_MS },
    onDay: async (checkpoint) =>
      void checkpoints.push(JSON.stringify([checkpoint(), alerts.length])),
    ...more,
  })
  for (;;) {
    const step = await running.next()
    if (step.done === true) return { alerts, summary: step.value, checkpoints }
    alerts.push(...step.value)
  }
}

test(
  'a hunt that goes on from any of its days tells what the whole one does, alert for alert',
  { timeout: 240_000 },
  async () => {
    let went = 0
    await fc.assert(
      fc.asyncProperty(
        ...[
          items,
          fc.nat(120_000),
          fc.integer({ min: 1, max: 80 }),
          fc.constantFrom('alerts', 'matches'),
        ],
        async (list, beforeMs, batch, tell) => {
          const events = eventsOf(list, beforeMs)
          const source = sourceOf(events, batch)
          const how = { tell: tell as 'alerts' | 'matches' }
          const whole = await hunted(source, how)
          for (const text of whole.checkpoints) {
            const [checkpoint, told] = JSON.parse(text) as [HuntCheckpoint, number]
            const rest = await hunted(source, { ...how, resume: checkpoint })
            const ids = [...whole.alerts.slice(0, told), ...rest.alerts]
            expect(ids.toSorted(byId)).toEqual(whole.alerts.toSorted(byId))
            expect(rest.summary).toEqual(whole.summary)
            went += 1
          }
        },
      ),
      { numRuns: 12, examples: [[eventful, 40_000, 30, 'alerts']] },
    )
    expect(went).toBeGreaterThan(12)
  },
)

const byId = (a: AlertRecord, b: AlertRecord): number => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0)

test('rollups are taken once, by the day that they are of', async () => {
  const events = eventsOf(eventful, 40_000)
  const [first] = events
  const rollups: readonly Rollup[] = Array.from({ length: 100 }, (_, at) => {
    const lastSeenMs = (first?.time ?? 0) + at * 2_000
    const span = { fromMs: lastSeenMs, toMs: lastSeenMs + 1, firstSeenMs: lastSeenMs, lastSeenMs }
    const of = { device: '10.0.0.1', deviceField: 'source.ip', action: 'beat' }
    return { ...span, ...of, messages: 1, bytes: 1 }
  })
  const options = {
    rollups: async function* ({ fromMs, toMs }: { fromMs: number; toMs: number }) {
      yield rollups.filter(({ lastSeenMs }) => lastSeenMs >= fromMs && lastSeenMs < toMs)
    },
  }
  const source = sourceOf(events, 50)
  const whole = await hunted(source, options)
  const quiet = whole.alerts.filter(({ rule }) => rule.id === 'quiet')
  expect(quiet.length).toBeGreaterThan(0)
  const without = await hunted(source)
  expect(without.alerts.filter(({ rule }) => rule.id === 'quiet')).not.toEqual(quiet)
  const [text = ''] = whole.checkpoints
  const [checkpoint, told] = JSON.parse(text) as [HuntCheckpoint, number]
  const rest = await hunted(source, { ...options, resume: checkpoint })
  expect([...whole.alerts.slice(0, told), ...rest.alerts]).toEqual(whole.alerts)
})

test('rollups between the last event of a day and its end are of that day', async () => {
  const [first] = eventsOf(eventful, 40_000)
  const event = (time: number): StoredEvent => ({ ...first!, id: `at ${time}`, time })
  const source = sourceOf([event(MIDNIGHT - 600_000), event(MIDNIGHT + 600_000)], 50)
  const of = { device: 'only folded', deviceField: 'source.ip', action: 'beat' }
  const at = MIDNIGHT - 300_000
  const rollup: Rollup = {
    ...{ ...of, messages: 1, bytes: 1 },
    ...{ fromMs: at, toMs: at + 1, firstSeenMs: at, lastSeenMs: at },
  }
  const options: Partial<HuntOptions> = {
    rollups: async function* ({ fromMs, toMs }) {
      yield [rollup].filter(({ lastSeenMs }) => lastSeenMs >= fromMs && lastSeenMs < toMs)
    },
  }
  const whole = await hunted(source, options)
  const quiet = (alerts: readonly AlertRecord[]): number =>
    alerts.filter(({ group }) => Object.values(group).includes('only folded')).length
  expect(quiet(whole.alerts)).toBe(1)
  const text = whole.checkpoints.at(-1) ?? ''
  const [checkpoint, told] = JSON.parse(text) as [HuntCheckpoint, number]
  const rest = await hunted(source, { ...options, resume: checkpoint })
  expect([...whole.alerts.slice(0, told), ...rest.alerts]).toEqual(whole.alerts)
})

test('rollups are taken in their place among the events', async () => {
  const [first] = eventsOf(eventful, 40_000)
  const count = 1_500
  const events = Array.from({ length: count }, (_, at): StoredEvent => {
    return { ...first!, id: `e${at}`, time: MIDNIGHT + at * 1_000, doc: { '@timestamp': '' } }
  })
  const of = { device: 'only folded', deviceField: 'source.ip', action: 'beat' }
  const rollups: readonly Rollup[] = Array.from({ length: count / 30 }, (_, at) => {
    const lastSeenMs = MIDNIGHT + at * 30_000
    return { ...of, messages: 1, bytes: 1, fromMs: lastSeenMs, toMs: lastSeenMs + 1, lastSeenMs }
  })
  const { alerts } = await hunted(sourceOf(events, 100), {
    rollups: async function* () {
      yield rollups
    },
  })
  const lastMs = MIDNIGHT + count * 1_000 - 30_000
  expect(alerts.map(({ last }) => Date.parse(last))).toEqual([lastMs + 60_000])
})

test('the beginning of a range is part of it, its end is not', async () => {
  const [first] = eventsOf(eventful, 40_000)
  const doc = { event: { action: 'failure' }, source: { ip: '10.0.0.1' } }
  const source = sourceOf([{ ...first!, id: 'one', time: MIDNIGHT, doc }], 1)
  const told = async (fromMs: number, toMs: number): Promise<number> => {
    const { alerts } = await hunted(source, {
      fromMs,
      toMs,
      ruleSet: EVERY_FAILURE,
      tell: 'matches',
    })
    return alerts.length
  }
  expect(await told(MIDNIGHT, MIDNIGHT + 1)).toBe(1)
  expect(await told(MIDNIGHT - 1, MIDNIGHT)).toBe(0)
  expect(await told(MIDNIGHT + 1, MIDNIGHT + 2)).toBe(0)
})

test('events are read as long after the range as they can still change what is in it', async () => {
  const { summary } = await hunted(sourceOf([], 50))
  // The longest that a rule of them looks ahead is less than the lateness.
  expect(summary.readToMs).toBe(MIDNIGHT + 5 * DAY_MS + 60_000)
  const long = RULES.correlations.map((rule) => {
    const { correlation } = rule
    return 'timespanMs' in correlation
      ? { ...rule, correlation: { ...correlation, timespanMs: 7_200_000 } }
      : rule
  })
  const wide = await hunted(sourceOf([], 50), { ruleSet: { ...RULES, correlations: long } })
  expect(wide.summary.readToMs).toBeGreaterThanOrEqual(MIDNIGHT + 5 * DAY_MS + 7_200_000)
})

test('what is asked for between stretches may end it', async () => {
  const source = sourceOf(eventsOf(eventful, 40_000), 50)
  const check = (): void => {
    throw new Error('enough')
  }
  await expect(hunted(source, { check })).rejects.toThrow('enough')
})
