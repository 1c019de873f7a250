import { describe, expect, test } from 'vitest'
import type { EcsDoc } from '../../model/event.ts'
import { decide } from '../testing/decide.ts'
import { compileKqlCondition } from './compile.ts'

const nowMs = Date.UTC(2021, 0, 10, 12)
const finds = (query: string, doc: EcsDoc) => decide(compileKqlCondition(query, { nowMs }), doc)

type Case = [query: string, doc: EcsDoc, expected: boolean | string]

function cases(name: string, list: readonly Case[]): void {
  describe(name, () => {
    test.each(list)('%s on %j: %s', (query, doc, expected) => {
      expect(finds(query, doc)).toBe(expected)
    })
  })
}

// Kibana's grammar: `or` and `and` need space on both sides, `not` after it.
cases('words that are operators only where they stand as such', [
  ['a: or', { a: 'or' }, true],
  ['a: AND', { a: 'AND' }, true],
  ['a: not', { a: 'not' }, true],
  ['a: x AND', { a: 'x AND' }, true],
  ['a: (x or)', { a: 'x or' }, true],
  ['OR foo', { m: 'a foo' }, true],
  ['not', { m: 'or not' }, true],
  ['or: 1', { or: 1 }, true],
  ['a: 1 and not: 2', { a: 1, not: 2 }, true],
  ['a: x or or b', { a: 'x' }, true],
  ['a: (x or or b)', { a: 'or b' }, true],
  ['a: x\nAND\tb: y', { a: 'x', b: 'y' }, true],
  ['a:x and\u00a0b:y', { a: 'x', b: 'y' }, true],
  ['NOT(a: x)', { a: 'y' }, true],
  ['a: not x', { a: 'y' }, true],
  ['a: not x', { a: 'x' }, false],
  ['a: (not (x or y) and z)', { a: 'z' }, true],
  ['a: (not (x or y) and z)', { a: ['z', 'y'] }, false],
  ['a: foo not bar', {}, 'QUERY_SYNTAX'],
  ['a: x or ', {}, 'QUERY_SYNTAX'],
  ['a: (x and not )', {}, 'QUERY_SYNTAX'],
  ['a:(foo (bar))', {}, 'QUERY_SYNTAX'],
  ['a: "foo "bar""', {}, 'QUERY_SYNTAX'],
  [': x', {}, 'QUERY_SYNTAX'],
  ['< 1000', {}, 'QUERY_SYNTAX'],
  ['a { b: c }', {}, 'QUERY_SYNTAX'],
  ['a: { }', {}, 'QUERY_SYNTAX'],
  ['a: ()', {}, 'QUERY_SYNTAX'],
])

cases('escapes', [
  ['a: foo\\(bar\\)\\{\\}\\<\\>\\"', { a: 'foo(bar){}<>"' }, true],
  ['a: x\\t\\r\\n\\u00E9\\u00e9', { a: 'x\t\r\n\u00e9\u00e9' }, true],
  ['a: "x\\t\\r\\n\\u00E9\\"\\\\"', { a: 'x\t\r\n\u00e9"\\' }, true],
  ['a: "\\(\\:"', { a: '\\(\\:' }, true],
  ['a: "C:\\Windows"', { a: 'C:\\Windows' }, true],
  ['a: C\\:\\\\Windows', { a: 'C:\\Windows' }, true],
  ['a: \\*', { a: '*' }, true],
  ['a: \\*', { a: 'x' }, false],
  ['a: x\\*y*', { a: 'x*yz' }, true],
  ['a: x\\*y*', { a: 'xzyz' }, false],
  ['a: "*"', { a: 'x' }, false],
  ['a: \\AND', { a: 'AND' }, true],
  ['a\\:b: c', { 'a:b': 'c' }, true],
  ['a: wh?t', { a: 'what' }, false],
  ['a: wh?t', { a: 'wh?t' }, true],
  ["a: it's", { a: "it's" }, true],
  ['a: foo\\qbar', {}, 'QUERY_SYNTAX'],
  ['a: C:\\Windows', {}, 'QUERY_SYNTAX'],
  ['a: \\u12', {}, 'QUERY_SYNTAX'],
])

cases('numbers and booleans', [
  ['a: 1e3', { a: 1000 }, true],
  ['a: 1.0', { a: 1 }, true],
  ['a: "1.0"', { a: 1 }, true],
  ['a: 1', { a: '1' }, true],
  ['a: 1', { a: '1.0' }, false],
  ['a: 1.10', { a: '1.10' }, true],
  ['a: 1.10', { a: '1.1' }, false],
  ['a: 1.10', { a: ['1.1', 5] }, false],
  ['a: 1.10', { a: 1.1 }, true],
  ['a: 007', { a: 7 }, true],
  ['a: 007', { a: '7' }, false],
  ['a: .5', { a: 0.5 }, true],
  ['a: +5', { a: 5 }, true],
  ['a: -5', { a: -5 }, true],
  ['a: -0', { a: 0 }, true],
  ['a: -5', { a: 5 }, false],
  ['a: 0x10', { a: 16 }, false],
  ['a: 0x10', { a: '0x10' }, true],
  ['a: 4*', { a: 404 }, true],
  ['a >= -5 and a < .5', { a: 0 }, true],
  ['a > 1e3', { a: 1001 }, true],
  ['a: true', { a: true }, true],
  ['a: "true"', { a: true }, true],
  ['a: TRUE', { a: true }, false],
  ['a: true', { a: 1 }, false],
  ['a: (false and true)', { a: [true, false] }, true],
  ['a: (1 and 2)', { a: [1, 2, 3] }, true],
  ['a: (not 1)', { a: [1, 2, 3] }, false],
  ['a: 400 401 404', { a: 402 }, false],
  ['a: "400 401"', { a: 400 }, false],
])

