import type { AlertRecord } from '../model/alert.ts'
import type { EcsDoc, SecurityEvent } from '../model/event.ts'
import type { Position } from '../model/position.ts'
import type { CorrelationRule, MatchRule, RuleSet, RuleTest } from '../model/rule.ts'
import { createEngine } from './engine.ts'

export interface RuleTestResult {
  readonly test: string
  readonly passed: boolean
  /** Alerts of the rule that stood at the end. */
  readonly alerts: number
  /** One sentence, where it failed. */
  readonly message?: string
}

/** Runs one case of a rule on a detector of its own, by the case's virtual clock. */
export function runRuleTest(ruleSet: RuleSet, ruleId: string, test: RuleTest): RuleTestResult {
  const engine = createEngine(withInputs(ruleSet, ruleId))
  test.events.forEach(({ doc, timeMs }, index) => {
    engine.observe(eventOf(doc, timeMs, index), at(index))
  })
  engine.finish(test.endMs, at(test.events.length))
  const last = new Map<string, AlertRecord>()
  for (const alert of engine.takeAlerts()) if (alert.rule.id === ruleId) last.set(alert.id, alert)
  const alerts = [...last.values()].filter((alert) => alert.state !== 'retracted').length
  const passed = test.exact ? alerts === test.alerts : alerts >= test.alerts
  if (passed) return { test: test.name, passed, alerts }
  const wanted = test.exact ? String(test.alerts) : `${test.alerts} or more`
  const message = `Expected alerts: ${wanted}; there were ${alerts}.`
  return { test: test.name, passed, alerts, message }
}

function at(index: number): Position {
  return { partition: 0, offset: 1, index }
}

function eventOf(written: EcsDoc, timeMs: number, index: number): SecurityEvent {
  const id = `test-${index + 1}`
  const doc: EcsDoc = { '@timestamp': new Date(timeMs).toISOString(), ...written }
  return { id, time: timeMs, doc }
}

/** The rule and what feeds it; the rule alerts, even where it otherwise only feeds others. */
function withInputs(ruleSet: RuleSet, ruleId: string): RuleSet {
  const wanted = new Set([ruleId])
  for (let size = 0; size !== wanted.size;) {
    size = wanted.size
    for (const rule of ruleSet.correlations) {
      if (!wanted.has(rule.meta.id)) continue
      for (const input of rule.correlation.inputs) wanted.add(input)
    }
  }
  const chosen = <T extends MatchRule | CorrelationRule>(rules: readonly T[]): T[] =>
    rules
      .filter((rule) => wanted.has(rule.meta.id))
      .map((rule) => ({ ...rule, alerts: rule.meta.id === ruleId }))
  return {
    hash: `${ruleSet.hash}/${ruleId}`,
    matches: chosen(ruleSet.matches),
    correlations: chosen(ruleSet.correlations),
  }
}
