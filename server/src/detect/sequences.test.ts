import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { compileEql } from '../lang/eql/compile.ts'
import type { AlertRecord } from '../model/alert.ts'
import type { EcsDoc, SecurityEvent } from '../model/event.ts'
import type { JournalEntry } from '../model/journal.ts'
import type { RuleSet } from '../model/rule.ts'
import { Engine } from './engine.ts'
import { OfflineDetector } from './offline.ts'

const LATENESS_MS = 1_000

function rulesOf(...queries: readonly string[]): RuleSet {
  const compiled = queries.map((text, index) => {
    const result = compileEql(text, { id: `q${index}` })
    if (!result.ok) throw new Error(result.problem.message)
    return result.value
  })
  return {
    hash: 'test',
    matches: compiled.flatMap(({ matches }) => matches),
    correlations: compiled.flatMap(({ correlation }) => correlation ?? []),
  }
}

const RULES = rulesOf(
  'sequence by host with maxspan=5s [any where a == 1] [any where a == 2] until [any where a == 3]',
  'sequence by host with maxspan=3s [any where a == 1] ![any where a == 3]',
  'sequence by host [any where a == 1] with runs=2 ![any where a == 2] [any where a == 3]'.replace(
    'by host',
    'by host with maxspan=10s',
  ),
  'sample by host [any where a == 1] [any where a == 3]',
)

interface Item {
  readonly gap: number
  readonly delay: number
  readonly a: number
  readonly host: string
}

const items = fc.array(
  fc.record({
    gap: fc.integer({ min: 1, max: 1_500 }),
    delay: fc.nat(LATENESS_MS - 1),
    a: fc.integer({ min: 1, max: 3 }),
    host: fc.constantFrom('x', 'y'),
  }),
  { maxLength: 50 },
)

function eventsOf(list: readonly Item[]): { event: SecurityEvent; at: number }[] {
  let time = 1_700_000_000_000
  return list.map(({ gap, delay, a, host }, index) => {
    time += gap
    return { event: { id: `e${index}`, time, doc: { a, host } }, at: time + delay }
  })
}

/** One journal entry an event, in the order of arrival. */
function entriesOf(list: readonly Item[]): JournalEntry[] {
  const timed = eventsOf(list).sort((a, b) => a.at - b.at)
  let newest = 0
  return timed.map(({ event, at }, index) => {
    newest = Math.max(newest, event.time)
    const tick = { source: 's', state: 'connected', watermarkMs: newest, atMs: at } as const
    return {
      offset: index + 1,
      batch: { source: 's', ingestedMs: at, events: [event], ticks: [tick] },
    }
  })
}

function run(entries: readonly JournalEntry[], restarts: readonly number[] = []): AlertRecord[] {
  const options = { latenessMs: LATENESS_MS }
  let engine = new Engine(RULES, options)
  const alerts: AlertRecord[] = []
  for (const [index, entry] of entries.entries()) {
    if (restarts.includes(index)) engine = Engine.restore(engine.snapshot(), options)
    engine.apply(entry)
    alerts.push(...engine.takeAlerts())
  }
  const endMs = Math.max(0, ...entries.map(({ batch }) => batch.events?.[0]?.time ?? 0))
  engine.finish(endMs, { partition: 0, offset: entries.length + 1, index: 0 })
  alerts.push(...engine.takeAlerts())
  return alerts
}

/** Alerts as they ended, without what arrival may change: ids, revisions, states. */
function ended(alerts: readonly AlertRecord[]): string[] {
  const last = new Map<string, AlertRecord>()
  for (const alert of alerts) last.set(alert.id, alert)
  return [...last.values()]
    .filter((alert) => alert.state !== 'retracted')
    .map(({ rule, group, first, last: until, count, events, eventsTotal, open }) =>
      JSON.stringify({ rule: rule.id, group, first, until, count, events, eventsTotal, open }),
    )
    .sort()
}

