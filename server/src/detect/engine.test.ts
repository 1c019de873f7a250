import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { AlertRecord } from '../model/alert.ts'
import type { JournalEntry } from '../model/journal.ts'
import type { RuleSet } from '../model/rule.ts'
import { createEngine, Engine } from './engine.ts'
import { actionRule, bySource, correlationRule, eventOf, ruleSet } from './testing/rules.ts'

const LATENESS = 2_000
const RULES = ruleSet(
  [actionRule('fail', 'failure', { alerts: true }), actionRule('beat', 'beat')],
  [
    correlationRule('brute', {
      type: 'event_count',
      inputs: ['fail'],
      groupBy: bySource,
      timespanMs: 10_000,
      condition: { gte: 3 },
      fields: [],
    }),
    correlationRule('many', {
      type: 'event_count',
      inputs: ['brute'],
      groupBy: [],
      timespanMs: 60_000,
      condition: { gte: 2 },
      fields: [],
    }),
    correlationRule('quiet', {
      type: 'absence',
      of: 'events',
      inputs: ['beat'],
      groupBy: bySource,
      timespanMs: 15_000,
    }),
  ],
)

/** Correlations over correlations, with timespans shorter and longer than those below them. */
const CHAINS = ruleSet(
  [actionRule('fail', 'failure'), actionRule('beat', 'beat')],
  [
    RULES.correlations[0]!,
    RULES.correlations[1]!,
    correlationRule('soon', {
      type: 'event_count',
      inputs: ['brute'],
      groupBy: [],
      timespanMs: 1_000,
      condition: { gte: 2 },
      fields: [],
    }),
    correlationRule('names', {
      type: 'value_count',
      inputs: ['fail'],
      groupBy: bySource,
      timespanMs: 5_000,
      condition: { gte: 2 },
      fields: ['iot.mqtt.client_id'],
    }),
    correlationRule('both', {
      type: 'temporal',
      inputs: ['brute', 'names'],
      groupBy: bySource,
      timespanMs: 5_000,
    }),
    correlationRule('then', {
      type: 'temporal_ordered',
      inputs: ['brute', 'beat'],
      groupBy: bySource,
      timespanMs: 5_000,
    }),
  ],
)

interface Item {
  readonly client?: string
  readonly gap: number
  readonly delay: number
  readonly action: string
  readonly ip: string
}

const items: fc.Arbitrary<Item[]> = fc.array(
  fc.record({
    gap: fc.nat(4_000),
    delay: fc.nat(LATENESS - 1),
    action: fc.constantFrom('failure', 'beat', 'other'),
    ip: fc.constantFrom('10.0.0.1', '10.0.0.2'),
  }),
  { maxLength: 60 },
)

/** Mostly what the chains are made of, often many within a timespan. */
const busyItems: fc.Arbitrary<Item[]> = fc.array(
  fc.record({
    gap: fc.oneof(fc.nat(4_000), fc.nat(300)),
    delay: fc.nat(LATENESS - 1),
    action: fc.constantFrom('failure', 'failure', 'failure', 'beat', 'other'),
    ip: fc.constantFrom('10.0.0.1', '10.0.0.2'),
    client: fc.constantFrom('a', 'b'),
  }),
  { maxLength: 60, size: 'max' },
)

/** The last event but one comes last: the input has not ended before the beat is missed. */
const OVERTAKEN: Item[] = [0, 3_390, 1_254, 1_143, 1_377, 377, 3_494, 3_291, 667].map(
  (gap, at) => ({
    gap,
    delay: at === 7 ? 669 : 0,
    action: at === 0 ? 'beat' : 'failure',
    ip: '10.0.0.1',
  }),
)

