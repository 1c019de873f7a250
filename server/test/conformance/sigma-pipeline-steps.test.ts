import { describe, expect, test } from 'vitest'
import { parsePipeline } from '../../src/lang/sigma/pipeline/pipeline.ts'
import type { LoweredSigma } from '../../src/lang/sigma/sigma.ts'
import { interpret } from '../../src/rule/interpret.ts'
import { lower, problemsOf, ruleOf } from './sigma.ts'

/** Behaviour that pySigma's own tests of transformations and conditions hold. */

function through(steps: string, detection: string, head = ''): LoweredSigma {
  const pipeline = parsePipeline(`${head}transformations:\n${steps}\n`, 'p.yml')
  if (!pipeline.ok) throw new Error(`${pipeline.problem.code} ${pipeline.problem.message}`)
  return lower(ruleOf(detection), { pipeline: pipeline.value })
}

type Doc = Record<string, unknown>

function holdsAll(steps: string, detection: string, event: Doc, head = ''): boolean {
  const lowered = through(steps, detection, head)
  const [rule] = lowered.matches
  if (rule === undefined) throw new Error(problemsOf(lowered).join())
  return interpret(rule.condition, event)
}

const holds = (steps: string, item: string, event: Doc, head = ''): boolean =>
  holdsAll(steps, `sel:\n  ${item}\ncondition: sel`, event, head)

describe('names of fields', () => {
  const mapping = '- type: field_name_mapping\n  mapping: {f: [g, h], r: s}'

  test('of references are mapped as well', () => {
    expect(holds(mapping, 'x|fieldref: r', { x: 'a', s: 'a' })).toBe(true)
    expect(holds(mapping, 'x|fieldref: r', { x: 'a', r: 'a' })).toBe(false)
    expect(holds(mapping, 'x|fieldref|endswith: f', { x: 'ab', h: 'b' })).toBe(true)
  })

  test('a value that several fields must not have stands in none of them', () => {
    expect(holds(mapping, 'f|neq: a', { g: 'b', h: 'a' })).toBe(false)
    expect(holds(mapping, 'f|neq: a', { g: 'b', h: 'b' })).toBe(true)
  })

  test('keywords come to stand at a field', () => {
    const raw = '- type: field_name_mapping\n  mapping:\n    null: message'
    const detection = 'words: [evil]\ncondition: words'
    expect(holdsAll(raw, detection, { message: 'so evil it is' })).toBe(true)
    expect(holdsAll(raw, detection, { other: 'so evil it is' })).toBe(false)
  })

  test('keys of correlations and notable fields are mapped under the same conditions', () => {
    const steps =
      '- type: field_name_mapping\n  mapping: {f: g, u: user.name}\n  rule_conditions:\n    - {type: contains_field, field: f}'
    const pipeline = parsePipeline(`transformations:\n${steps}\n`)
    if (!pipeline.ok) throw new Error(pipeline.problem.message)
    const text = `${ruleOf('sel: {f: a}\ncondition: sel')}fields: [u, other]\n---\ntitle: M\nid: m\ncorrelation: {type: event_count, rules: [rule], group-by: [u], timespan: 1m, condition: {gte: 2}}\n`
    const lowered = lower(text, { pipeline: pipeline.value })
    expect(lowered.matches[0]?.fields).toEqual(['user.name', 'other'])
    expect(lowered.correlations[0]?.correlation.groupBy).toEqual([{ name: 'u', path: 'user.name' }])
  })

  test('notable fields are added, removed, set', () => {
    const fields = (step: string) =>
      through(`- ${step}`, 'sel: {f: a}\ncondition: sel').matches[0]?.fields
    expect(fields('{type: add_field, field: [a, b]}')).toEqual(['a', 'b'])
    expect(fields('{type: set_field, fields: [a, b]}\n- {type: remove_field, field: a}')).toEqual([
      'b',
    ])
  })
})