describe('sequences in the engine', () => {
  test('end in the same alerts whatever the arrival within the lateness', () => {
    fc.assert(
      fc.property(items, (list) => {
        const sorted = entriesOf(list.map((item) => ({ ...item, delay: 0 })))
        expect(ended(run(entriesOf(list)))).toEqual(ended(run(sorted)))
      }),
      { numRuns: 200 },
    )
  })

  test('give the same records wherever the state is saved and restored', () => {
    fc.assert(
      fc.property(items, fc.array(fc.nat(49), { maxLength: 4 }), (list, restarts) => {
        const entries = entriesOf(list)
        expect(run(entries, restarts)).toEqual(run(entries))
      }),
      { numRuns: 100 },
    )
  })

  test('are retracted when a late event shows that they were none', () => {
    const at = 1_700_000_000_000
    const engine = new Engine(RULES, { latenessMs: LATENESS_MS })
    const see = (offset: number, time: number, a: number) => {
      const event = { id: `e${offset}`, time, doc: { a, host: 'x' } }
      engine.apply({ offset, batch: { source: 's', ingestedMs: time, events: [event] } })
      return engine.takeAlerts().filter(({ rule }) => rule.id === 'q0')
    }
    see(1, at, 1)
    expect(see(2, at + 500, 2)).toMatchObject([{ state: 'provisional', events: ['e1', 'e2'] }])
    expect(see(3, at + 200, 3)).toMatchObject([{ state: 'retracted' }])
  })
})

describe('ad-hoc queries over files', () => {
  function answers(query: string, docs: readonly (EcsDoc & { at: number })[]): string[] {
    const detector = new OfflineDetector(rulesOf(query), {
      tell: 'matches',
      latenessMs: 0,
      early: false,
    })
    for (const [index, doc] of docs.entries()) {
      detector.observe({ id: String(index + 1), time: 1_700_000_000_000 + doc.at, doc })
    }
    detector.finish()
    return detector.take().map((alert) => alert.events.join('-'))
  }
  const log = (...names: readonly string[]) =>
    names.map((item, at) => {
      const [name = '', user = 'root'] = item.split('/')
      return { at, name, user }
    })

  test('the state machine of the reference', () => {
    const docs = log(
      ...['a', 'a', 'b/elkbee', 'b', 'b', 'a/elkbee', 'a', 'b/elkbee', 'c', 'c/elkbee', 'c'],
    )
    const stages = ['a', 'b', 'c'].map((name) => `[any where name == "${name}"]`).join(' ')
    expect(answers(`sequence by user ${stages}`, docs)).toEqual(['2-4-9', '6-8-10'])
  })

  test('until, as in the reference', () => {
    const docs = log('A/1', 'B/1', 'A/2', 'B/2', 'C/2', 'A/3', 'C/3', 'B/3')
    const query =
      'sequence by user [any where name == "A"] [any where name == "B"] until [any where name == "C"]'
    expect(answers(query, docs)).toEqual(['1-2', '3-4'])
  })

  test('overlapping sequences each have all of their events', () => {
    const query = 'sequence [any where true] [any where true] [any where true]'
    expect(answers(query, log('a', 'b', 'c', 'd'))).toEqual(['1-2-3', '2-3-4'])
  })

  test('more than fits between two settlings', () => {
    const docs = Array.from({ length: 3_000 }, (_, at) => ({ at, name: 'a' }))
    expect(answers('sequence [any where true] [any where true]', docs)).toHaveLength(2_999)
    expect(answers('sequence with maxspan=1s [any where true] ![any where false]', docs)).toEqual(
      docs.map((_, index) => String(index + 1)),
    )
  })

  test('samples come by their keys: null first, numbers as numbers', () => {
    const docs = [
      { at: 0, a: 1, k: 'y' },
      { at: 1, a: 2, k: 'y' },
      { at: 2, a: 2 },
      { at: 3, a: 1 },
      { at: 4, a: 2, k: 'x' },
      { at: 5, a: 1, k: 'x' },
    ]
    const query = 'sample by ?k [any where a == 1] [any where a == 2]'
    expect(answers(query, docs)).toEqual(['4-3', '6-5', '1-2'])
    const numbers = [10, 9, -1, 2.5, 'a', 100].flatMap((k, at) => [
      { at, a: 1, k },
      { at, a: 2, k },
    ])
    expect(answers(query, numbers)).toEqual(['5-6', '7-8', '3-4', '1-2', '11-12', '9-10'])
  })
})