/** One entry an event, a tick after each, arrival shuffled within the lateness. */
function entriesOf(list: readonly Item[]): JournalEntry[] {
  let time = 1_000_000
  const timed = list.map((item, index) => {
    time += 1 + item.gap
    return { event: eventOf(`e${index}`, time, item), at: time + item.delay }
  })
  timed.sort((a, b) => a.at - b.at)
  let newest = 0
  return timed.map(({ event, at }, index) => {
    newest = Math.max(newest, event.time)
    const tick = { source: 's', state: 'connected', watermarkMs: newest, atMs: at } as const
    const batch = { source: 's', ingestedMs: at, events: [event], ticks: [tick] }
    return { offset: index + 1, batch }
  })
}

const options = { latenessMs: LATENESS }
/** More for a soak. */
const RUNS = Number(process.env['PICKET_TEST_RUNS'] ?? 150)

const rowsOf = (bytes: Uint8Array): [string, string][] =>
  JSON.parse(Buffer.from(bytes).toString('utf8')) as [string, string][]
const sortedRows = (bytes: Uint8Array) => rowsOf(bytes).toSorted(([a], [b]) => (a < b ? -1 : 1))

function run(entries: readonly JournalEntry[], restarts: readonly number[] = []): AlertRecord[] {
  let engine = createEngine(RULES, options)
  const rows = new Map<string, string>()
  const alerts: AlertRecord[] = []
  for (const [index, entry] of entries.entries()) {
    if (restarts.includes(index)) {
      for (const { key, value } of engine.takeChanges()) {
        if (value === undefined) rows.delete(key)
        else rows.set(key, value)
      }
      const bytes = engine.snapshot()
      if (index % 2 === 1) {
        rows.clear()
        for (const [key, value] of rowsOf(bytes)) rows.set(key, value)
      }
      engine = Engine.restore(index % 2 === 0 ? rows : bytes, options)
      expect(sortedRows(engine.snapshot())).toEqual(sortedRows(bytes))
    }
    engine.apply(entry)
    alerts.push(...engine.takeAlerts())
  }
  return alerts
}

