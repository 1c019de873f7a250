import { describe, expect, test } from 'vitest'
import type { EcsDoc } from '../../model/event.ts'
import { interpret } from '../../rule/interpret.ts'
import { parseElasticRule, type ElasticRule } from './rule.ts'

const HEAD = `
[metadata]
maturity = "production"

[rule]
author = ["Ann", "Ben"]
description = """
A rule.
"""
false_positives = ["Labs."]
from = "now-9m"
name = "Broker reached from outside"
note = """## Triage

### Response and remediation

- Block the address.
- Look at the broker.

## Setup

- none of it
"""
references = ["https://example.org/1"]
risk_score = 47
rule_id = "8f0e7c1a-0000-4000-8000-000000000001"
severity = "high"
tags = ["Domain: Network"]
`
const THREAT = `
[[rule.threat]]
framework = "MITRE ATT&CK"
[[rule.threat.technique]]
id = "T1110"
name = "Brute Force"
[[rule.threat.technique.subtechnique]]
id = "T1110.001"
name = "Password Guessing"
[rule.threat.tactic]
id = "TA0006"
name = "Credential Access"
`

function rule(body: string, more = ''): ElasticRule {
  return parseElasticRule(`${HEAD}${body}\n${THREAT}${more}`, 'rules/one.toml')
}

function holds({ matches }: ElasticRule, doc: EcsDoc): boolean {
  const [match] = matches
  return match !== undefined && interpret(match.condition, doc)
}

const DENIED = { event: { category: 'network', action: 'mqtt-connect', outcome: 'failure' } }