describe('values', () => {
  const replace = (more: string) => `- {type: replace_string, ${more}}`
  test.each<[string, string, unknown, boolean]>([
    [replace(String.raw`regex: '^(\w+)-(\w+)$', replacement: '\2:\g<1>'`), 'f: a-b', 'b:a', true],
    [replace(`regex: 'x', replacement: '$1.00'`), 'f: x', '$1.00', true],
    [replace(`regex: '(?P<w>b+)', replacement: '[\\g<w>]'`), 'f: abba', 'a[bb]a', true],
    // Wildcards are a part of the text that is replaced in, unless they are skipped.
    [replace(`regex: '^\\*', replacement: ''`), 'f|endswith: b', 'ab', false],
    [replace(`regex: '^\\*', replacement: ''`), 'f|endswith: b', 'b', true],
    [replace(`regex: 'b', replacement: '*', skip_special: true`), "f: 'ab*'", 'a*x', true],
    [replace(`regex: 'b', replacement: '*', skip_special: true`), "f: 'ab*'", 'acx', false],
    [
      replace(`regex: 'b', replacement: '*', skip_special: true, interpret_special: true`),
      "f: 'ab?'",
      'acccx',
      true,
    ],
    [replace(`regex: '2', replacement: '3'`), 'f: 12', '13', true],
    [replace(String.raw`regex: 'C:', replacement: 'D:'`), String.raw`f: 'C:\x\*'`, 'D:\\x*', true],
    ["- {type: map_string, mapping: {'a*': [b, c]}}", "f|startswith: 'a'", 'c', true],
    ['- {type: map_string, mapping: {a: b}}', "f|startswith: 'a'", 'ax', true],
    ['- {type: set_value, value: 7, force_type: str}', 'f: a', '7', true],
    ['- {type: set_value, value: null}', 'f: a', null, true],
    ['- {type: convert_type, target_type: num}', "f: '4.0'", 4, true],
    ['- {type: case, method: snake_case}', 'f|cased: EventName', 'event_name', true],
    ['- {type: regex, method: plain}', 'f: Ab', 'ab', false],
    ['- {type: regex}', 'f: Ab', 'aB', true],
  ])('%s: %s on %j is %s', (steps, item, value, expected) => {
    expect(holds(steps, item, { f: value })).toBe(expected)
  })

  test('hashes are told apart by what stands before them, or by their length', () => {
    const steps =
      '- {type: hashes_fields, valid_hash_algos: [MD5, SHA1], field_prefix: File, drop_algo_prefix: false}'
    const md5 = '987B65CD9B9F4E9A1AFD8F8B48CF64A7'
    expect(holds(steps, `Hashes|contains: 'MD5=${md5}'`, { FileMD5: md5 })).toBe(true)
    expect(holds(steps, `Hashes: ['SHA1=aa', 'MD5=${md5}']`, { FileSHA1: 'AA' })).toBe(true)
    expect(holds(steps, `Hash: ${md5}`, { FileMD5: md5.toLowerCase() })).toBe(true)
    expect(holds(steps, `Other: ${md5}`, { Other: md5 })).toBe(true)
    const lowered = through(steps, 'sel: {Hashes: "IMPHASH=1"}\ncondition: sel')
    expect(problemsOf(lowered)[0]).toContain('Hashes has no hash of MD5, SHA1.')
  })

  test('fields are taken out of values by named groups', () => {
    const steps = String.raw`- {type: extract_fields, regex: '(?P<type>\w+):(?P<v>\d+)', field_prefix: reg}`
    expect(holds(steps, "f: 'Dword:7'", { reg: { type: 'dword', v: 7 } })).toBe(true)
    expect(holds(steps, "f: 'Dword:7'", { reg: { type: 'dword', v: 8 } })).toBe(false)
    expect(holds(steps, "f: 'Dword:007'", { reg: { type: 'dword', v: '007' } })).toBe(true)
    expect(holds(steps, "f|neq: 'Dword:7'", { reg: { type: 'dword', v: 8 } })).toBe(true)
  })

  test('only the placeholders asked for are filled in', () => {
    const item = "f|expand: '%a%-%b%'"
    const head = 'vars: {a: [x], b: [y]}\n'
    const some = '- {type: wildcard_placeholders, include: [a]}\n- type: value_placeholders'
    expect(holds(some, item, { f: 'any-y' }, head)).toBe(true)
    const none = '- {type: wildcard_placeholders, exclude: [a]}\n- type: value_placeholders'
    expect(holds(none, item, { f: 'x-any' }, head)).toBe(true)
  })
})