cases('nothing, empty text, and what is there', [
  ['a: ""', { a: '' }, true],
  ['a: ""', { a: 'x' }, false],
  ['a: *', { a: '' }, true],
  ['a: *', { a: null }, false],
  ['a: *', { a: [] }, false],
  ['a: *', { a: [null] }, false],
  ['a: *', { a: [null, 0] }, true],
  ['a: *', { a: false }, true],
  ['a: *', { a: { b: 1 } }, true],
  ['a: *', { a: {} }, false],
  ['a: *', { a: [{ b: null }, { c: [] }] }, false],
  ['a: *', { a: [{ b: null }, { c: [{ d: '' }] }] }, true],
  ['not a: *', { a: { b: {} } }, true],
  ['a: **', { a: 'x' }, true],
  ['not a: *', { a: null }, true],
  ['message: ""', { message: 'x' }, false],
  ['message: "!?"', { message: 'what!?' }, false],
  ['"!?"', { m: 'what!?' }, false],
  ['"!?"', { m: '!?' }, true],
  ['(*:*)', {}, true],
  ['not *', {}, false],
  ['a*: *', { ab: { c: 0 } }, true],
  ['*_field: *', { text_field: 'x' }, true],
  ['a\\*: x', { 'a*': 'x' }, true],
  ['a\\*: x', { ab: 'x' }, false],
  ['"a*": x', { ab: 'x' }, false],
])

cases('the words of text', [
  ['message: 10.0.0.1', { message: 'from 10.0.0.2' }, false],
  ['message: 10.0.0.1', { message: 'from 10.0.0.1: refused' }, true],
  ['message: 0.0.1', { message: 'from 10.0.0.1' }, false],
  ['message: ntp', { message: 'asks pool.ntp.org.' }, false],
  ['message: pool.ntp.org', { message: 'asks pool.ntp.org.' }, true],
  ['message: "asks pool.ntp.org"', { message: 'Asks (pool.ntp.org)' }, true],
  ['message: "a.b c"', { message: 'x a.b, c' }, true],
  ['message: "a b"', { message: 'a.b' }, false],
  ['message: "a b"', { message: 'a. b' }, true],
  ['message: user', { message: 'root.user' }, false],
  ['message: user', { message: '(user)' }, true],
  ['message: user', { message: "user's" }, false],
  ["message: user's", { message: 'user’s' }, false],
  ['message: v1.2', { message: 'firmware v1.2.' }, true],
  ['message: v1', { message: 'firmware v1.2' }, false],
  ['message: *.exe', { message: 'ran cmd.exe today' }, true],
  ['message: *.exe', { message: 'ran cmd.exes' }, false],
  ['message: cmd*', { message: 'ran CMD.exe' }, true],
  ['message: c*d', { message: 'ran cmd' }, true],
  ['message: c*d', { message: 'ran c d' }, false],
  ['message: quick bro*', { message: 'brown' }, true],
  ['message: quick bro*', { message: 'so quick' }, true],
  ['message: quick bro*', { message: 'slow' }, false],
  ['message: foo/bar', { message: 'a bar' }, true],
  ['message: "foo/bar"', { message: 'a bar' }, false],
  ['message: été', { message: 'en Été 2021' }, true],
  ['mess*: fail', { message: 'did FAIL' }, true],
  ['mess*ssage: fail', { message: 'did FAIL' }, false],
  ['3.5', { n: 5 }, false],
  ['3.5', { n: 3.5 }, true],
  ['foo bar', { a: { b: ['x', 'bar'] } }, true],
  ['ba*', { a: 'foo bar' }, true],
  ['*ar', { a: 'foo bar' }, true],
  ['*/tmp*', { a: '/x/tmp/y' }, true],
  ['not "missing"', { a: 'x' }, true],
])

cases('addresses', [
  ['source.ip: 10.0.0.0/8', { source: { ip: ['192.168.0.1', '10.2.3.4'] } }, true],
  ['source.ip: "10.0.0.0/8"', { source: { ip: '10.2.3.4' } }, true],
  ['source.ip: (10.0.0.0/8 and not 10.1.0.0/16)', { source: { ip: '10.1.2.3' } }, false],
  ['source.ip: "2001:db8::/32"', { source: { ip: '2001:db8:1::1' } }, true],
  ['source.ip: 2001\\:db8\\:\\:/32', { source: { ip: '2001:db8:1::1' } }, true],
  ['source.ip: "2001:0db8::1"', { source: { ip: '2001:db8::1' } }, true],
  ['source.ip >= 10.0.0.9 and source.ip < 10.0.0.20', { source: { ip: '10.0.0.10' } }, true],
  ['*.ip: 10.0.0.0/8', { source: { ip: '10.2.3.4' } }, true],
  ['a: 10.0.0.0/33', { a: '10.0.0.1' }, false],
  ['a: and/or', { a: 'and/or' }, true],
])

