import { compileEql } from '../lang/eql/compile.ts'
import { compileKql } from '../lang/kql/compile.ts'
import { readRules } from '../library/library.ts'
import type { CompiledQuery } from '../model/query.ts'
import type { CorrelationRule, MatchRule, RuleSet } from '../model/rule.ts'
import type { Result } from '../base/result.ts'
import { generatedRules, generator, type Next, word } from './generated-rules.ts'

/** Of every twenty rules: so many of each kind, the rest Sigma detections. */
const KINDS: readonly ((next: Next, id: string) => readonly Made[])[] = [
  eqlEvent,
  eqlEvent,
  eqlComputed,
  eqlEvent,
  kqlFilter,
  kqlFilter,
  kqlRange,
  sigmaKeywords,
  sigmaThreshold,
  sigmaDistinct,
  eqlSequence,
]
const TURN = 20

interface Made {
  readonly matches: readonly MatchRule[]
  readonly correlations: readonly CorrelationRule[]
}

/** Rules of every language and kind, each written as text and read by its own reader. */
export function mixedRules(count: number): RuleSet {
  const next = generator(13)
  const detections = generatedRules(count)
  const made = Array.from({ length: count }, (_, at): readonly Made[] => {
    const make = KINDS[at % TURN]
    if (make !== undefined) return make(next, `mixed-${at}`)
    return [{ matches: [detections[at]!], correlations: [] }]
  }).flat()
  const matches = made.flatMap((one) => one.matches)
  return { hash: 'mixed', matches, correlations: made.flatMap((one) => one.correlations) }
}

function query(compiled: Result<CompiledQuery>): readonly Made[] {
  if (!compiled.ok) throw new Error(compiled.problem.message)
  const { matches, correlation } = compiled.value
  return [{ matches, correlations: correlation === undefined ? [] : [correlation] }]
}

function sigma(id: string, documents: readonly string[]): readonly Made[] {
  const files = documents.map((text, at) => ({ path: `${id}-${at}.yml`, text }))
  const { ruleSet, reports } = readRules(files, { pipeline: 'none' })
  const wrong = reports.find(({ ok }) => !ok)?.problems[0]
  if (wrong !== undefined) throw new Error(wrong.message)
  return [ruleSet]
}

function eqlEvent(next: Next, id: string): readonly Made[] {
  const text =
    `network where event.module == "mosquitto" and (iot.mqtt.client_id : "*${word(next)}*" or ` +
    `iot.mqtt.topic like~ ("site/${word(next)}/*", "*${word(next)}")) and ` +
    `not user.name in~ ("admin", "${word(next)}")`
  return query(compileEql(text, { id }))
}

function eqlComputed(next: Next, id: string): readonly Made[] {
  const text =
    `any where stringContains(event.reason, "${word(next)}") and length(device.id) > 8 and ` +
    `startsWith~(iot.firmware.image, substring(device.id, 0, 3))`
  return query(compileEql(text, { id }))
}

function kqlFilter(next: Next, id: string): readonly Made[] {
  const text =
    `event.module: mosquitto and (iot.firmware.image: *${word(next)}* or ` +
    `device.id: (${word(next)} or ${word(next)})) and not source.ip: "10.0.0.0/8"`
  return query(compileKql(text, { id }))
}

function kqlRange(next: Next, id: string): readonly Made[] {
  const port = 1_024 + Math.floor(next() * 60_000)
  const text =
    `event.outcome: failure and source.port >= ${port} and source.port < ${port + 8_000} and ` +
    `iot.mqtt.qos: 1 and iot.mqtt.topic: *${word(next)}*`
  return query(compileKql(text, { id }))
}

const HEAD = (id: string): string =>
  `title: ${id}\nid: ${id}\nname: ${id}\nlogsource: {product: x}\n`

function sigmaKeywords(next: Next, id: string): readonly Made[] {
  const words = [word(next), word(next), word(next)].map((each) => `    - ${each}\n`).join('')
  return sigma(id, [`${HEAD(id)}detection:\n  keywords:\n${words}  condition: keywords\n`])
}

function counted(next: Next, id: string, correlation: string): readonly Made[] {
  const site = Math.floor(next() * 11)
  const detection =
    `detection:\n  s:\n    event.outcome: failure\n    iot.site: site-${site}\n` +
    `    iot.mqtt.client_id|endswith: '${Math.floor(next() * 100)}'\n  condition: s\n`
  const rest = `  rules: [${id}]\n  group-by: [source.ip]\n  timespan: 5m\n`
  const head = `title: ${id} counted\nid: ${id}-counted\n`
  return sigma(id, [`${HEAD(id)}${detection}`, `${head}correlation:\n${rest}${correlation}`])
}

function sigmaThreshold(next: Next, id: string): readonly Made[] {
  return counted(next, id, '  type: event_count\n  condition: {gte: 20}\n')
}

function sigmaDistinct(next: Next, id: string): readonly Made[] {
  return counted(next, id, '  type: value_count\n  condition: {field: user.name, gte: 10}\n')
}

function eqlSequence(next: Next, id: string): readonly Made[] {
  const first = `event.outcome == "failure" and iot.mqtt.client_id : "*${Math.floor(next() * 100)}"`
  const text =
    `sequence by source.ip with maxspan=5m [network where ${first}] ` +
    `[any where event.action == "mqtt-publish-denied" and device.type : "${word(next)}*"]`
  return query(compileEql(text, { id }))
}