describe('rule files of Elastic', () => {
  test('a KQL rule, with what it says about itself', () => {
    const read = rule(`type = "query"
language = "kuery"
query = '''
event.category:network and
  event.outcome:failure
'''`)
    expect(read.problems).toEqual([])
    expect(holds(read, DENIED)).toBe(true)
    expect(holds(read, { event: { category: 'network' } })).toBe(false)
    expect(read.matches[0]).toMatchObject({ alerts: true, groupBy: [] })
    expect(read.meta).toMatchObject({
      id: '8f0e7c1a-0000-4000-8000-000000000001',
      title: 'Broker reached from outside',
      language: 'elastic',
      author: 'Ann, Ben',
      severity: 'high',
      risk: 47,
      status: 'production',
      life: 'live',
      description: 'A rule.',
      tags: ['attack.credential-access', 'attack.t1110', 'attack.t1110.001', 'Domain: Network'],
      references: ['https://example.org/1'],
      falsepositives: ['Labs.'],
      response: ['Block the address.', 'Look at the broker.'],
      path: 'rules/one.toml',
    })
  })

  test('an EQL rule and an EQL sequence', () => {
    const event = rule(`type = "eql"
language = "eql"
query = 'network where event.action : "MQTT-*"'`)
    expect(holds(event, DENIED)).toBe(true)
    const sequence = rule(`type = "eql"
language = "eql"
query = '''
sequence by source.ip with maxspan=1m
  [network where event.outcome == "failure"] with runs=3
  [network where event.outcome == "success"]
'''`)
    expect(sequence.problems).toEqual([])
    const id = '8f0e7c1a-0000-4000-8000-000000000001'
    expect(sequence.matches.map(({ meta, alerts }) => [meta.id, alerts])).toEqual([
      [`${id}#1`, false],
      [`${id}#2`, false],
    ])
    expect(sequence.correlations[0]).toMatchObject({
      meta: { id },
      alerts: true,
      correlation: {
        type: 'sequence',
        maxspanMs: 60_000,
        inputs: [`${id}#1`, `${id}#2`],
        stages: [{ runs: 3 }, { runs: 1 }],
      },
    })
  })

  test('a threshold with cardinality', () => {
    const read = rule(
      `type = "threshold"
language = "kuery"
query = "event.outcome:failure"
[rule.threshold]
field = ["source.ip", "observer.name"]
value = 25
[[rule.threshold.cardinality]]
field = "user.name"
value = 3`,
    )
    expect(read.problems).toEqual([])
    expect(read.matches[0]?.alerts).toBe(false)
    expect(read.correlations[0]?.correlation).toEqual({
      type: 'event_count',
      inputs: ['8f0e7c1a-0000-4000-8000-000000000001#1'],
      groupBy: [
        { name: 'source.ip', path: 'source.ip' },
        { name: 'observer.name', path: 'observer.name' },
      ],
      timespanMs: 540_000,
      condition: { gte: 25 },
      fields: [],
      cardinality: [{ field: 'user.name', condition: { gte: 3 } }],
    })
  })

  test('a threshold that no group can reach', () => {
    const read = rule(`type = "threshold"
language = "kuery"
query = "a:1"
[rule.threshold]
field = []
value = 100001`)
    expect(read.correlations).toEqual([])
    expect(read.problems[0]?.code).toBe('RULE_LIMIT')
  })

  test('new terms', () => {
    const read = rule(`type = "new_terms"
language = "kuery"
query = "event.action:mqtt-connect"
[rule.new_terms]
field = "new_terms_fields"
value = ["device.id", "source.ip"]
[[rule.new_terms.history_window_start]]
field = "history_window_start"
value = "now-7d"`)
    expect(read.problems).toEqual([])
    expect(read.correlations[0]?.correlation).toMatchObject({
      type: 'first_seen',
      fields: ['device.id', 'source.ip'],
      historyMs: 604_800_000,
      perValue: true,
    })
  })

  test('filters and exceptions narrow it', () => {
    const read = rule(
      `type = "query"
language = "kuery"
query = "event.outcome:failure"`,
      `
[[rule.filters]]
[rule.filters.meta]
negate = true
[rule.filters.query.wildcard."user.name"]
case_insensitive = true
value = "svc-*"
[[rule.exceptions_list]]
id = "x"
[[rule.exceptions_list.items]]
name = "The scanner"
[[rule.exceptions_list.items.entries]]
field = "source.ip"
type = "match_any"
operator = "included"
value = ["10.0.0.7", "10.0.0.8"]
[[rule.exceptions_list.items.entries]]
field = "user.name"
type = "exists"
operator = "excluded"
`,
    )
    expect(read.problems).toEqual([])
    expect(holds(read, DENIED)).toBe(true)
    expect(holds(read, { ...DENIED, user: { name: 'SVC-a' } })).toBe(false)
    expect(holds(read, { ...DENIED, source: { ip: '10.0.0.8' } })).toBe(false)
    expect(holds(read, { ...DENIED, source: { ip: '10.0.0.8' }, user: { name: 'a' } })).toBe(true)
  })

  test('exceptions in a file of their own', () => {
    const read = parseElasticRule(
      `[metadata]
rule_ids = ["one"]
[[exceptions]]
name = "list"
[[exceptions.items]]
name = "item"
[[exceptions.items.entries]]
field = "host.name"
type = "wildcard"
value = "lab-*"
`,
      'exceptions.toml',
    )
    expect(read).toMatchObject({ meta: undefined, problems: [], matches: [] })
    expect(read.exceptions[0]?.ruleIds).toEqual(['one'])
    expect(interpret(read.exceptions[0]!.except, { host: { name: 'lab-3' } })).toBe(true)
  })

  test.each(['esql', 'machine_learning', 'threat_match', 'brand_new'])(
    'what cannot run says why: %s',
    (type) => {
      const read = rule(`type = "${type}"\nquery = "from logs"`)
      expect(read.matches).toEqual([])
      expect(read.problems).toMatchObject([
        { code: 'RULE_UNSUPPORTED', at: { file: 'rules/one.toml' } },
      ])
    },
  )

  test('problems of a query are placed in the file', () => {
    const read = rule(`type = "eql"
language = "eql"
query = '''
network where
  event.outcome = "failure"
'''`)
    const lines = `${HEAD}type`.split('\n').length
    expect(read.problems).toMatchObject([
      { code: 'QUERY_SYNTAX', at: { file: 'rules/one.toml', line: lines + 4, column: 17 } },
    ])
  })

  test.each<[string, string]>([
    ['not toml at all [', 'RULE_SYNTAX'],
    ['[rule]\nname = "x"', 'RULE_INVALID'],
    ['[rule]\nrule_id = 1\nname = "x"\ntype = "query"', 'RULE_INVALID'],
    ['', 'RULE_INVALID'],
    [`a = "${'x'.repeat(3_000_000)}"`, 'RULE_LIMIT'],
  ])('text that is no rule: %#', (text, code) => {
    expect(parseElasticRule(text, 'x.toml').problems[0]).toMatchObject({ code })
  })

  test('life and grouping', () => {
    const text = `${HEAD}type = "query"
language = "kuery"
building_block_type = "default"
query = "*"
[rule.alert_suppression]
group_by = ["host.name"]
`
    const read = parseElasticRule(text, 'x.toml')
    expect(read.meta?.life).toBe('shadow')
    expect(read.matches[0]?.groupBy).toEqual(['host.name'])
    const draft = parseElasticRule(text.replace('production', 'development'), 'x.toml')
    expect(draft.meta?.life).toBe('draft')
  })
})
