import { expect, test } from 'vitest'
import { parsePipeline } from '../../src/lang/sigma/pipeline/pipeline.ts'
import { interpret } from '../../src/rule/interpret.ts'
import { lower, problemsOf, ruleOf } from './sigma.ts'

function through(transformations: string, detection: string, head = '') {
  const steps = transformations.trim().replace(/^/gm, '  ')
  const pipeline = parsePipeline(
    `name: p\npriority: 10\n${head}transformations:\n${steps}\n`,
    'p.yml',
  )
  if (!pipeline.ok) throw new Error(`${pipeline.problem.code} ${pipeline.problem.message}`)
  return lower(ruleOf(detection), { pipeline: pipeline.value })
}

function holds(steps: string, item: string, event: Record<string, unknown>, head = ''): boolean {
  const lowered = through(steps, `sel:\n  ${item}\ncondition: sel`, head)
  const [rule] = lowered.matches
  if (rule === undefined) throw new Error(problemsOf(lowered).join())
  return interpret(rule.condition, event)
}

test('fields are mapped, to several names as alternatives', () => {
  const steps =
    '- type: field_name_mapping\n  mapping: {Image: process.executable, User: [user.name, account]}'
  expect(holds(steps, 'Image: a', { process: { executable: 'A' } })).toBe(true)
  expect(holds(steps, 'User: a', { account: 'a' })).toBe(true)
  expect(holds(steps, 'Other: a', { Other: 'a' })).toBe(true)
})

test('prefixes and suffixes, for some fields only', () => {
  const steps =
    '- type: field_name_prefix\n  prefix: win.\n  field_name_conditions:\n    - {type: exclude_fields, fields: [EventID]}'
  expect(holds(steps, 'Image: a', { win: { Image: 'a' } })).toBe(true)
  expect(holds(steps, 'EventID: 1', { EventID: 1 })).toBe(true)
  const suffix =
    '- type: field_name_suffix\n  suffix: .keyword\n  field_name_conditions:\n    - {type: include_fields, fields: ["Im.*"], mode: re}'
  expect(holds(suffix, 'Image: a', { 'Image.keyword': 'a' })).toBe(true)
})

test('conditions of the log source decide, and what was applied before', () => {
  const on = (product: string) =>
    `- id: first\n  type: field_name_mapping\n  mapping: {f: g}\n  rule_conditions:\n    - {type: logsource, product: ${product}}\n` +
    '- type: field_name_prefix\n  prefix: x.\n  rule_conditions:\n    - {type: processing_item_applied, processing_item_id: first}'
  expect(holds(on('test'), 'f: a', { x: { g: 'a' } })).toBe(true)
  expect(holds(on('other'), 'f: a', { f: 'a' })).toBe(true)
  const negated =
    '- type: field_name_prefix\n  prefix: x.\n  rule_cond_not: true\n  rule_conditions:\n    - {type: logsource, product: test}'
  expect(holds(negated, 'f: a', { f: 'a' })).toBe(true)
  const named =
    '- type: field_name_prefix\n  prefix: x.\n  rule_cond_expr: a and not b\n  rule_conditions:\n    a: {type: logsource, product: test}\n    b: {type: contains_detection_item, field: f, value: z}'
  expect(holds(named, 'f: a', { x: { f: 'a' } })).toBe(true)
  expect(holds(named, 'f: z', { f: 'z' })).toBe(true)
})

test('added conditions are joined to the rule, filled in and negated', () => {
  const steps = '- type: add_condition\n  template: true\n  conditions: {index: "logs-$product"}'
  expect(holds(steps, 'f: a', { f: 'a', index: 'logs-test' })).toBe(true)
  expect(holds(steps, 'f: a', { f: 'a' })).toBe(false)
  const not = '- type: add_condition\n  negated: true\n  conditions: {index: lab}'
  expect(holds(not, 'f: a', { f: 'a', index: 'lab' })).toBe(false)
})

test('flags are booleans of YAML 1.1 too, in which pipelines are written', () => {
  const not = (flag: string) =>
    `- type: add_condition\n  negated: ${flag}\n  conditions: {index: lab}`
  const step = (flag: string) =>
    `- type: field_name_prefix\n  prefix: x.\n  rule_cond_not: ${flag}\n  rule_conditions:\n    - {type: logsource, product: test}`
  for (const flag of ['true', 'True', 'yes', 'on']) {
    expect(holds(not(flag), 'f: a', { f: 'a', index: 'lab' })).toBe(false)
    expect(holds(step(flag), 'f: a', { f: 'a' })).toBe(true)
  }
  expect(holds(not('no'), 'f: a', { f: 'a', index: 'lab' })).toBe(true)
  expect(holds(step('off'), 'f: a', { x: { f: 'a' } })).toBe(true)
})

test('values are replaced, mapped, set, converted', () => {
  const replace = String.raw`- {type: replace_string, regex: '^HKLM(.*)$', replacement: 'MACHINE\1'}`
  expect(holds(replace, "f: 'HKLM/Run'", { f: 'MACHINE/Run' })).toBe(true)
  expect(holds('- {type: map_string, mapping: {a: [b, c]}}', 'f: a', { f: 'c' })).toBe(true)
  expect(holds('- {type: set_value, value: 7}', 'f: a', { f: 7 })).toBe(true)
  expect(holds('- {type: case, method: upper}', 'f|cased: ab', { f: 'AB' })).toBe(true)
})

test('placeholders take values of the pipeline, or become wildcards', () => {
  const item = "f|expand: '%who%'"
  const head = 'vars:\n  who: [root, "adm*"]\n'
  expect(holds('- type: value_placeholders', item, { f: 'admin' }, head)).toBe(true)
  expect(holds('- type: wildcard_placeholders', item, { f: 'anyone' })).toBe(true)
})

test('items are dropped, rules refused', () => {
  const drop =
    '- type: drop_detection_item\n  field_name_conditions:\n    - {type: include_fields, fields: [g]}'
  expect(holds(drop, 'f: a\n  g: b', { f: 'a' })).toBe(true)
  const refuse = '- {type: rule_failure, message: not for us}'
  const lowered = through(refuse, 'sel: {f: a}\ncondition: sel')
  expect(lowered.matches).toEqual([])
  expect(problemsOf(lowered)[0]).toContain('RULE_PIPELINE')
})

test('what is not known is refused with a hint', () => {
  const pipeline = parsePipeline('transformations:\n  - type: field_name_maping\n', 'p.yml')
  expect(pipeline).toMatchObject({
    ok: false,
    problem: { code: 'RULE_PIPELINE', hint: 'did you mean "field_name_mapping"?', at: { line: 2 } },
  })
})

test('steps are nested ten deep at most', () => {
  const nested = (depth: number): string =>
    depth === 0 ? '{type: drop_detection_item}' : `{type: nest, items: [${nested(depth - 1)}]}`
  const read = (depth: number) => parsePipeline(`transformations: [${nested(depth)}]\n`, 'p.yml')
  expect(read(10).ok).toBe(true)
  expect(read(11)).toMatchObject({ ok: false, problem: { code: 'RULE_PIPELINE' } })
})
