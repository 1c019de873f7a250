import { AssetIndex } from '../fleet/asset-index.ts'
import { joinAsset } from '../fleet/enrich.ts'
import { LeaseTable } from '../fleet/leases.ts'
import { LookupTable } from '../fleet/lookup-table.ts'
import type { AlertRecord } from '../model/alert.ts'
import { IDENTIFIER_KINDS } from '../model/asset.ts'
import type { EcsDoc, SecurityEvent } from '../model/event.ts'
import type { Position } from '../model/position.ts'
import type { RuleSet, RuleTest } from '../model/rule.ts'
import { createEngine, type Engine } from './engine.ts'
import { rulesOfIds } from './rule-subset.ts'

export interface RuleTestResult {
  readonly test: string
  readonly passed: boolean
  /** Alerts of the rule that stood at the end. */
  readonly alerts: number
  /** Where the case stands in its file. */
  readonly line: number
  /** One sentence, where it failed. */
  readonly message?: string
}

/** Runs one case of a rule on a detector of its own, by the case's virtual clock. */
export function runRuleTest(ruleSet: RuleSet, ruleId: string, test: RuleTest): RuleTestResult {
  const own = test.rules === undefined ? ruleSet : { hash: ruleSet.hash, ...test.rules }
  const engine = createEngine(rulesOfIds(own, new Set([ruleId])))
  const beats = beatsOf(test)
  let index = 0
  const tickUntil = (timeMs: number): void => {
    while ((beats.at(-1)?.atMs ?? Number.POSITIVE_INFINITY) < timeMs)
      beat(engine, beats.pop()!, index)
  }
  for (const event of eventsOfTest(test)) {
    tickUntil(event.time)
    engine.observe(event, at(index))
    index += 1
  }
  tickUntil(Number.POSITIVE_INFINITY)
  engine.finish(test.endMs, at(test.events.length))
  const last = new Map<string, AlertRecord>()
  for (const alert of engine.takeAlerts()) if (alert.rule.id === ruleId) last.set(alert.id, alert)
  const alerts = [...last.values()].filter((alert) => alert.state !== 'retracted').length
  const passed = test.exact ? alerts === test.alerts : alerts >= test.alerts
  const { name, line } = test
  if (passed) return { test: name, passed, alerts, line }
  const wanted = test.exact ? String(test.alerts) : `${test.alerts} or more`
  const message = `Expected alerts: ${wanted}; there were ${alerts}.`
  return { test: name, passed, alerts, line, message }
}

/** The events of a case as rules see them. */
export function* eventsOfTest(test: RuleTest): Iterable<SecurityEvent> {
  const join = joining(test)
  for (const [index, { doc, timeMs }] of test.events.entries()) {
    const event = eventOf(doc, timeMs, index)
    join(event)
    yield event
  }
}

/** Joins events to the assets of the case, as if nothing were configured, then to its lookups. */
function joining(test: RuleTest): (event: SecurityEvent) => void {
  const assets = new AssetIndex()
  for (const asset of test.assets) assets.put(asset)
  const options = { assets, leases: new LeaseTable(), precedence: IDENTIFIER_KINDS }
  const lookups = test.lookups.map(({ rows, ageMs, ...plan }) => {
    const table = new LookupTable({
      ...plan,
      entriesMax: rows.size,
      refreshMs: LOOKUP_STALE_MS,
      staleMs: LOOKUP_STALE_MS,
    })
    table.replace(rows, 0)
    return { table, ageMs }
  })
  return ({ doc, time }) => {
    if (test.assets.length > 0) joinAsset(doc, time, options)
    for (const { table, ageMs } of lookups) table.join(doc, ageMs)
  }
}

/** As a lookup that says nothing of it. */
const LOOKUP_STALE_MS = 86_400_000

interface Beat {
  readonly atMs: number
  readonly source: string
  /** It gave something, too. */
  readonly input: boolean
}

/** Longer between ticks counts as nobody having been there to tick. */
const TICK_MS = 10_000

/** When the sources tick; the last comes first. */
function beatsOf({ sources, startMs, endMs }: RuleTest): Beat[] {
  const beats: Beat[] = []
  for (const { name: source, lastMs } of sources) {
    const times = new Set([lastMs, endMs])
    for (let atMs = startMs; atMs < endMs; atMs += TICK_MS) times.add(atMs)
    for (const atMs of times) beats.push({ atMs, source, input: atMs <= lastMs })
  }
  return beats.sort((a, b) => b.atMs - a.atMs)
}

/** No event is late by these ticks: the cases' events are complete anyway. */
function beat(engine: Engine, { atMs, source, input }: Beat, index: number): void {
  if (input) engine.apply({ offset: 1, batch: { source, ingestedMs: atMs } })
  const tick = { source, state: 'connected', watermarkMs: Number.NEGATIVE_INFINITY, atMs } as const
  engine.tick(tick, at(index))
}

function at(index: number): Position {
  return { partition: 0, offset: 1, index }
}

function eventOf(written: EcsDoc, timeMs: number, index: number): SecurityEvent {
  const id = `test-${index + 1}`
  const doc: EcsDoc = { '@timestamp': new Date(timeMs).toISOString(), ...written }
  return { id, time: timeMs, doc }
}