describe('the engine', () => {
  test('gives the same alerts wherever its state is saved and restored', () => {
    fc.assert(
      fc.property(items, fc.array(fc.nat(59), { maxLength: 4 }), (list, restarts) => {
        const entries = entriesOf(list)
        expect(run(entries, restarts)).toEqual(run(entries))
      }),
      { numRuns: 150 },
    )
  })

  test('final alerts do not depend on the arrival order within the lateness', () => {
    const property = fc.property(items, (list): void => {
      const sorted = entriesOf(list.map((item) => ({ ...item, delay: 0 })))
      expect(finals(RULES, entriesOf(list))).toEqual(finals(RULES, sorted))
    })
    fc.assert(property, { numRuns: RUNS, examples: [[OVERTAKEN]] })
    fc.assert(property, { numRuns: RUNS, seed: -941_288_267 })
  })

  test('nor do those of correlations that others feed, saved and restored as well', () => {
    const restarts = fc.array(fc.nat(59), { maxLength: 2 })
    fc.assert(
      fc.property(busyItems, restarts, (list, at) => {
        const sorted = entriesOf(list.map((item) => ({ ...item, delay: 0 })))
        expect(finals(CHAINS, entriesOf(list), at)).toEqual(finals(CHAINS, sorted))
      }),
      { numRuns: RUNS },
    )
  })

  test('what feeds a correlation goes on when the watermark has passed it', () => {
    const engine = createEngine(CHAINS, options)
    const at = 1_000_000
    const see = (offset: number, time: number, watermarkMs: number): string[] => {
      const tick = { source: 's', state: 'connected', watermarkMs, atMs: time } as const
      const events = [eventOf(`e${offset}`, time, { action: 'failure', ip: '10.0.0.1' })]
      engine.apply({ offset, batch: { source: 's', ingestedMs: time, events, ticks: [tick] } })
      return engine.takeAlerts().map(({ rule, events: ids }) => `${rule.id} ${ids.join(' ')}`)
    }
    expect(see(1, at, at)).toEqual([])
    expect(see(2, at + 400, at + 400)).toEqual([])
    expect(see(3, at + 500, at + 500)).toEqual(['brute e1 e2 e3'])
    expect(see(4, at + 300, at + 500)).toEqual(['brute e1 e4 e2 e3'])
    // Now e2 is known to be the third of four, so there were two hits.
    const told = see(5, at + 30_000, at + 30_000).filter((line) => !line.startsWith('brute'))
    expect([...new Set(told)]).toEqual(['many e1 e4 e2 e3', 'soon e1 e4 e2 e3'])
  })

  test('however entries are cut into calls of takeAlerts, the records are the same', () => {
    fc.assert(
      fc.property(items, (list) => {
        const entries = entriesOf(list)
        const engine = createEngine(RULES, options)
        for (const entry of entries) engine.apply(entry)
        expect(engine.takeAlerts()).toEqual(run(entries))
      }),
      { numRuns: 50 },
    )
  })

  test('a late event is matched, counted and marked, but not correlated', () => {
    const engine = createEngine(RULES, options)
    const at = 1_000_000
    const fail = (id: string, time: number) =>
      eventOf(id, time, { action: 'failure', ip: '10.0.0.9' })
    const tick = { source: 's', state: 'connected', watermarkMs: at, atMs: at } as const
    engine.apply({ offset: 1, batch: { source: 's', ingestedMs: at, ticks: [tick] } })
    const events = [fail('a', at - 5_000), fail('b', at - 4_000), fail('c', at - 3_000)]
    engine.apply({ offset: 2, batch: { source: 's', ingestedMs: at, events } })
    const alerts = engine.takeAlerts()
    expect(alerts.map((alert) => alert.rule.id)).toEqual(['fail', 'fail'])
    expect(alerts.at(-1)).toMatchObject({ count: 2, late: 2, group: { 'source.ip': '10.0.0.9' } })
    expect(engine.stats().late).toBe(3)
  })

  test('an alert tells of every site its events came from, also after a restart', () => {
    let engine = createEngine(RULES, options)
    const at = 1_000_000
    const sites = ['oslo', 'oslo', 'bergen']
    for (const [n, site] of sites.entries()) {
      const event = eventOf(`e${n}`, at + n, { action: 'failure', ip: '10.0.0.9' })
      const doc = { ...event.doc, iot: { site }, device: { type: 'pump' } }
      const batch = { source: 's', ingestedMs: at, events: [{ ...event, doc }] }
      engine.apply({ offset: n + 1, batch })
      if (n === 1) engine = Engine.restore(engine.snapshot(), options)
    }
    const scopes = engine.takeAlerts().map(({ rule, scope }) => [rule.id, scope?.sites])
    expect(scopes.findLast(([id]) => id === 'brute')).toEqual(['brute', ['bergen', 'oslo']])
  })

  test('counts what came of each rule since it was last asked', () => {
    const engine = createEngine(RULES, options)
    const at = 1_000_000
    const events = [0, 1, 2].map((n) =>
      eventOf(`e${n}`, at + n, { action: 'failure', ip: '10.0.0.9' }),
    )
    engine.apply({ offset: 1, batch: { source: 's', ingestedMs: at, events } })
    const counts = engine.takeRuleCounts()
    expect(counts.find(({ ruleId }) => ruleId === 'fail')).toEqual({
      ...{ ruleId: 'fail', matches: 3, hits: 0, lost: 0, spentMs: 0 },
    })
    expect(counts.find(({ ruleId }) => ruleId === 'brute')).toMatchObject({ hits: 1, lost: 0 })
    expect(engine.takeRuleCounts()).toEqual([])
  })

  test('estimates the time of each rule from a sample of events, and detects the same', () => {
    let now = 0
    const timed = createEngine(RULES, { ...options, stopwatch: () => (now += 1) })
    const plain = createEngine(RULES, options)
    const count = 6_400
    for (let at = 1; at <= count; at += 1) {
      // Always the same beat: every second event is one that the rule looks for.
      const action = at % 2 === 0 ? 'failure' : 'other'
      const event = eventOf(`e${at}`, 1_000_000 + at * 1_000, { action, ip: `10.0.0.${at % 7}` })
      const position = { partition: 0, offset: at, index: 0 }
      for (const engine of [timed, plain]) {
        engine.observe(event, position)
        engine.raiseWatermark(event.time - 60_000, position)
      }
    }
    expect(timed.takeAlerts()).toEqual(plain.takeAlerts())
    const counts = timed.takeRuleCounts()
    const spent = (id: string): number => counts.find(({ ruleId }) => ruleId === id)?.spentMs ?? 0
    // Two looks at the clock for each event that matches, one a tick.
    expect(spent('fail') / count).toBeGreaterThan(0.8 * (2 / 2 + 1))
    expect(spent('fail') / count).toBeLessThan(1.2 * (2 / 2 + 1))
    expect(spent('brute') / count).toBeGreaterThan(0.8 * (1 / 2 + 1))
    expect(spent('brute') / count).toBeLessThan(1.2 * (1 / 2 + 1))
    expect(plain.takeRuleCounts().every(({ spentMs }) => spentMs === 0)).toBe(true)
    const position = { partition: 0, offset: count + 1, index: 0 }
    for (let order = 0; order < 640; order += 1) {
      timed.observe(eventOf('x', 9_000_000_000, { action: 'other', ip: '10.0.0.1' }), position)
    }
    expect(timed.takeRuleCounts()).toEqual([])
  })

  test('a rule reload keeps what did not change and closes what went', () => {
    const engine = createEngine(RULES, options)
    const at = 1_000_000
    const fail = (id: string, time: number) =>
      eventOf(id, time, { action: 'failure', ip: '10.0.0.9' })
    const apply = (offset: number, ids: readonly string[]) =>
      engine.apply({
        offset,
        batch: {
          source: 's',
          ingestedMs: at,
          events: ids.map((id, n) => fail(id, at + 10 * offset + n)),
        },
      })
    apply(1, ['a', 'b'])
    const fewer = ruleSet(
      [{ ...RULES.matches[0]!, alerts: false }, RULES.matches[1]!],
      RULES.correlations.filter(({ meta }) => meta.id !== 'many'),
      'fewer',
    )
    engine.takeAlerts()
    const control = { type: 'rules', atMs: at, body: fewer }
    engine.apply({ offset: 2, batch: { source: 'app', ingestedMs: at, controls: [control] } })
    expect(engine.takeAlerts()).toMatchObject([{ rule: { id: 'fail' }, open: false, count: 2 }])
    // The match rule that feeds `brute` changed, so its count starts anew.
    apply(3, ['c', 'd'])
    expect(engine.takeAlerts()).toEqual([])
    engine.setRules({ ...fewer, hash: 'same rules, other file order' })
    apply(4, ['e'])
    expect(engine.takeAlerts()).toMatchObject([
      { rule: { id: 'brute' }, count: 3, events: ['c', 'd', 'e'], open: true },
    ])
  })
})

