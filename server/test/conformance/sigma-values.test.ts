import { describe, expect, test } from 'vitest'
import { itemMatches, lower, problemsOf, ruleOf } from './sigma.ts'

const b64 = (text: string): string => Buffer.from(text).toString('base64')
const utf16 = (text: string): Buffer => Buffer.from(text, 'utf16le')

describe('plain values', () => {
  test.each<[string, unknown, boolean]>([
    ['f: Admin', 'aDMIN', true],
    ['f: Admin', 'admin2', false],
    ['f: "adm*"', 'ADMINISTRATOR', true],
    ['f: "*min"', 'administrator', false],
    ['f: "a?min"', 'admin', true],
    ['f: "a?min"', 'amin', false],
    ['f: "*a*b?"', 'xxaxbx', true],
    ['f: "*"', '', true],
    ['f: "*"', undefined, false],
    ["f: ''", '', true],
    ["f: ''", 'x', false],
    ['f: null', undefined, true],
    ['f: null', null, true],
    ['f: null', '', false],
    ['f: []', undefined, true],
    ['f: 4624', 4624, true],
    ['f: 4624', '4624', true],
    ["f: '4624'", 4624, true],
    ['f: 9007199254740993', '9007199254740993', true],
    ['f: 9007199254740993', '9007199254740992', false],
    ['f: .inf', '.inf', true],
    ['f: .nan', 'x', false],
    ['f: 1e400', '1e400', true],
    ["f: 'true'", true, true],
    ['f: true', 'True', true],
    ['f: [a, b]', 'B', true],
    ['f: [a, b]', ['x', 'b'], true],
    ['f: [1, two]', 'two', true],
  ])('%s on %j is %s', (item, value, expected) => {
    expect(itemMatches(item, value === undefined ? {} : { f: value })).toBe(expected)
  })

  // The table of the specification, section "Escape Character".
  test.each<[string, string, boolean]>([
    [String.raw`C:\Windows`, String.raw`C:\Windows`, true],
    [String.raw`C:\\Windows`, String.raw`C:\Windows`, true],
    [String.raw`\*`, '*', true],
    [String.raw`\*`, 'x', false],
    [String.raw`\?`, '?', true],
    [String.raw`\\*`, String.raw`\anything`, true],
    [String.raw`\\*`, 'anything', false],
    [String.raw`\\\*`, String.raw`\*`, true],
    [String.raw`\\\*`, String.raw`\x`, false],
    [String.raw`\\\\`, String.raw`\\`, true],
    [String.raw`\\\a`, String.raw`\\a`, true],
    [String.raw`a\b*`, String.raw`A\Bc`, true],
    [String.raw`ends\\`, 'ends\\', true],
  ])('the text %s on %s is %s', (text, value, expected) => {
    expect(itemMatches(`f: '${text}'`, { f: value })).toBe(expected)
  })
})

test.each(['.inf', '-.inf', '.nan', '1e400', "'1e400'"])('nothing is compared with %s', (bound) => {
  const lowered = lower(ruleOf(`sel:\n  f|lt: ${bound}\ncondition: sel`))
  expect(lowered.matches).toEqual([])
  expect(problemsOf(lowered).join()).toContain('takes a number or a time')
})

test('rules whose numbers no computer holds are still told apart by their hash', () => {
  const hashes = ['.inf', '-.inf', '.nan', '1e400'].map((value) => {
    return lower(ruleOf(`sel:\n  f: ${value}\ncondition: sel`)).matches[0]?.meta.hash
  })
  expect(new Set(hashes).size).toBe(4)
})

