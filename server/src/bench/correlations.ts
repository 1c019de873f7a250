import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { Engine } from '../detect/engine.ts'
import { compileEql } from '../lang/eql/compile.ts'
import { readRules } from '../library/library.ts'
import type { EcsDoc, SecurityEvent } from '../model/event.ts'
import type { RuleSet } from '../model/rule.ts'
import { interpret } from '../rule/interpret.ts'
import { createMatcher } from '../rule/matcher.ts'
import { generatedEvents } from './generated-rules.ts'
import { mixedRules } from './mixed-rules.ts'
import type { Report } from './report.ts'

const MIXED = 1_000
const EVENTS = 20_000
const CHECKED = 200
const ROUNDS = 8
const START = Date.UTC(2026, 0, 5)

/** Of the events of a fleet in which nothing is wrong so many are refused connections. */
const QUIET_SHARE = 0.02

/**
 * The whole engine, correlations and episodes included, on rules of every language and kind: on events
 * three in ten of which are refused, which is what most of its correlations count, and on those of a
 * fleet in which nothing is wrong.
 */
export function mixedRows(report: Report): void {
  const ruleSet = mixedRules(MIXED)
  const lanes = [
    { name: 'engine', docs: generatedEvents(EVENTS) },
    { name: 'engine, quiet fleet', docs: generatedEvents(EVENTS, QUIET_SHARE) },
  ]
  for (const { name, docs } of lanes) mixedRow(report, name, { docs, ruleSet })
}

interface Mixed {
  readonly docs: readonly EcsDoc[]
  readonly ruleSet: RuleSet
}

function mixedRow(report: Report, name: string, { docs, ruleSet }: Mixed): void {
  const share = matchedShare({ docs, ruleSet })
  // One engine that goes on from round to round, as one that runs does: the first round is the dearest.
  const engine = new Engine(ruleSet)
  const rounds = Array.from({ length: ROUNDS }, (_, round) => {
    const first = round * EVENTS
    const events = docs.map((doc, at): SecurityEvent => {
      return { id: `e${first + at}`, time: START + (first + at) * 50, doc }
    })
    const from = performance.now()
    feed(engine, events, first)
    return performance.now() - from
  })
  const perSecond = (EVENTS / Math.min(...rounds)) * 1_000
  const { matcher: matched, keys, matches } = engine.stats()
  const seen = EVENTS * ROUNDS
  const looked = `${(matched.candidates / seen).toFixed(2)} candidates an event`
  const shares = `${(share * 100).toFixed(1)} % of events match, ${(matches / seen).toFixed(3)} each`
  const began = `${rate((EVENTS / rounds[0]!) * 1_000)}/s in the first round`
  const remark = `${began}, ${looked}, ${matched.rulesAlways} always, ${shares}, ${keys} group keys`
  report.row(`${MIXED} mixed rules, ${name}`, `${rate(perSecond)}/s`, remark)
  report.goal(`150,000 events/s with ${MIXED} mixed rules, ${name}`, perSecond >= 150_000)
}

/** How many of the events match any rule; no figure where the interpreter sees it otherwise. */
function matchedShare({ docs, ruleSet }: Mixed): number {
  const matcher = createMatcher(ruleSet.matches)
  const hits = new Int32Array(ruleSet.matches.length)
  let matched = 0
  for (const [at, doc] of docs.entries()) {
    const count = matcher.match(doc, hits)
    if (count > 0) matched += 1
    if (at >= CHECKED) continue
    const found = Array.from(hits.subarray(0, count))
    const wanted = ruleSet.matches.flatMap((rule, index) =>
      interpret(rule.condition, doc) ? [index] : [],
    )
    if (found.join() !== wanted.join()) throw new Error('wrong matches of mixed rules')
  }
  return matched / docs.length
}

/** A tick's worth of events at a time, as live. */
function feed(engine: Engine, events: readonly SecurityEvent[], first: number): void {
  for (const [at, event] of events.entries()) {
    const position = { partition: 0, offset: first + at + 1, index: 0 }
    engine.observe(event, position)
    if (at % 500 === 499) {
      engine.raiseWatermark(event.time - 60_000, position)
      engine.takeAlerts()
    }
  }
}