test('searches for very many words', () => {
  const words = (count: number) => Array.from({ length: count }, (_, at) => `w${at}`).join(' ')
  expect(finds(`message: ${words(20_000)}`, { message: 'a w19999' })).toBe(true)
  expect(finds(words(20_001), { message: 'a w7' })).toBe('QUERY_TOO_LARGE')
  expect(finds(`message: "${words(300)}"`, { message: words(301) })).toBe(true)
})

const t = (time: unknown) => ({ '@timestamp': time })
cases('times', [
  ['@timestamp: 2010-03-06', t('2010-03-06T14:15:00'), true],
  ['@timestamp: "2010-03-06T14:15:00"', t('2010-03-06T14:15:00.500Z'), true],
  ['@timestamp: "2010-03-06T14"', t('2010-03-06T14:59:00Z'), true],
  ['@timestamp: "2010-03-06T14:15:00+01:00"', t('2010-03-06T13:15:00Z'), true],
  ['@timestamp: "2010-03-06"', t(['2010-03-05T00:00:00Z', '2010-03-07T00:00:00Z']), false],
  ['date_field < 2018-03-28', { date_field: '2010-03-06T14:15:00' }, true],
  ['date_field > 2010-03-06', { date_field: '2010-03-06T14:15:00' }, false],
  ['event.start < "2021"', { event: { start: '2020-12-31T00:00:00Z' } }, true],
  ['tls.server.not_after < now', { tls: { server: { not_after: '2021-01-01T00:00:00Z' } } }, true],
  ['http.response.time > 2000', { http: { response: { time: 2500 } } }, true],
  ['http.response.time > 2000', { http: { response: { time: 1500 } } }, false],
  ['@timestamp >= now-d', t('2021-01-09T12:00:00Z'), true],
  ['@timestamp > now/d+1h', t('2021-01-11T00:30:00Z'), false],
  ['@timestamp > now/d+1h', t('2021-01-11T01:00:00Z'), true],
  ['@timestamp: now/1d', t('2021-01-10T23:00:00Z'), true],
  ['@timestamp > 2022-02-17||+1M', t('2022-03-17T00:00:01Z'), true],
  ['@timestamp > 1610236800000', t('2021-01-10T00:00:01Z'), true],
  ['a: now', { a: 'now' }, true],
  ['a: now-playing', { a: 'now-playing' }, true],
  ['@timestamp < now-99999999999y', t('2021-01-10T00:00:01Z'), 'QUERY_INVALID'],
])

const STAFF = {
  courses: [
    { name: 'oop', credits: 3, sessions: [{ semester: 's', students: 37 }, { semester: 'f' }] },
    { name: 'theory', credits: 4, sessions: [{ semester: 's', students: 19 }] },
  ],
}
cases('nested groups', [
  ['courses: { name: oop and credits > 3 }', STAFF, false],
  ['courses: { name: oop and credits >= 3 }', STAFF, true],
  ['courses: { not name: oop and credits < 4 }', STAFF, false],
  ['courses: { not name: oop and credits < 5 }', STAFF, true],
  ['not courses: { name: oop and credits > 3 }', STAFF, true],
  ['courses: { name: theory and sessions: { semester: s and students < 20 } }', STAFF, true],
  ['courses: { name: oop and sessions: { semester: s and students < 20 } }', STAFF, false],
  ['courses: { sessions.students < 20 and name: theory }', STAFF, true],
  ['courses.sessions: { semester: f and students: * }', STAFF, false],
  ['courses: { na*: theory }', STAFF, true],
  ['courses: { theory }', STAFF, true],
  ['courses: { theory and credits: 3 }', STAFF, false],
  ['courses : { name:(oop or x) }', STAFF, true],
  ['courses.name: oop and courses.credits: 4', STAFF, true],
  ['a: { b: 1 }', { a: { b: 1 } }, true],
  ['a: { b: 1 }', { a: 1 }, false],
  ['a: { b: { c: 1 } }', { a: [{ b: [{ c: [1] }] }] }, true],
  ['a*: { b: 1 }', {}, 'QUERY_INVALID'],
])

cases('order of text', [
  ['a < foo baz', { a: 'foo bar' }, true],
  ['a <= "foo baz"', { a: 'foo baz' }, true],
  ['a > b', { a: 'B' }, false],
  ['a > b', { a: 5 }, false],
  ['a < 20 and a > 10', { a: [5, 30] }, true],
  ['a* > 5', { ab: 6 }, true],
  ['a > b*', {}, 'QUERY_INVALID'],
])