describe('modifiers', () => {
  test.each<[string, unknown, boolean]>([
    ['f|contains: min', 'ADMIN!', true],
    ['f|contains: 46', 4624, true],
    ['f|contains: "a*c"', 'xxabcxx', true],
    ['f|startswith: adm', 'Administrator', true],
    ['f|startswith: min', 'admin', false],
    ['f|endswith: min', 'ADMIN', true],
    [String.raw`f|endswith: '\cmd.exe'`, String.raw`C:\CMD.EXE`, true],
    ['f|contains|all: [a, b]', 'xbxax', true],
    ['f|contains|all: [a, b]', 'xax', false],
    ['f|cased: Admin', 'admin', false],
    ['f|contains|cased: Min', 'adMin', true],
    ['f|re: "^a.c$"', 'abc', true],
    ['f|re: "^a.c$"', 'ABC', false],
    ['f|re: "b+"', 'abbc', true],
    ['f|re|i: "^a.c$"', 'ABC', true],
    ['f|re|m: "^b$"', 'a\nb', true],
    ['f|re|s: "a.b"', 'a\nb', true],
    [String.raw`f|re: '\\d\*'`, String.raw`\d*`, true],
    ['f|cidr: 192.168.0.0/16', '192.168.7.9', true],
    ['f|cidr: 192.168.0.0/16', '192.169.0.1', false],
    ['f|cidr: [10.0.0.0/8, "2001:db8::/32"]', '2001:db8::1', true],
    ['f|cidr: 10.1.2.3', '10.1.2.3', true],
    ['f|exists: true', '', true],
    ['f|exists: true', null, true],
    ['f|exists: true', undefined, false],
    ['f|exists: false', undefined, true],
    ['f|gt: 5', 6, true],
    ['f|gt: 5', 5, false],
    ['f|gte: 5', '5', true],
    ['f|lt: 5', 4.5, true],
    ['f|lte: 5', 5.5, false],
    ['f|neq: a', 'b', true],
    ['f|neq: [a, b]', 'b', false],
    ['f|contains|neq: a', 'xax', false],
    ['f|neq: a', undefined, true],
    ['f|windash: "cmd -x"', 'cmd /x', true],
    ['f|windash|contains: " -e"', 'x \u2013e', true],
    ['f|contains|windash: " /e-f"', 'x -e-f', true],
    ['f|windash: "a -x"', 'a \u2013x', true],
    ['f|windash: "a-b -x"', 'a/b -x', false],
    ['f|base64: foobar', b64('foobar'), true],
    ['f|wide|base64: cmd', utf16('cmd').toString('base64'), true],
    ['f|utf16le|base64: "zażółć"', utf16('zażółć').toString('base64'), true],
    [
      'f|utf16|base64: cmd',
      Buffer.concat([Buffer.of(255, 254), utf16('cmd')]).toString('base64'),
      true,
    ],
    ['f|utf16be|base64: cmd', Buffer.from('\0c\0m\0d').toString('base64'), true],
    ['f|base64offset|contains: "/bin/sh"', b64('x/bin/sh -c'), true],
    ['f|base64offset|contains: "/bin/sh"', b64('xy/bin/sh -c'), true],
    ['f|base64offset|contains: "/bin/sh"', b64('xyz/bin/sh'), true],
    ['f|base64offset|contains: "/bin/sh"', b64('xyz/bin/zsh'), false],
    ['f|wide|base64offset|contains: ping', b64(`a${utf16('ping').toString('latin1')}b`), true],
    ['f|re|startswith: "b+"', 'bba', true],
    ['f|re|startswith: "b+"', 'abba', false],
    ['f|re|startswith: "a|b"', 'xb', false],
    ['f|re|endswith: "b+"', 'abb', true],
    ['f|re|endswith: "b+"', 'abba', false],
    ['f|re|contains: "b+"', 'abba', true],
    ['f|hour|gte: 22', '2026-05-04T23:59:59Z', true],
    ['f|hour|gte: 22', '2026-05-04T21:59:59Z', false],
    ['f|hour|lt: 6', '2026-05-04T05:59:59Z', true],
    ['f|hour|lt: 6', '2026-05-04T06:00:00Z', false],
    ['f|minute|gt: 57', '2026-05-04T06:58:00Z', true],
    ['f|day|lte: 4', '2026-05-04T06:58:00Z', true],
    ['f|hour: 13', '2026-05-04T13:59:59Z', true],
    ['f|minute: 59', '2026-05-04T13:59:59Z', true],
    ['f|day: 4', '2026-05-04 13:59:59', true],
    ['f|week: 19', '2026-05-04T13:59:59Z', true],
    ['f|month: 5', '2026-05-04T13:59:59Z', true],
    ['f|year: 2026', 1_777_777_777_000, true],
  ])('%s on %j is %s', (item, value, expected) => {
    expect(itemMatches(item, value === undefined ? {} : { f: value })).toBe(expected)
  })

  test('a reference compares two fields of the event', () => {
    expect(itemMatches('f|fieldref: g', { f: 'X', g: 'x' })).toBe(true)
    expect(itemMatches('f|fieldref: g', { f: 'x' })).toBe(false)
    expect(itemMatches('f|fieldref|neq: g', { f: 'x', g: 'y' })).toBe(true)
    expect(itemMatches('f|fieldref|endswith: g', { f: 'device-7', g: '7' })).toBe(true)
    expect(itemMatches('f|fieldref|startswith: g', { f: '7-device', g: '7' })).toBe(true)
  })

  test.each<[string, string]>([
    ['f|contain: a', 'RULE_MODIFIER 7:5 There is no modifier "contain".'],
    ['f|gt: abc', 'RULE_MODIFIER 7:11 The modifier "gt" takes a number or a time.'],
    ['f|cidr: 10.0.0.0/99', 'RULE_MODIFIER 7:13'],
    ['f|exists: maybe', 'RULE_MODIFIER 7:15 The modifier "exists" takes true or false.'],
    ['f|base64: "a*"', 'RULE_MODIFIER 7:15'],
    ['f|contains|re: a', 'RULE_MODIFIER 7:20'],
    ['f|i: a', 'RULE_MODIFIER 7:10 The modifier "i" stands after `re`.'],
    ['f|re: "(a"', 'RULE_REGEX 7:11'],
    ['f|re: "(?=a)"', 'RULE_REGEX 7:11'],
    ['f|hour: 24', 'RULE_MODIFIER 7:13'],
    ['f|hour|gt: 23', 'RULE_MODIFIER 7:16'],
    ['f|expand: "%who%"', 'RULE_PLACEHOLDER 7:5 The placeholder %who% has no values.'],
    ['f: {a: b}', 'RULE_INVALID 7:8 f holds a map'],
    ['f|windash: "-a -b -c -d -e -f"', 'RULE_MODIFIER 7:16'],
  ])('%s is refused', (item, expected) => {
    const lowered = lower(ruleOf(`sel:\n  ${item}\ncondition: sel`))
    expect(lowered.matches).toEqual([])
    expect(problemsOf(lowered)[0]).toContain(expected)
  })

  test('a regular expression that backtracking engines choke on runs in linear time', () => {
    expect(itemMatches('f|re: "^(a+)+$"', { f: `${'a'.repeat(50_000)}!` })).toBe(false)
  })
})
