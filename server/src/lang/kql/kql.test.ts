import { describe, expect, test } from 'vitest'
import type { EcsDoc } from '../../model/event.ts'
import { interpret } from '../../rule/interpret.ts'
import { compileKql } from './compile.ts'

const nowMs = Date.UTC(2021, 0, 10)

function finds(query: string, doc: EcsDoc): boolean | string {
  const compiled = compileKql(query, { nowMs })
  if (!compiled.ok) return compiled.problem.code
  const [rule] = compiled.value.matches
  return rule !== undefined && interpret(rule.condition, doc)
}

const STORE = {
  grocery_name: 'Corner',
  items: [
    { name: 'banana', stock: '12', category: 'fruit' },
    { name: 'peach', stock: '10', category: 'fruit' },
    { name: 'carrot', stock: '9', category: 'vegetable' },
  ],
}
const LEVELS = {
  level1: [
    {
      level2: [
        { prop1: 'foo', prop2: 'bar' },
        { prop1: 'baz', prop2: 'qux' },
      ],
    },
  ],
}
const content = (text: string) => ({ http: { request: { body: { content: text } } } })

describe('KQL', () => {
  test.each<[string, EcsDoc, boolean]>([
    // there or not
    ['http.request.method: *', { http: { request: { method: '' } } }, true],
    ['http.request.method: *', { http: {} }, false],
    ['not http.request.method: *', { http: {} }, true],
    ['', {}, true],
    ['*', {}, true],
    ['*:*', {}, true],
    // keywords are whole and cased
    ['http.request.method: GET', { http: { request: { method: 'GET' } } }, true],
    ['http.request.method: get', { http: { request: { method: 'GET' } } }, false],
    ['a: win 10', { a: 'win 10' }, true],
    ['a: win 10', { a: 'win' }, false],
    ['a: true', { a: true }, true],
    ['a: 200', { a: 200 }, true],
    ['a: 1.0', { a: 1 }, true],
    ['status: 400 401 404', { status: 401 }, true],
    ['status: 400 401 404', { status: 402 }, false],
    ['source.ip: 10.0.0.0/8', { source: { ip: '10.1.1.1' } }, true],
    ['source.ip: "fe80::1"', { source: { ip: 'fe80:0:0::1' } }, true],
    // text is searched by its words
    ['http.request.body.content: null pointer', content('a Pointer'), true],
    ['http.request.body.content: "null pointer"', content('pointer null'), false],
    ['http.request.body.content: "null pointer"', content('Java: Null pointer!'), true],
    ['message: fail*', { message: 'login FAILED for root' }, true],
    ['message: *fail', { message: 'login failed' }, false],
    ['a.text: quick brown', { a: 'the brown fox' }, true],
    // no field
    ['Hello', { a: { b: 'say hello world' } }, true],
    ['Hello', { a: { b: 'shello' } }, false],
    ['200', { a: [1, 200] }, true],
    ['"quick brown fox"', { x: 'the quick brown fox jumps' }, true],
    ['"quick brown fox"', { x: 'the quick fox brown jumps' }, false],
    // operators
    ['response:200 or extension:php', { response: 200 }, true],
    ['response:200 and extension:php', { response: 200 }, false],
    ['response:(200 or 404)', { response: 404 }, true],
    ['response:200 and extension:php or extension:css', { extension: 'css' }, true],
    ['response:200 and (extension:php or extension:css)', { extension: 'css' }, false],
    ['not response:200', {}, true],
    ['response:200 AND NOT (extension:php OR extension:css)', { response: 200 }, true],
    ['not not response:200', { response: 200 }, true],
    ['tags:(success and info and security)', { tags: ['info', 'success', 'security'] }, true],
    ['tags:(success and info and security)', { tags: ['info', 'success'] }, false],
    ['tags:(success and not info)', { tags: ['success'] }, true],
    ['protocol:(telnet or not *)', {}, true],
    ['a:(b or (c and d))', { a: ['c', 'd'] }, true],
    // ranges
    ['account >= 100 and sold <= 200', { account: 100, sold: 200 }, true],
    ['account > 100', { account: 100 }, false],
    ['a < 9', { a: '10' }, false],
    // wildcards in values and in names
    ['machine.os:win*', { machine: { os: 'windows 10' } }, true],
    ['machine.os:*dows 1*', { machine: { os: 'windows 10' } }, true],
    ['machine.os*:windows 10', { machine: { os: { raw: 'windows 10' } } }, true],
    ['machine.*: windows', { machine: { os: { raw: 'windows' } } }, true],
    ['machine.os.keyword: windows', { machine: { os: 'windows' } }, true],
    ['a:"w*"', { a: 'windows' }, false],
    ['a:w\\*', { a: 'w*' }, true],
    ['a:w\\*', { a: 'windows' }, false],
    // nested
    ['items:{ name:banana and stock > 10 }', STORE, true],
    ['items:{ name:banana and stock:9 }', STORE, false],
    ['items:{ name:banana } and items:{ stock:9 }', STORE, true],
    ['items:{ name:banana and stock > 10 } and items:{ category:vegetable }', STORE, true],
    ['level1.level2:{ prop1:foo and prop2:bar }', LEVELS, true],
    ['level1.level2:{ prop1:foo and prop2:qux }', LEVELS, false],
    ['level1:{ level2:{ prop1:foo and prop2:qux } }', LEVELS, false],
    // escapes and quotes
    ['a:"x\\"y\\\\z"', { a: 'x"y\\z' }, true],
    ['a: x\\:y\\(z\\)', { a: 'x:y(z)' }, true],
    ['a: \\u0041b', { a: 'Ab' }, true],
    ['a: "\\u0041\\t"', { a: 'A\t' }, true],
    ['a: \\or', { a: 'or' }, true],
    ['a: salt \\and pepper', { a: 'salt and pepper' }, true],
    ['a: android', { a: 'android' }, true],
    ['a: notepad', { a: 'notepad' }, true],
    ['a: C\\:\\\\Windows\\\\*', { a: 'C:\\Windows\\x' }, true],
    ['"a b": c', { 'a b': 'c' }, true],
  ])('%s on %j: %s', (query, doc, expected) => {
    expect(finds(query, doc)).toBe(expected)
  })

  test.each<[string, unknown, boolean]>([
    ['@timestamp < "2021-01-02T21:55:59"', '2021-01-02T21:55:58.999Z', true],
    ['@timestamp <= "2021-01-02T21:55:59"', '2021-01-02T21:55:59.500Z', true],
    ['@timestamp < "2021-01"', '2020-12-31T23:59:59Z', true],
    ['@timestamp < "2021-01"', '2021-01-01T00:00:00Z', false],
    // what is left out of a date: the first month and day, but the end of the day
    ['@timestamp <= "2021-01"', '2021-01-01T23:59:59Z', true],
    ['@timestamp <= "2021-01"', '2021-01-02T00:00:00Z', false],
    ['@timestamp > "2021"', '2021-01-01T23:59:59Z', false],
    ['@timestamp > "2021"', '2021-01-02T00:00:00Z', true],
    ['@timestamp >= "2021"', '2021-01-01T00:00:00Z', true],
    ['@timestamp: "2021"', '2021-01-02T00:00:00Z', false],
    ['@timestamp < "2021"', 1_609_459_199_000, true],
    ['@timestamp < now-1d', '2021-01-08T00:00:00Z', true],
    ['@timestamp < now-1d', '2021-01-09T00:00:00Z', false],
    ['@timestamp >= now-1d/d', '2021-01-09T00:00:00Z', true],
    ['@timestamp > 2022-02-17||+1M/d', '2022-03-17T10:00:00Z', false],
    ['@timestamp > 2022-02-17||+1M/d', '2022-03-18T00:00:00Z', true],
    ['@timestamp: "2021-01-02"', '2021-01-02T23:00:00Z', true],
    ['@timestamp: "2021-01-02"', '2021-01-03T00:00:00Z', false],
  ])('%s at %j: %s', (query, time, expected) => {
    expect(finds(query, { '@timestamp': time })).toBe(expected)
  })

  test.each([
    ['a:', 3],
    ['a:(b or', 8],
    ['a: b:c', 5],
    ['a:"x', 3],
    ['(a', 3],
    ['a > ', 5],
    ['a > b*', 1],
    ['a:b) c', 4],
    [')', 1],
    ['a b (c)', 5],
  ])('%s is refused at column %i', (query, column) => {
    const compiled = compileKql(query)
    expect(compiled).toMatchObject({ ok: false, problem: { at: { line: 1, column } } })
  })

  test('a rule has no clock', () => {
    expect(compileKql('@timestamp > now-1d')).toMatchObject({
      ok: false,
      problem: { code: 'QUERY_INVALID' },
    })
  })

  test('deep and large queries', () => {
    const deep = `${'('.repeat(10_000)}a${')'.repeat(10_000)}`
    expect(compileKql(deep)).toMatchObject({ ok: false, problem: { code: 'QUERY_TOO_LARGE' } })
    const list = Array.from({ length: 60_000 }, (_, at) => `"value ${at}"`).join(' or ')
    expect(finds(`a:(${list})`, { a: 'value 59999' })).toBe(true)
    expect(finds(`${'not '.repeat(50_001)}a:1`, { a: 2 })).toBe(true)
    expect(finds(`a: ${'x '.repeat(100_000)}`, { a: 2 })).toBe(false)
  })
})