/** Alerts as they ended, without what arrival may change: ids, revisions, states. */
function finals(
  rules: RuleSet,
  entries: readonly JournalEntry[],
  restarts: readonly number[] = [],
): unknown[] {
  let engine = createEngine(rules, options)
  const alerts: AlertRecord[] = []
  for (const [index, entry] of entries.entries()) {
    if (restarts.includes(index)) engine = Engine.restore(engine.snapshot(), options)
    engine.apply(entry)
    alerts.push(...engine.takeAlerts())
  }
  // The input ends with its latest event, which need not be the one that arrives last.
  const end = Math.max(0, ...entries.map(({ batch }) => batch.events?.[0]?.time ?? 0))
  engine.finish(end, { partition: 0, offset: entries.length + 1, index: 0 })
  const last = new Map<string, AlertRecord>()
  for (const alert of [...alerts, ...engine.takeAlerts()]) last.set(alert.id, alert)
  return [...last.values()]
    .filter((alert) => alert.state !== 'retracted')
    .map(({ rule, group, first, last: until, count, events, eventsTotal }) =>
      JSON.stringify({ rule: rule.id, group, first, until, count, events, eventsTotal }),
    )
    .sort()
}

test('our clock set back an hour blinds nobody: what comes with the earlier times still counts', () => {
  const engine = createEngine(RULES, options)
  let offset = 0
  const receive = (ms: number, ip: string): void => {
    offset += 1
    const event = eventOf(`e${offset}`, ms, { action: 'failure', ip })
    engine.apply({ offset, batch: { source: 's', ingestedMs: ms, events: [event] } })
  }
  const tick = (ms: number): void => {
    offset += 1
    const ticks = [{ source: 's', state: 'connected', watermarkMs: ms, atMs: ms } as const]
    engine.apply({ offset, batch: { source: 'app', ingestedMs: ms, ticks } })
  }
  const brutes = (): readonly string[] =>
    engine
      .takeAlerts()
      .filter(({ rule, revision }) => rule.id === 'brute' && revision === 1)
      .map(({ group }) => group['source.ip'] ?? '')
  const [before, after] = [10_000_000, 10_000_000 - 3_600_000]
  for (let n = 0; n < 3; n += 1) receive(before + n, '10.0.0.1')
  tick(before + 1_000)
  expect(brutes()).toEqual(['10.0.0.1'])
  tick(after)
  for (let n = 0; n < 3; n += 1) receive(after + n, '10.0.0.2')
  expect(brutes()).toEqual(['10.0.0.2'])
  for (let n = 0; n < 3; n += 1) receive(after + 10 + n, '10.0.0.1')
  expect(brutes()).toEqual(['10.0.0.1'])
  expect(engine.stats().late).toBe(0)
  // Once the clock has passed where it was, all is closed as ever.
  tick(before + 600_000)
  expect(engine.stats().openAlerts).toBe(0)
})

