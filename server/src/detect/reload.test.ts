import { describe, expect, test } from 'vitest'
import { readRules } from '../library/library.ts'
import type { AlertRecord } from '../model/alert.ts'
import type { Condition } from '../model/condition.ts'
import type { EcsDoc } from '../model/event.ts'
import type { ControlRecord, JournalBatch } from '../model/journal.ts'
import type { RuleSet } from '../model/rule.ts'
import { type CompiledRules, compileRules, memoryOfRules } from './compiled-rules.ts'
import { Engine } from './engine.ts'
import { LiveDetector } from './live.ts'
import { OfflineDetector } from './offline.ts'
import { rulesControl } from './rules-control.ts'
import { MemoryJournal } from './testing/memory-journal.ts'
import { eventOf } from './testing/rules.ts'

const START = Date.UTC(2026, 0, 5)

const rule = (id: string, action: string, more = ''): string => `title: Rule ${id}
id: ${id}
name: ${id}
logsource: { category: mqtt }
detection:
  selection:
    event.action: ${action}
  ${more === '' ? 'condition: selection' : more}
level: low
`
const SEQUENCE = `title: Update after takeover
id: sequence
correlation:
  type: temporal_ordered
  rules: [takeover, update]
  group-by: [device.id]
  timespan: 10m
level: high
`
const EXCEPTION = (action: string): string => `title: Known workshop
id: exception
logsource: { category: mqtt }
filter:
  rules: any
  selection:
    event.action: ${action}
    source.ip: 10.0.0.1
  condition: not selection
`

const PARTS = [rule('takeover', 'mqtt-takeover'), rule('update', 'firmware-download')]

function rulesOf(...texts: readonly string[]): RuleSet {
  const loaded = readRules(
    texts.map((text, at) => ({ path: `${at}.yml`, text })),
    { pipeline: 'none' },
  )
  expect(loaded.reports.filter(({ ok }) => !ok)).toEqual([])
  return loaded.ruleSet
}

type Step = RuleSet | EcsDoc

const takeover: EcsDoc = { event: { action: 'mqtt-takeover' }, device: { id: 'd1' } }
const update: EcsDoc = { event: { action: 'firmware-download' }, device: { id: 'd1' } }
const from = (doc: EcsDoc): EcsDoc => ({ ...doc, source: { ip: '10.0.0.1' } })

const isRules = (step: Step): step is RuleSet => Array.isArray(step['matches' as keyof Step])

/** One journal entry a step, a minute apart; then the watermark passes all. */
function batchesOf(steps: readonly Step[]): JournalBatch[] {
  const batches = steps.map((step, at): JournalBatch => {
    const time = START + at * 60_000
    if (isRules(step)) {
      return { source: 'app', ingestedMs: time, controls: [rulesControl(step, time)] }
    }
    const event = eventOf(`e${at}`, time, { action: '' })
    const doc = { ...step, '@timestamp': new Date(time).toISOString() }
    return { source: 's', ingestedMs: time, events: [{ ...event, doc }] }
  })
  const time = START + 86_400_000
  const tick = { source: 's', state: 'connected', watermarkMs: time, atMs: time } as const
  return [...batches, { source: 'app', ingestedMs: time, ticks: [tick] }]
}

/** Alerts of the sequence, after the engine was saved and restored before the entry `cut`. */
function alertsOf(steps: readonly Step[], cut: number): unknown[] {
  let engine = new Engine({ hash: '', matches: [], correlations: [] })
  const last = new Map<string, unknown>()
  for (const [at, batch] of batchesOf(steps).entries()) {
    if (at === cut) engine = Engine.restore(engine.snapshot())
    engine.apply({ offset: at + 1, batch })
    for (const alert of engine.takeAlerts()) last.set(alert.id, alert)
  }
  return [...last.values()].filter(
    (alert) => (alert as { rule: { id: string } }).rule.id === 'sequence',
  )
}

/** The same wherever the server is killed in between. */
function alertsWithKills(steps: readonly Step[]): unknown[] {
  const alerts = alertsOf(steps, -1)
  for (let cut = 0; cut <= steps.length; cut += 1) expect(alertsOf(steps, cut)).toEqual(alerts)
  return alerts
}