describe('steps and conditions', () => {
  test('nested steps run where the outer conditions hold', () => {
    const steps = (product: string) =>
      `- type: nest\n  rule_conditions: [{type: logsource, product: ${product}}]\n  items:\n    - {type: field_name_prefix, prefix: x.}\n    - {type: field_name_suffix, suffix: .y}`
    expect(holds(steps('test'), 'f: a', { 'x.f.y': 'a' })).toBe(true)
    expect(holds(steps('other'), 'f: a', { f: 'a' })).toBe(true)
  })

  test('a selection of which nothing is left says nothing in the condition', () => {
    const steps =
      '- type: drop_detection_item\n  field_name_conditions: [{type: include_fields, fields: [g]}]'
    const body = (condition: string) => `sel: {f: a}\ngone: {g: b}\ncondition: ${condition}`
    for (const condition of ['sel and gone', 'sel and not gone', 'sel or gone', 'all of them']) {
      expect(holdsAll(steps, body(condition), { f: 'a' })).toBe(true)
      expect(holdsAll(steps, body(condition), { f: 'b' })).toBe(false)
    }
    expect(problemsOf(through(steps, body('gone')))[0]).toContain('leaves nothing')
  })

  test('fields that no step maps make a strict pipeline refuse the rule', () => {
    const steps =
      '- {type: field_name_mapping, mapping: {f: g}}\n- {type: strict_field_mapping_failure}'
    expect(holds(steps, 'f: a', { g: 'a' })).toBe(true)
    const lowered = through(steps, 'sel: {f: a, other: b}\ncondition: sel')
    expect(problemsOf(lowered)[0]).toContain('maps no field other')
  })

  const rule = (more: string) => `${ruleOf('sel: {f: a}\ncondition: sel')}${more}`
  const attribute = (params: string, more: string): boolean => {
    const steps = `- type: field_name_prefix\n  prefix: x.\n  rule_conditions: [{type: rule_attribute, ${params}}]`
    const pipeline = parsePipeline(`transformations:\n${steps}\n`)
    if (!pipeline.ok) throw new Error(pipeline.problem.message)
    const lowered = lower(rule(more), { pipeline: pipeline.value })
    return interpret(lowered.matches[0]!.condition, { x: { f: 'a' } })
  }
  test.each<[string, string, boolean]>([
    ['attribute: level, op: gte, value: medium', 'level: high\n', true],
    ['attribute: level, op: gte, value: medium', 'level: low\n', false],
    ['attribute: status, op: lt, value: stable', 'status: test\n', true],
    ['attribute: date, op: gt, value: 2026-01-01', 'date: 2026-02-03\n', true],
    ['attribute: tags, op: in, value: attack.t1110', 'tags: [attack.t1110]\n', true],
    ['attribute: tags, op: not_in, value: attack.t1110', 'tags: [attack.t1110]\n', false],
    ['attribute: custom, value: 7, op: lte', 'custom: 5\n', true],
    ['attribute: custom, value: 7', '', false],
    ['attribute: custom, value: 7, op: ne', 'custom: 5\n', true],
  ])('%s of %j is %s', (params, more, expected) => {
    expect(attribute(params, more)).toBe(expected)
  })

  test('values are asked about with their type; states compare', () => {
    const on = (condition: string) =>
      `- type: field_name_prefix\n  prefix: x.\n  detection_item_conditions: [${condition}]`
    const seven = '{type: match_value, value: 7, cond: any}'
    expect(holds(on(seven), 'f: [7, 8]', { x: { f: 7 } })).toBe(true)
    expect(holds(on(seven), "f: '7'", { f: '7' })).toBe(true)
    expect(holds(on('{type: match_value, value: 7, cond: all}'), 'f: [7, 8]', { f: 7 })).toBe(true)
    const state = `- {type: set_state, key: k, val: 3}\n- type: field_name_prefix\n  prefix: x.\n  rule_conditions: [{type: processing_state, key: k, val: 2, op: gt}]`
    expect(holds(state, 'f: a', { x: { f: 'a' } })).toBe(true)
    expect(
      holds(on('{type: match_string, pattern: "^\\\\*a", cond: any}'), 'f|endswith: a', {
        x: { f: 'ba' },
      }),
    ).toBe(true)
  })

  test.each<[string, string, string]>([
    ['transformations:\n- {type: http_placeholders, url: x}', '2:10', 'is not done here'],
    ['transformations:\n- {type: query_expression_placeholders}', '2:10', 'is not done here'],
    ['transformations:\n- {type: field_name_prefix}', '2:3', 'needs "prefix"'],
    [
      'transformations:\n- {type: field_name_prefix, prefix: a, prefx: b}',
      '2:40',
      'takes no "prefx"',
    ],
    [
      "transformations:\n- {type: replace_string, regex: '(', replacement: a}",
      '2:33',
      'cannot run',
    ],
    ['transformations:\n- {type: case, method: loud}', '2:24', 'one of lower, upper, snake_case'],
    ['postprocessing:\n- {type: embed, prefix: a}', '1:1', 'the text of queries'],
    ['finalisers: []', '1:1', 'has no "finalisers"'],
    [
      'transformations:\n- type: drop_detection_item\n  rule_conditions: [{type: match_string, pattern: a}]',
      '3:21',
      'does not fit here',
    ],
    [
      'transformations:\n- type: drop_detection_item\n  rule_cond_expr: a and b\n  rule_conditions: {a: {type: is_sigma_rule}}',
      '3:19',
      'names "b"',
    ],
    ['transformations:\n- {type: drop_detection_item, rule_cond_op: xor}', '2:45', 'and or or'],
  ])('%j is refused at its place', (text, place, part) => {
    const pipeline = parsePipeline(text, 'p.yml')
    expect(pipeline.ok).toBe(false)
    if (pipeline.ok) return
    const { at, message, code } = pipeline.problem
    expect([code, at?.file, `${at?.line}:${at?.column}`]).toEqual(['RULE_PIPELINE', 'p.yml', place])
    expect(message).toContain(part)
  })
})

