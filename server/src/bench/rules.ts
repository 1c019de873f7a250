import { interpret } from '../rule/interpret.ts'
import { createMatcher } from '../rule/matcher.ts'
import { keyedRows, mixedRows } from './correlations.ts'
import { generatedEvents, generatedRules } from './generated-rules.ts'
import type { Bench } from './report.ts'

const EVENTS = 20_000
const CHECKED = 200
const ROUNDS = 10
const COUNTS = [10, 30, 100, 1_000, 3_000]

/**
 * Least cost of matching per event over several rounds, at 10 to 3,000 generated rules of which half
 * are for these events.
 */
export const rulesBench: Bench = {
  name: 'detect',
  summary: 'cost of an event at 10 to 3,000 rules, at 1,000 of all kinds; 100,000 group keys',
  async run(report) {
    const events = generatedEvents(EVENTS)
    const all = generatedRules(COUNTS.at(-1) ?? 0)
    const lanes = COUNTS.map((count) => laneOf(all.slice(0, count), events))
    // In turn, so that a slow moment of the machine does not fall on one count alone.
    for (let round = 0; round < ROUNDS; round += 1) {
      for (const lane of lanes) lane.run()
    }
    const cost = new Map<number, number>()
    for (const [at, lane] of lanes.entries()) {
      const count = COUNTS[at] ?? 0
      cost.set(count, lane.leastNs)
      const { candidates, events: seen, rulesAlways } = lane.matcher.stats()
      const perSecond = `${Math.round(1e9 / lane.leastNs).toLocaleString('en-US')} events/s`
      const looked = `${(candidates / seen).toFixed(2)} candidates an event`
      const found = `${(lane.matches / seen).toFixed(3)} matches`
      const remark = `${perSecond}, ${looked}, ${rulesAlways} always, ${found}`
      report.row(`${count} rules`, `${Math.round(lane.leastNs)} ns`, remark)
    }
    const growth = (cost.get(3_000) ?? 0) / (cost.get(30) ?? 1)
    report.row('3,000 rules against 30', `${growth.toFixed(2)} x`)
    report.goal('3,000 rules cost at most 1.5 times 30', growth <= 1.5)
    report.goal('150,000 events/s with 1,000 rules', 1e9 / (cost.get(1_000) ?? 1e9) >= 150_000)
    mixedRows(report)
    keyedRows(report)
  },
}

interface Lane {
  readonly matcher: ReturnType<typeof createMatcher>
  leastNs: number
  matches: number
  run(): void
}

/** No figure without the right answers: the interpreter's, on a sample of the events. */
function laneOf(rules: Rules, events: ReturnType<typeof generatedEvents>): Lane {
  const matcher = createMatcher(rules)
  const hits = new Int32Array(rules.length)
  for (const event of events.slice(0, CHECKED)) {
    const found = Array.from(hits.subarray(0, matcher.match(event, hits)))
    const wanted = rules.flatMap((rule, at) => (interpret(rule.condition, event) ? [at] : []))
    if (found.join() !== wanted.join()) throw new Error(`wrong matches at ${rules.length} rules`)
  }
  const lane: Lane = {
    ...{ matcher, leastNs: Number.POSITIVE_INFINITY, matches: 0 },
    run: () => {
      const from = performance.now()
      for (const event of events) lane.matches += matcher.match(event, hits)
      const ns = ((performance.now() - from) * 1e6) / events.length
      lane.leastNs = Math.min(lane.leastNs, ns)
    },
  }
  return lane
}

type Rules = ReturnType<typeof generatedRules>