function huntOf(ruleSet: RuleSet, docs: readonly EcsDoc[]): number {
  const detector = new OfflineDetector(ruleSet, { tell: 'alerts', latenessMs: 0, early: false })
  for (const batch of batchesOf(docs))
    for (const event of batch.events ?? []) detector.observe(event)
  detector.finish()
  return detector.take().filter((alert) => alert.rule.id === 'sequence').length
}

const RULES = rulesOf(...PARTS, SEQUENCE)

describe('between two events of a sequence, replayed from any point', () => {
  test('rules that it is not made of change: it goes on', () => {
    const more = rulesOf(...PARTS, SEQUENCE, rule('other', 'mqtt-timeout'))
    expect(alertsWithKills([RULES, takeover, more, update])).toMatchObject([
      { count: 1, events: ['e1', 'e3'] },
    ])
    expect(huntOf(more, [takeover, update])).toBe(1)
  })

  test('its own text, or that of a rule it is made of, changes: it begins anew', () => {
    const wider = rulesOf(...PARTS, SEQUENCE.replace('10m', '20m'))
    expect(alertsWithKills([RULES, takeover, wider, update])).toEqual([])
    expect(alertsWithKills([RULES, takeover, wider, takeover, update])).toHaveLength(1)
    const other = rulesOf(rule('takeover', 'mqtt-takeover # reworded'), PARTS[1]!, SEQUENCE)
    const changed = rulesOf(PARTS[0]!.replace('level: low', 'level: medium'), PARTS[1]!, SEQUENCE)
    expect(alertsWithKills([RULES, takeover, other, update])).toHaveLength(1)
    expect(alertsWithKills([RULES, takeover, changed, update])).toEqual([])
    // A hunt tells what the rules of today say of all events.
    expect(huntOf(wider, [takeover, update])).toBe(1)
  })

  test('an exception comes: it holds for what comes after it, and takes nothing back', () => {
    const forUpdates = rulesOf(...PARTS, SEQUENCE, EXCEPTION('firmware-download'))
    expect(alertsWithKills([RULES, takeover, forUpdates, from(update)])).toEqual([])
    expect(alertsWithKills([RULES, takeover, forUpdates, update])).toHaveLength(1)
    const forTakeovers = rulesOf(...PARTS, SEQUENCE, EXCEPTION('mqtt-takeover'))
    expect(alertsWithKills([RULES, from(takeover), forTakeovers, update])).toHaveLength(1)
    expect(alertsWithKills([RULES, forTakeovers, from(takeover), update])).toEqual([])
    // A hunt applies it to all events.
    expect(huntOf(forTakeovers, [from(takeover), update])).toBe(0)
  })

  test('a property of the device changes: each event is judged by what stands on it', () => {
    const guarded = rulesOf(
      PARTS[0]!,
      rule(
        'update',
        'firmware-download',
        'guard:\n    iot.device_class: critical\n  condition: selection and guard',
      ),
      SEQUENCE,
    )
    const as = (doc: EcsDoc, device_class: string): EcsDoc => ({ ...doc, iot: { device_class } })
    const raised = [as(takeover, 'office'), as(update, 'critical')]
    const lowered = [as(takeover, 'critical'), as(update, 'office')]
    expect(alertsWithKills([guarded, ...raised])).toHaveLength(1)
    expect(alertsWithKills([guarded, ...lowered])).toEqual([])
    expect([huntOf(guarded, raised), huntOf(guarded, lowered)]).toEqual([1, 0])
    const bySite = rulesOf(...PARTS, SEQUENCE.replace('[device.id]', '[iot.site]'))
    const at = (doc: EcsDoc, site: string): EcsDoc => ({ ...doc, iot: { site } })
    const moved = [at(takeover, 'oslo'), at(update, 'bergen')]
    const stayed = [at(takeover, 'oslo'), at(update, 'oslo')]
    expect([moved, stayed].map((docs) => alertsWithKills([bySite, ...docs]).length)).toEqual([0, 1])
    expect([moved, stayed].map((docs) => huntOf(bySite, docs))).toEqual([0, 1])
  })

  test('its life changes: the next alert says so', () => {
    const shadow: RuleSet = {
      ...RULES,
      hash: 'shadow',
      correlations: RULES.correlations.map((one) => ({
        ...one,
        meta: { ...one.meta, life: 'shadow' },
      })),
    }
    expect(alertsWithKills([RULES, takeover, shadow, update])).toMatchObject([
      { rule: { life: 'shadow' } },
    ])
  })
})

