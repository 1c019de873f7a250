import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ok, type Result } from '../base/result.ts'
import type { CompiledQuery } from '../model/query.ts'
import type { Condition } from '../model/condition.ts'
import { interpret } from '../rule/interpret.ts'
import { parseElasticRule } from './elastic/rule.ts'
import { compileEql } from './eql/compile.ts'
import { compileKql } from './kql/compile.ts'
import { compileLucene } from './lucene/compile.ts'
import { decide } from './testing/decide.ts'

const EVENT = { event: { category: 'process' }, a: ['x', 1], b: { c: 'y' }, message: 'to be' }

const EQL_WORDS = [
  ...['process', 'any', 'where', 'and', 'or', 'not', 'in', 'in~', 'like~', 'regex', 'null', 'true'],
  ...['sequence', 'sample', 'by', 'with', 'maxspan=5s', 'runs=2', 'until', '|', 'head', '1', '2.5'],
  ...['a', 'b.c', '?d', '`e f`', '"x*"', '"""r"""', 'length', 'concat', '(', ')', '[', ']', '!['],
  ...['==', '!=', '<', '>=', ':', '+', '-', '*', '/', '%', ',', '//', '/*', '"', '\\', "'", '\n'],
]
const KQL_WORDS = [
  ...['a', 'b.c', '*', 'x*', '"x y"', '200', 'true', 'null', '2021-01-01', 'now-1d', '10.0.0.0/8'],
  ...[':', '>', '<=', '(', ')', '{', '}', 'and', 'or', 'not', 'AND', '"', '\\', '\\u00e9', '\\:'],
]
const LUCENE_WORDS = [
  ...['a:', 'b.c:', '_exists_:', 'x', 'x*', '?', '"x y"', '/x.*/', '[1 TO 5]', '{a TO *}', '>=5'],
  ...['AND', 'OR', 'NOT', '&&', '||', '!', '-', '+', '(', ')', '~', '^2', '\\', '"', '/'],
]

/** Thousands of regular expressions are compiled, on machines that are busy with others. */
const SLOW_MS = 120_000

function words(list: readonly string[]): fc.Arbitrary<string> {
  return fc.oneof(
    fc.array(fc.constantFrom(...list), { maxLength: 30 }).map((parts) => parts.join(' ')),
    fc.array(fc.constantFrom(...list), { maxLength: 30 }).map((parts) => parts.join('')),
    fc.string({ unit: 'grapheme', maxLength: 60 }),
  )
}

const EVENTS = [
  EVENT,
  { a: [{ 'b.c': null }, {}], 'b.c': '1.0', b: { c: [200, 'x'] }, message: ['x y', '10.0.0.1'] },
  { a: 200, b: { c: '2021-01-01T10:00:00Z' }, message: 'Y.X x' },
]

/** Interpreter and matcher decide alike. */
function agree(condition: Condition): void {
  for (const event of EVENTS) expect(typeof decide(ok(condition), event)).toBe('boolean')
}

function conditionsOf(compiled: Result<CompiledQuery>): readonly Condition[] {
  if (!compiled.ok) {
    expect(compiled.problem.code).toMatch(/^QUERY_/)
    return []
  }
  return compiled.value.matches.map(({ condition }) => condition)
}

describe('no text makes a query language throw', () => {
  test(
    'EQL',
    () => {
      fc.assert(
        fc.property(words(EQL_WORDS), (text) => {
          const whole = conditionsOf(compileEql(text))
          const part = conditionsOf(compileEql(`any where ${text}`))
          for (const one of [...whole, ...part])
            expect(typeof interpret(one, EVENT)).toBe('boolean')
        }),
        { numRuns: 3_000 },
      )
    },
    SLOW_MS,
  )

  test(
    'KQL',
    () => {
      fc.assert(
        fc.property(words(KQL_WORDS), (text) => {
          const found = conditionsOf(compileKql(text, { nowMs: 1_700_000_000_000 }))
          for (const one of found) agree(one)
        }),
        { numRuns: 1_000 },
      )
    },
    SLOW_MS,
  )

  test(
    'Lucene',
    () => {
      fc.assert(
        fc.property(words(LUCENE_WORDS), (text) => {
          const compiled = compileLucene(text)
          if (compiled.ok) agree(compiled.value)
          else expect(compiled.problem.code).toMatch(/^QUERY_/)
        }),
        { numRuns: 1_000 },
      )
    },
    SLOW_MS,
  )

  test('rule files of Elastic', () => {
    const line = fc.constantFrom(
      '[rule]',
      'rule_id = "x"',
      'name = "n"',
      'type = "query"',
      'type = "eql"',
      'type = "threshold"',
      'query = "a:b"',
      'query = "any where true"',
      'language = "kuery"',
      'from = "now-9x"',
      '[rule.threshold]',
      'field = ["a"]',
      'value = 1',
      'value = "many"',
      '[[rule.filters]]',
      '[rule.filters.query.fuzzy]',
      '[[rule.threat]]',
      'severity = "dire"',
      '[metadata]',
      '[[',
      '"""',
    )
    fc.assert(
      fc.property(fc.array(line, { maxLength: 20 }), (lines) => {
        const read = parseElasticRule(lines.join('\n'), 'x.toml')
        expect(read.problems.length + read.matches.length).toBeGreaterThan(0)
      }),
      { numRuns: 1_000 },
    )
  })
})
