import { expect, test } from 'vitest'
import { interpret } from '../rule/interpret.ts'
import { elasticFormat } from './elastic-format.ts'

const RULE = `[rule]
name = "One"
rule_id = "one"
type = "query"
query = "a:*"
[[rule.exceptions_list]]
list_id = "lab"
`
const LIST = `[metadata]
rule_ids = ["one"]
[[exceptions]]
[[exceptions.items]]
[[exceptions.items.entries]]
field = "host.name"
type = "match"
value = "lab-1"
`
const file = (path: string, text: string) => ({ path, text })

test('a list of exceptions that no file holds is told, the rule runs', () => {
  const { reports, matches } = elasticFormat.read([file('one.toml', RULE)], {})
  expect(matches).toHaveLength(1)
  expect(reports).toMatchObject([
    { ok: true, problems: [{ severity: 'warning', at: { file: 'one.toml', line: 6 } }] },
  ])
})

test('exceptions in another file take out of the rule what they name', () => {
  const files = [file('one.toml', RULE), file('list.toml', LIST)]
  const { reports, matches } = elasticFormat.read(files, {})
  expect(reports).toMatchObject([{ ok: true, problems: [] }])
  const condition = matches[0]!.condition
  expect(interpret(condition, { a: 1, host: { name: 'lab-2' } })).toBe(true)
  expect(interpret(condition, { a: 1, host: { name: 'lab-1' } })).toBe(false)
})