describe('routine messages that were folded', () => {
  const absence = ruleSet(
    [actionRule('beat', 'mqtt-publish')],
    [
      correlationRule('gone', {
        type: 'absence',
        of: 'events',
        inputs: ['beat'],
        groupBy: [{ name: 'iot.mqtt.client_id', path: 'iot.mqtt.client_id' }],
        timespanMs: 15_000,
      }),
      correlationRule('many', {
        type: 'event_count',
        inputs: ['beat'],
        groupBy: [],
        timespanMs: 15_000,
        condition: { gte: 1 },
        fields: [],
      }),
    ],
  )
  const rollup = (atMs: number, more: object = {}): JournalEntry['batch'] => ({
    source: 's',
    ingestedMs: atMs,
    rollups: [
      {
        ...{ device: 'pump', deviceField: 'iot.mqtt.client_id', clientId: 'pump' },
        ...{ fromMs: 0, toMs: 300_000, messages: 3, bytes: 9, action: 'mqtt-publish' },
        ...{ firstSeenMs: atMs - 10, lastSeenMs: atMs, ...more },
      },
    ],
  })
  const ran = (beats: readonly number[], endMs: number, more?: object): AlertRecord[] => {
    const engine = createEngine(absence, { latenessMs: 0 })
    let offset = 0
    const tick = (atMs: number): void =>
      engine.apply({
        offset: (offset += 1),
        batch: {
          ...{ source: 'app', ingestedMs: atMs },
          ticks: [{ source: 's', state: 'connected', watermarkMs: atMs, atMs }],
        },
      })
    for (const atMs of beats) {
      engine.apply({ offset: (offset += 1), batch: rollup(atMs, more) })
      tick(atMs)
    }
    tick(endMs)
    return engine.takeAlerts()
  }

  test('keep a device from being absent, and say when it is', () => {
    expect(ran([1_000, 11_000, 21_000, 31_000], 40_000)).toEqual([])
    const [alert] = ran([1_000, 11_000], 40_000)
    expect(alert).toMatchObject({ rule: { id: 'gone' }, group: { 'iot.mqtt.client_id': 'pump' } })
  })

  test('reach no other kind of rule, and nobody where they are of many devices', () => {
    expect(ran([1_000], 5_000)).toEqual([])
    expect(ran([1_000], 40_000, { overflow: true })).toEqual([])
  })
})
