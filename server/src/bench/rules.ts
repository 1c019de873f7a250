import { interpret } from '../rule/interpret.ts'
import { createMatcher } from '../rule/matcher.ts'
import { generatedEvents, generatedRules } from './generated-rules.ts'
import { type Bench, nsPerItem } from './report.ts'

const EVENTS = 20_000
const CHECKED = 200
const RUNS = 5
const COUNTS = [10, 30, 100, 1_000, 3_000]

/** Cost of matching per event, at 10 to 3,000 generated rules of which half are for these events. */
export const rulesBench: Bench = {
  name: 'detect',
  summary: 'cost of matching an event at 10 to 3,000 generated rules, half of them applying',
  async run(report) {
    const events = generatedEvents(EVENTS)
    const all = generatedRules(COUNTS.at(-1) ?? 0)
    const cost = new Map<number, number>()
    for (const count of COUNTS) {
      const rules = all.slice(0, count)
      const matcher = createMatcher(rules)
      const hits = new Int32Array(count)
      let matches = 0
      const ns = await nsPerItem(events.length, RUNS, () => {
        for (const event of events) matches += matcher.match(event, hits)
      })
      // No figure without the right answers: the interpreter's, on a sample of the events.
      for (const event of events.slice(0, CHECKED)) {
        const found = Array.from(hits.subarray(0, matcher.match(event, hits)))
        const wanted = rules.flatMap((rule, at) => (interpret(rule.condition, event) ? [at] : []))
        if (found.join() !== wanted.join()) throw new Error(`wrong matches at ${count} rules`)
      }
      cost.set(count, ns)
      const { candidates, events: seen, rulesAlways } = matcher.stats()
      const perSecond = `${Math.round(1e9 / ns).toLocaleString('en-US')} events/s`
      const looked = `${(candidates / seen).toFixed(2)} candidates an event`
      const remark = `${perSecond}, ${looked}, ${rulesAlways} always, ${(matches / seen).toFixed(3)} matches`
      report.row(`${count} rules`, `${Math.round(ns)} ns`, remark)
    }
    const growth = (cost.get(3_000) ?? 0) / (cost.get(30) ?? 1)
    report.row('3,000 rules against 30', `${growth.toFixed(2)} x`)
    report.goal('3,000 rules cost at most 1.5 times 30', growth <= 1.5)
    report.goal('150,000 events/s with 1,000 rules', 1e9 / (cost.get(1_000) ?? 1e9) >= 150_000)
  },
}
