import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeText } from '../testing/decode-text.ts'
import { exampleMapping } from '../testing/example-mapping.ts'
import { custom } from './custom.ts'
import type { Fields } from './mapping.ts'
import { readMapping } from './read-mapping.ts'
import { runMappingTests } from './run-tests.ts'
import { csv, dissect, grok, keyValue, type Made, type Run } from './steps.ts'
import { timeReader } from './time-format.ts'

const FOLDER = join(import.meta.dirname, '../../../../content/mappings')
const NOW_MS = Date.UTC(2026, 10, 22)

describe('the mapping files of content', () => {
  test.each(readdirSync(FOLDER).filter((name) => name.endsWith('.yml')))('%s', (name) => {
    const read = readMapping(readFileSync(join(FOLDER, name), 'utf8'), name)
    expect(read.ok ? [] : read.problems).toEqual([])
    if (!read.ok) return
    expect(read.mapping.tests.length).toBeGreaterThan(2)
    const failed = runMappingTests(read.mapping, NOW_MS).filter(({ passed }) => !passed)
    expect(failed).toEqual([])
  })
})

const parse = (run: Run | Made, text: string): Record<string, unknown> | false => {
  const into: Fields = new Map()
  const step = typeof run === 'function' ? { run } : run
  if ('problem' in step) throw new Error(step.problem)
  return step.run(text, into) && Object.fromEntries(into)
}

describe('the ways to take a line apart', () => {
  test('dissect', () => {
    expect(parse(dissect('%{a} [%{b->}] %{?c}: %{d}'), 'x [y] z: rest of it')).toEqual({
      a: 'x',
      b: 'y',
      d: 'rest of it',
    })
    expect(parse(dissect('<%{a}>'), '<1>2>')).toEqual({ a: '1>2' })
    expect(parse(dissect('%{a->} %{b}'), 'x    y')).toEqual({ a: 'x', b: 'y' })
    expect(parse(dissect('%{a} %{b}'), 'x')).toBe(false)
    expect(dissect('%{a}%{b}')).toHaveProperty('problem')
  })
  test('grok', () => {
    const line = '10.0.0.5 - [21/Nov/2026:22:51:22 +0000] 17'
    expect(parse(grok('^%{IP:source.ip} - \\[%{HTTPDATE:at}\\] %{INT:n:int}'), line)).toEqual({
      'source.ip': '10.0.0.5',
      at: '21/Nov/2026:22:51:22 +0000',
      n: 17,
    })
    expect(grok('%{NOPE:x}')).toEqual({ problem: 'there is no grok pattern NOPE' })
  })
  test('csv and key=value', () => {
    expect(parse(csv(['a', 'b', 'c'], ','), '1,"2 ""x"", y",')).toEqual({ a: '1', b: '2 "x", y' })
    expect(parse(csv(['a'], ','), '1,2')).toBe(false)
    expect(parse(keyValue(' ', '='), 'noise a=1 b="two \\" words" c=')).toEqual({
      a: '1',
      b: 'two " words',
      c: '',
    })
    expect(parse(keyValue(' ', '='), 'nothing')).toBe(false)
  })
  test('times', () => {
    const read = timeReader('dd/MMM/yyyy:HH:mm:ss Z', () => 0)
    if (typeof read === 'string') throw new Error(read)
    expect(read('21/Nov/2026:22:51:22 +0100', NOW_MS)).toBe(Date.UTC(2026, 10, 21, 21, 51, 22))
    expect(read('31/Feb/2026:22:51:22 +0100', NOW_MS)).toBeUndefined()
    expect(timeReader('HH:mm', () => 0)).toBe('the time format has no year')
  })
})

describe('what is wrong with a mapping is said with its place', () => {
  const problemsOf = (text: string): unknown => {
    const read = readMapping(text, 'm.yml')
    return read.ok
      ? []
      : read.problems.map(({ code, at, hint }) => [code, at?.line, at?.column, hint])
  }
  test('unknown keys', () => {
    expect(problemsOf('name: a\nparse: [{disect: "%{a}"}]\nevent: {action: api-call}\n')).toEqual([
      ['MAPPING_UNKNOWN_KEY', 2, 10, 'did you mean "dissect"?'],
      ['MAPPING_INVALID', 2, 9, undefined],
    ])
  })
  test('actions, fields and YAML', () => {
    expect(problemsOf('name: a\nevent: {action: api-cal}\n')).toEqual([
      ['MAPPING_INVALID', 2, 17, undefined],
    ])
    expect(problemsOf('name: a\nevent: {action: api-call}\nset: {event.id: x}\n')).toEqual([
      ['MAPPING_INVALID', 3, 7, undefined],
    ])
    expect(problemsOf('name: [')).toEqual([['MAPPING_SYNTAX', 1, 8, undefined]])
  })
  test('any text is read or refused', () => {
    const text = exampleMapping.mapping.text
    fc.assert(
      fc.property(fc.nat(text.length), fc.nat(40), fc.string({ maxLength: 8 }), (at, cut, put) => {
        readMapping(text.slice(0, at) + put + text.slice(at + cut), 'm.yml')
      }),
      { numRuns: 150 },
    )
  })
})

test('the decoder asks for its mapping, and says what is wrong with it', () => {
  expect(custom.check?.({})).toContain('needs the option mapping')
  expect(custom.check?.({ mapping: 'x.yml' })).toBeUndefined()
  const wrong = { mapping: { path: 'x.yml', text: 'nme: x\nevent: {action: event}\n' } }
  expect(custom.check?.(wrong)).toContain('x.yml:1:1: a mapping has no key "nme" (did you mean')
  expect(decodeText(custom, 'x', wrong).rejects).toHaveLength(1)
})
test('a value of another type is left out and named', () => {
  const line = '2026-07-01 12:00:00 a/b LOGIN user=x ip=nowhere result=ok'
  const [draft] = decodeText(custom, line, exampleMapping).drafts
  expect(draft?.doc).toMatchObject({ labels: { unconverted: 'source.ip' }, user: { name: 'x' } })
})