test('filters go through the pipeline of the rule that they are joined to', () => {
  const steps =
    '- type: field_name_mapping\n  mapping: {host: host.name}\n- {type: map_string, mapping: {lab: [lab-1, lab-2]}}'
  const pipeline = parsePipeline(`transformations:\n${steps}\n`)
  if (!pipeline.ok) throw new Error(pipeline.problem.message)
  const filter =
    '---\ntitle: F\nid: f\nlogsource: {product: test}\nfilter:\n  rules: [rule]\n  sel: {host: lab}\n  condition: not sel\n'
  const text = ruleOf('sel: {f: a}\ncondition: sel') + filter
  const [rule] = lower(text, { pipeline: pipeline.value }).matches
  expect(interpret(rule!.condition, { f: 'a', host: { name: 'lab-2' } })).toBe(false)
  expect(interpret(rule!.condition, { f: 'a', host: { name: 'plant' } })).toBe(true)
})

test('several pipelines run one after the other, those of least priority first', () => {
  const later = 'priority: 20\ntransformations:\n- {type: field_name_suffix, suffix: .b}\n'
  const first =
    'priority: 10\nvars: {who: [root]}\ntransformations:\n- {type: field_name_prefix, prefix: a.}\n- {type: value_placeholders}\n'
  const pipeline = parsePipeline(`${later}---\n${first}`)
  if (!pipeline.ok) throw new Error(pipeline.problem.message)
  const text = ruleOf("sel: {'f|expand': '%who%'}\ncondition: sel")
  const [rule] = lower(text, { pipeline: pipeline.value }).matches
  expect(interpret(rule!.condition, { 'a.f.b': 'root' })).toBe(true)
})
