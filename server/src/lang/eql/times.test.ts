import { describe, expect, test } from 'vitest'
import { interpret } from '../../rule/interpret.ts'
import { createMatcher } from '../../rule/matcher.ts'
import type { EcsDoc } from '../../model/event.ts'
import { compileEql } from './compile.ts'

/** Whether the condition finds the event, by interpreter and compiler alike. */
function finds(condition: string, doc: EcsDoc): boolean | string {
  const compiled = compileEql(`any where ${condition}`, { timestampField: 'seen' })
  if (!compiled.ok) return compiled.problem.message
  const [rule] = compiled.value.matches
  const interpreted = interpret(rule!.condition, doc)
  const matched = createMatcher([rule!]).match(doc, new Int32Array(1)) === 1
  return matched === interpreted ? interpreted : 'compiled and interpreted differ'
}

/** The times, of those given, that a comparison holds for. */
function found(comparison: string, times: readonly unknown[]): unknown[] {
  return times.filter((time) => finds(`@timestamp ${comparison}`, { '@timestamp': time }) === true)
}

describe('text names all of the second, minute or day that it stops at', () => {
  const [before, at, within, after] = [
    '2023-12-31T23:59:59.999Z',
    '2024-01-01T00:00:00Z',
    '2024-01-01T00:00:00.999Z',
    '2024-01-01T00:00:01Z',
  ]
  const times = [before, at, within, after]

  test.each([
    ['== "2024-01-01T00:00:00Z"', [at, within]],
    ['!= "2024-01-01T00:00:00Z"', [before, after]],
    ['> "2024-01-01T00:00:00Z"', [after]],
    ['>= "2024-01-01T00:00:00Z"', [at, within, after]],
    ['<= "2024-01-01T00:00:00Z"', [before, at, within]],
    ['< "2024-01-01T00:00:00Z"', [before]],
    ['== "2024-01-01T00:00:00.000Z"', [at]],
    ['> "2024-01-01T00:00:00.000Z"', [within, after]],
    ['== "2024-01-01T00:00Z"', [at, within, after]],
    ['== "2024-01-01T01:00+01:00"', [at, within, after]],
    ['== "2024-01-01"', [at, within, after]],
    ['> "2024-01-01"', []],
    ['<= "2023-12-31"', [before]],
    ['>= "2024"', [at, within, after]],
    ['< "2024-01"', [before]],
    ['in ("2023-12-31", "2024-01-01T00:00:01Z")', [before, after]],
    ['not in ("2023-12-31")', [at, within, after]],
    ['== 1704067200000', [at]],
    ['<= 1704067200', [before, at]],
  ])('@timestamp %s', (comparison, expected) => {
    expect(found(comparison, times)).toEqual(expected)
  })
})

describe('what is below the millisecond counts only where the constant is written so', () => {
  const fine = ['2024-01-01T00:00:00.123456Z', 1_704_067_200_123_456]
  const times = ['2024-01-01T00:00:00.123Z', ...fine, '2024-01-01T00:00:00.123457Z']

  test.each([
    ['== "2024-01-01T00:00:00.123Z"', times],
    ['> "2024-01-01T00:00:00.123Z"', []],
    ['== "2024-01-01T00:00:00.123456Z"', [fine[0]]],
    ['> "2024-01-01T00:00:00.1234565Z"', [times[3]]],
    ['== 1704067200123', times],
  ])('@timestamp %s', (comparison, expected) => {
    expect(found(comparison, times)).toEqual(expected)
  })

  test('down to the nanosecond', () => {
    const times = [0, 1, 2].map((nanos) => `2024-01-01T00:00:00.00000000${nanos}Z`)
    expect(found('> "2024-01-01T00:00:00.000000001Z"', times)).toEqual([times[2]])
    expect(found('<= "2024-01-01T00:00:00.000000001Z"', times)).toEqual(times.slice(0, 2))
  })
})

test.each([
  ['"2024-01-01" < @timestamp', '2024-01-02', true],
  ['("2024-01-01") < (@timestamp)', '2024-01-02', true],
  ['string("2024-01-01" < @timestamp) == "true"', '2024-01-02', true],
  ['string("2024-01-02" < @timestamp) == "false"', '2024-01-02', true],
  ['@timestamp > 1516116808349', '1516116808350', true],
  ['@timestamp == "2018-01-16T15:33:28.349Z"', 131_605_904_083_494_064, true],
  ['seen > "2024-01-01"', '2024-01-02', true],
  ['not @timestamp > "2024-01-01"', null, false],
  ['@timestamp == "2024-01-01||+1d/d"', '2024-01-02T09:00:00Z', true],
  // Names that may be times are read as such where the constant is a whole date.
  ['lock.updated_at == "2024-01-02"', '2024-01-02T09:00:00Z', true],
  ['lock.updated_at > "2024-01-01"', 1_704_153_600_000, true],
  ['lock.date == "beta"', 'beta', true],
  ['lock.name >= "2024-01-01"', '2024-01-01-beta', true],
  ['lock.name == "2024-01-01"', '2024-01-01T09:00:00Z', false],
])('%s at %s: %s', (condition, time, expected) => {
  expect(
    finds(condition, {
      '@timestamp': time,
      seen: time,
      lock: { updated_at: time, date: time, name: time },
    }),
  ).toBe(expected)
})