const KEYS = 100_000
/** Observations a key. */
const EACH = 3

const DETECTION = `title: any
id: any
name: any
logsource: {product: x}
detection:
  s:
    event.module: mosquitto
  condition: s
`
const counting = (type: string, condition: string): RuleSet =>
  readRules(
    [
      { path: 'a.yml', text: DETECTION },
      {
        path: 'b.yml',
        text:
          `title: c\nid: c\ncorrelation:\n  type: ${type}\n  rules: [any]\n` +
          `  group-by: [device.id]\n  timespan: 1h\n  condition: ${condition}\n`,
      },
    ],
    { pipeline: 'none' },
  ).ruleSet

function sequenceRules(): RuleSet {
  const text =
    'sequence by device.id with maxspan=1h [any where event.module == "mosquitto"] ' +
    '[any where event.module == "mosquitto"] [any where event.action == "never"]'
  const compiled = compileEql(text, { id: 'c' })
  if (!compiled.ok) throw new Error(compiled.problem.message)
  const { matches, correlation } = compiled.value
  return { hash: 'c', matches, correlations: correlation === undefined ? [] : [correlation] }
}

/** Correlations over very many live group keys: speed, memory, and what saving and starting cost. */
export function keyedRows(report: Report): void {
  const lanes: readonly (readonly [string, RuleSet])[] = [
    ['threshold', counting('event_count', '{gte: 1000}')],
    ['distinct values', counting('value_count', '{field: source.port, gte: 1000}')],
    ['sequence', sequenceRules()],
  ]
  for (const lane of lanes) keyedRow(report, lane)
}

function keyedRow(report: Report, [name, ruleSet]: readonly [string, RuleSet]): void {
  const before = heapBytes()
  const engine = new Engine(ruleSet)
  const from = performance.now()
  for (let at = 0; at < KEYS * EACH; at += 1) {
    engine.observe(keyedEvent(at), { partition: 0, offset: at + 1, index: 0 })
  }
  const perSecond = ((KEYS * EACH) / (performance.now() - from)) * 1_000
  const { keys } = engine.stats()
  if (keys !== KEYS) throw new Error(`${keys} group keys instead of ${KEYS}`)
  const bytes = (heapBytes() - before) / KEYS
  const saving = performance.now()
  const changes = engine.takeChanges()
  const saved = changes.reduce((sum, { value }) => sum + (value?.length ?? 0), 0) / KEYS
  const saveMs = performance.now() - saving
  const rows = [...engine.rows()]
  const starting = performance.now()
  const again = Engine.restore(rows)
  const startMs = performance.now() - starting
  if (again.stats().keys !== KEYS) throw new Error('keys were lost in a restart')
  const remark =
    `${Math.round(bytes)} bytes a key; saving all ${Math.round(saveMs)} ms, ` +
    `${Math.round(saved)} bytes a key; restart ${Math.round(startMs)} ms`
  report.row(`${name} over ${KEYS / 1_000}k keys`, `${rate(perSecond)}/s`, remark)
}

/** The keys by turns, so that each has several observations far apart. */
function keyedEvent(at: number): SecurityEvent {
  const time = START + at
  const doc = {
    '@timestamp': new Date(time).toISOString(),
    event: { id: `e${at}`, module: 'mosquitto', action: 'mqtt-connect' },
    device: { id: `device-${at % KEYS}` },
    source: { port: at % 50_000 },
  }
  return { id: `e${at}`, time, doc }
}

let collect: (() => void) | undefined

function heapBytes(): number {
  if (collect === undefined) {
    setFlagsFromString('--expose-gc')
    collect = runInNewContext('gc') as () => void
  }
  collect()
  return process.memoryUsage().heapUsed
}

function rate(perSecond: number): string {
  return Math.round(perSecond).toLocaleString('en-US')
}