/** As it comes from another thread. */
function handedOver(rules: RuleSet): CompiledRules {
  const compiled = compileRules(rules)
  return structuredClone(compiled, { transfer: memoryOfRules(compiled) })
}

describe('rules that are taken over while detection goes on', () => {
  const many = rulesOf(
    ...PARTS,
    SEQUENCE,
    ...Array.from({ length: 400 }, (_, at) => rule(`more-${at}`, `action-${at}`)),
  )

  function liveRig() {
    const journal = new MemoryJournal()
    let turns = 0
    let clock = 0
    const detector = new LiveDetector({
      journal,
      // Every look at the clock is a slice over: one step of work, then a turn of the others.
      limits: { sliceMs: 1 },
      now: () => (clock += 1),
      turn: async () => {
        turns += 1
        await new Promise((resolve) => setImmediate(resolve))
      },
      pause: () => Promise.resolve(),
      events: { alerts: () => undefined, trouble: () => undefined },
    })
    journal.onAppend(() => void detector.wake())
    return { journal, detector, turns: () => turns }
  }

  test('events in between are judged by the rules in force, then all swap at one place', async () => {
    const { journal, detector, turns } = liveRig()
    const [rules, first, , second, end] = batchesOf([RULES, takeover, many, update])
    await journal.append(rules!)
    await detector.wake()
    let prepared = false
    const preparing = detector.prepare(handedOver(many)).then(() => (prepared = true))
    await journal.append(first!)
    while (detector.status().events < 1) await new Promise((resolve) => setImmediate(resolve))
    expect(prepared).toBe(false)
    expect(detector.status().rulesHash).toBe(RULES.hash)
    await preparing
    expect(turns()).toBeGreaterThan(5)
    const control: ControlRecord = rulesControl(many, START)
    await journal.append({ source: 'app', ingestedMs: START, controls: [control] })
    for (const batch of [second!, end!]) await journal.append(batch)
    await detector.wake()
    await detector.stop()
    expect(detector.status().rulesHash).toBe(many.hash)
    const alerts = journal.entries.flatMap(
      (text) => (JSON.parse(text) as JournalBatch).alerts ?? [],
    )
    expect(alerts.filter((alert) => alert.rule.id === 'sequence').at(-1)).toMatchObject({
      events: ['e1', 'e3'],
    })
  })

  test('what was prepared changes no result', () => {
    const results = [false, true].map((isPrepared) => {
      const engine = new Engine({ hash: '', matches: [], correlations: [] })
      const said: unknown[] = []
      for (const [at, batch] of batchesOf([RULES, takeover, many, update]).entries()) {
        if (isPrepared && at === 1) for (const _ of engine.prepare(handedOver(many)));
        engine.apply({ offset: at + 1, batch })
        said.push(...engine.takeAlerts())
      }
      return { said, rows: [...engine.rows()] }
    })
    expect(results[1]).toEqual(results[0])
  })

  test('of which no index can be made: those before run on, replayed too, and it is said', () => {
    // As a fault of ours would have it: no path.
    const condition = { kind: 'field', path: 5, test: { kind: 'exists' } } as unknown as Condition
    const faulty = { ...RULES.matches[0]!, condition }
    const broken: RuleSet = { ...RULES, hash: 'broken', matches: [...RULES.matches, faulty] }
    const control = rulesControl(broken, START)
    expect(() => handedOver(broken)).toThrow(TypeError)
    const engine = new Engine(RULES)
    engine.apply({ offset: 1, batch: { source: 'app', ingestedMs: START, controls: [control] } })
    expect(engine.rulesProblem).toMatchObject({ code: 'RULES_UNCOMPILED' })
    expect(engine.ruleSet.hash).toBe(RULES.hash)
    const again = Engine.restore(engine.snapshot())
    for (const one of [engine, again]) {
      const said: AlertRecord[] = []
      for (const [at, batch] of batchesOf([takeover, update]).entries()) {
        one.apply({ offset: at + 2, batch })
        said.push(...one.takeAlerts())
      }
      expect(said.filter(({ rule: { id } }) => id === 'sequence').at(-1)?.count).toBe(1)
    }
    engine.control(rulesControl(many, START), { partition: 0, offset: 9, index: 0 })
    expect(engine.rulesProblem).toBeUndefined()
  })
})
