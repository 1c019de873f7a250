import { describe, expect, test } from 'vitest'
import { compileEql } from './compile.ts'
import type { EcsDoc } from '../../model/event.ts'
import { interpret } from '../../rule/interpret.ts'

/** Whether the query finds an event; the problem's code where it does not compile. */
function finds(query: string, doc: EcsDoc): boolean | string {
  const compiled = compileEql(query)
  if (!compiled.ok) return compiled.problem.code
  const [rule] = compiled.value.matches
  return rule !== undefined && interpret(rule.condition, doc)
}

function holds(condition: string, doc: EcsDoc): boolean | string {
  return finds(`any where ${condition}`, doc)
}

const PROCESS = {
  event: { category: ['process'], type: 'start' },
  process: { name: 'regsvr32.exe', args_count: 4, command_line: 'start regsvr32.exe', pid: 10 },
  file: { path: 'C:\\Windows\\System32\\cmd.exe' },
  user: { name: 'Root' },
  source: { address: '192.168.152.12' },
  url: { domain: 'subdomain.example.com' },
  tags: ['Alpha', 'beta', 'c3'],
  flags: { on: true, off: false },
  'my-field': 'hyphen',
  'my`field': 'tick',
  empty: '',
  nothing: null,
}

describe('event queries', () => {
  test.each([
    ['process where true', true],
    ['network where true', false],
    ['any where true', true],
    ['any where false', false],
    ['"process" where true', true],
    ['"""process""" where true', true],
    ['Process where true', false],
    ['process where process.name == "regsvr32.exe"', true],
    ['process where process.name == "REGSVR32.exe"', false],
    ['process where process.name != "REGSVR32.exe"', true],
    ['process where process.name : "REGSVR32.EXE"', true],
    ['process where process.name : "reg*.exe"', true],
    ['process where process.name == "reg*.exe"', false],
    ['process where process.name : "regsvr3?.exe"', true],
    ['process where process.name : "regsvr?.exe"', false],
    ['process where process.name : ("x", "REG*")', true],
    ['process where process.name like "reg*"', true],
    ['process where process.name like "Reg*"', false],
    ['process where process.name like~ ("Reg*", "x")', true],
    ['process where process.name regex "reg[a-z]{3}32\\\\.exe"', true],
    ['process where process.name regex "reg"', false],
    ['process where process.name regex~ "REG.*"', true],
    ['process where process.name in ("a", "regsvr32.exe")', true],
    ['process where process.name in ("a", "REGSVR32.exe")', false],
    ['process where process.name in~ ("a", "REGSVR32.exe")', true],
    ['process where process.name in~ ("reg*")', false],
    ['process where process.name not in ("a", "b")', true],
    ['process where process.name not in~ ("REGSVR32.exe")', false],
    ['process where process.args_count == 4 and process.pid >= 10', true],
    ['process where 5 > process.args_count', true],
    ['process where process.args_count < 4.5 and process.args_count >= 3.1', true],
    ['process where (4 / process.args_count) == 1', true],
    ['process where (5 / process.args_count) == 1', true],
    ['process where (5.0 / process.args_count) == 1', false],
    ['process where process.args_count % 3 == 1', true],
    ['process where -process.args_count + 100 == 96', true],
    ['process where process.args_count + 2 * 3 == 10', true],
    ['process where process.pid - 1 - 1 == 8', true],
    ['process where `my-field` == "hyphen"', true],
    ['process where `my``field` == "tick"', true],
    ['process where process . `name` : "reg*" and ? user. name == "Root"', true],
    ['process where flags.on and not flags.off', true],
    ['process where flags.on == true', true],
    ['process where flags.off', false],
    ['process where ?flags.none', false],
    ['any where process.name : "x" or flags.on and flags.off', false],
    ['any where not flags.off and flags.on', true],
    ['any where not (flags.off or flags.on)', false],
    ['any where user.name == "Root" // a remark', true],
    ['any /* a\n remark */ where user.name == "Root"', true],
  ])('%s: %s', (query, expected) => {
    expect(finds(query, PROCESS)).toBe(expected)
  })

  test.each([
    ['"a\\tb\\nc\\"d\\\\e"', 'a\tb\nc"d\\e'],
    ['"\\u{41}\\u{0001F4A9}\\u{200f}"', 'A\u{1f4a9}\u200f'],
    ['"""raw "quoted" \\n"""', 'raw "quoted" \\n'],
    ['""""start"""', '"start'],
    ['"""end""""', 'end"'],
    ['""', ''],
  ])('the string %s', (written, value) => {
    expect(holds(`a == ${written}`, { a: value })).toBe(true)
  })
})

describe('null', () => {
  test.each([
    ['process.name != null', true],
    ['process.name == null', false],
    ['no.such == null', true],
    ['?no.such != null', false],
    ['null == no.such', true],
    ['empty != null', true],
    ['nothing == null', true],
    ['null == null', true],
    ['null != null', false],
    ['"a" == null', false],
    ['no.such == "a"', false],
    ['no.such != "a"', false],
    ['not (no.such == "a")', false],
    ['not (no.such : "a*")', false],
    ['not no.such > 1', false],
    ['no.such not in ("a")', false],
    ['not (no.such == "a" and process.pid == 11)', true],
    ['not (no.such == "a" or process.pid == 11)', false],
    ['no.such == "a" or process.pid == 10', true],
    ['null == (no.such > 1)', true],
    ['null == (process.pid > 1)', false],
    ['not length(no.such) > 1', false],
    ['length(no.such) == null', true],
    ['concat(process.name, null) == null', true],
    ['not startsWith(no.such, "a")', false],
    ['startsWith(process.name, null) == null', true],
    ['?no.such == ?nor.this', true],
    ['?no.such == process.name', false],
  ])('%s: %s', (condition, expected) => {
    expect(holds(condition, PROCESS)).toBe(expected)
  })
})

describe('fields with several values', () => {
  test.each([
    ['tags == "beta"', true],
    ['tags != "beta"', false],
    ['tags != "delta"', true],
    ['not tags : "alpha"', false],
    ['tags : ("x", "ALPHA")', true],
    ['length(tags) == 5', true],
    ['not (length(tags) == 5)', false],
    ['length(tags) == 4 and length(tags) == 5', true],
    ['concat(tags, "/", tags) == "beta/beta"', true],
    ['concat(tags, "/", tags) == "beta/c3"', false],
    ['tags == null', false],
  ])('%s: %s', (condition, expected) => {
    expect(holds(condition, PROCESS)).toBe(expected)
  })
})

describe('functions, as documented', () => {
  test.each([
    ['add(4, 0.5) == 4.5'],
    ['add(process.args_count, 5) == 9'],
    ['add(null, 4) == null'],
    ['between(file.path, "System32\\\\", ".exe") == "cmd"'],
    ['between(file.path, "system32\\\\", ".exe") == ""'],
    ['between~(file.path, "system32\\\\", ".exe") == "cmd"'],
    ['between(file.path, "\\\\", "\\\\", false) == "Windows"'],
    ['between(file.path, "\\\\", "\\\\", true) == "Windows\\\\System32"'],
    ['between("", "a", "b") == ""'],
    ['cidrMatch(source.address, "192.168.0.0/16")'],
    ['cidrMatch(source.address, "10.0.0.0/8", "192.168.0.0/16")'],
    ['not cidrMatch(source.address, "10.0.0.0/8", "10.128.0.0/9")'],
    ['cidrMatch(source.address, "192.168.152.99/16")'],
    ['cidrMatch(source.address, null) == null'],
    ['string(cidrMatch(source.address, "0.0.0.0/0")) == "true"'],
    ['concat(process.name, " ", process.args_count) == "regsvr32.exe 4"'],
    ['concat("regsvr32.exe", " ", 42.5) == "regsvr32.exe 42.5"'],
    ['concat("a", true) == "atrue"'],
    ['divide(4, 3) == 1'],
    ['divide(4, 0.5) == 8'],
    ['divide(-7, 2) == -3'],
    ['divide(4, 0) == null'],
    ['endsWith("regsvr32.exe", ".exe")'],
    ['not endsWith(process.name, ".EXE")'],
    ['endsWith~(process.name, ".EXE")'],
    ['endsWith("x regsvr32.exe", process.name)'],
    ['indexOf(url.domain, ".") == 9'],
    ['indexOf(url.domain, ".", 10) == 17'],
    ['indexOf(url.domain, ".", -6) == 9'],
    ['indexOf(url.domain, "D") == null'],
    ['indexOf~(url.domain, "D") == 3'],
    ['indexOf(url.domain, "", 9) == 9'],
    ['indexOf(url.domain, ".", 30) == null'],
    ['length("start explorer.exe") == 18'],
    ['length("") == 0'],
    ['length(null) == null'],
    ['modulo(10, 0.5) == 0'],
    ['modulo(-10, -6) == -4'],
    ['modulo(process.pid, 6) == 4'],
    ['multiply(0.25, 2) == 0.5'],
    ['number("0xdeadbeef", 16) == 3735928559'],
    ['number("deadbeef", 16) == 3735928559'],
    ['number("  1337  ") == 1337'],
    ['number("-1337", null) == -1337'],
    ['number("42.5") == 42.5'],
    ['number("cow") == null'],
    ['startsWith(process.name, "regsvr32")'],
    ['not startsWith(process.name, "Regsvr32")'],
    ['startsWith~(process.name, "Regsvr32")'],
    ['string(42.5) == "42.5"'],
    ['string(process.args_count) : "4"'],
    ['stringContains(process.command_line, "start ")'],
    ['not stringContains(process.command_line, "")'],
    ['stringContains~(process.command_line, "REGSVR")'],
    ['substring("start regsvr32.exe", 6) == "regsvr32.exe"'],
    ['substring("start regsvr32.exe", 0, 5) == "start"'],
    ['substring("start regsvr32.exe", -4, -1) == ".ex"'],
    ['substring(process.name, 50) == ""'],
    ['subtract(10.5, 0.5) == 10'],
    ['CIDRMATCH(source.address, "192.168.0.0/16") and STARTSWITH(process.name, "reg")'],
  ])('%s', (condition) => {
    expect(holds(condition, PROCESS)).toBe(true)
  })
})

describe('times', () => {
  const at = (time: unknown) => ({ '@timestamp': time })

  test.each([
    ['@timestamp == "2017-08-30T20:47:33Z"', '2017-08-30T20:47:33.000Z', true],
    ['@timestamp == "2017-08-30T20:47:33Z"', 1_504_126_053_000, true],
    ['@timestamp < "2017-08-30T20:47:33Z"', 1_504_126_052, true],
    ['@timestamp > 1504126053000', '2017-08-30T20:47:34Z', true],
    ['not @timestamp > 1504126053000', '2017-08-30T20:47:34Z', false],
    ['@timestamp in ("2017-08-30T20:47:33Z")', '2017-08-30T22:47:33+02:00', true],
  ])('%s at %j: %s', (condition, time, expected) => {
    expect(holds(condition, at(time))).toBe(expected)
  })
})

describe('what is refused', () => {
  test.each([
    ['process where foo = 1', 'QUERY_SYNTAX', 1, 19],
    ["process where foo == 'x'", 'QUERY_SYNTAX', 1, 22],
    ['process where foo == ?"x"', 'QUERY_SYNTAX', 1, 22],
    ['process where a < b <= c', 'QUERY_SYNTAX', 1, 21],
    ['process where\n  a AND b', 'QUERY_SYNTAX', 2, 5],
    ['`process` where true', 'QUERY_SYNTAX', 1, 1],
    ['process where a in ()', 'QUERY_SYNTAX', 1, 21],
    ['process where lenght(a) > 1', 'QUERY_INVALID', 1, 15],
    ['process where length(a, b) > 1', 'QUERY_INVALID', 1, 15],
    ['process where length~(a) > 1', 'QUERY_INVALID', 1, 15],
    ['process where "text"', 'QUERY_INVALID', 1, 15],
    ['process where a == "\\u{d800}"', 'QUERY_SYNTAX', 1, 22],
    ['process where a == "\\u{1}"', 'QUERY_SYNTAX', 1, 22],
    ['process where a == b', 'QUERY_UNSUPPORTED', 1, 15],
    ['process where a in (b)', 'QUERY_UNSUPPORTED', 1, 21],
    ['process where a[0] == 1', 'QUERY_UNSUPPORTED', 1, 15],
    ['process where child of [process where true]', 'QUERY_UNSUPPORTED', 1, 15],
    ['join by a [any where true] [any where true]', 'QUERY_UNSUPPORTED', 1, 1],
    ['process where true | unique a', 'QUERY_UNSUPPORTED', 1, 22],
    ['process where true | haed 1', 'QUERY_INVALID', 1, 22],
    ['process where true | head', 'QUERY_INVALID', 1, 22],
    ['process where true | head -1', 'QUERY_INVALID', 1, 27],
    ['sequence [any where true]', 'QUERY_INVALID', 1, 1],
    ['sequence by a [any where true] by b [any where true]', 'QUERY_INVALID', 1, 37],
    ['sequence [any where true] ![any where true]', 'QUERY_INVALID', 1, 1],
    ['sequence with maxspan=5s ![any where true] ![any where true]', 'QUERY_INVALID', 1, 1],
    ['sequence with maxspan=5 [any where true] [any where true]', 'QUERY_INVALID', 1, 10],
    ['sequence with maxspan=5y [any where true] [any where true]', 'QUERY_INVALID', 1, 10],
    ['sequence with maxspan=0s [any where true] [any where true]', 'QUERY_INVALID', 1, 10],
    ['sequence with maxspan=0.5s [any where true] [any where true]', 'QUERY_INVALID', 1, 10],
    ['sequence with maxspan=5s by a [any where true] [any where true]', 'QUERY_INVALID', 1, 1],
    ['sequence [any where true] with runs=101 [any where true]', 'QUERY_INVALID', 1, 27],
    ['sequence by length(a) [any where true] [any where true]', 'QUERY_UNSUPPORTED', 1, 13],
    ['sample [any where true] [any where true]', 'QUERY_INVALID', 1, 1],
    ['sample by a [any where true] ![any where true]', 'QUERY_INVALID', 1, 30],
    ['any where a regex "("', 'QUERY_INVALID', 1, 19],
    ['any where cidrMatch(a, "10.0.0.0/40")', 'QUERY_INVALID', 1, 24],
  ])('%s: %s', (query, code, line, column) => {
    const compiled = compileEql(query)
    expect(compiled).toMatchObject({ ok: false, problem: { code, at: { line, column } } })
  })

  test.each([
    ['process where foo = 1', /==/],
    ["process where foo == 'x'", /double quotes/],
    ['process where a AND b', /“and”/],
    ['process where lenght(a) > 1', /“length”/],
    ['process where wildcard(a, "b*")', /like/],
    ['sequence with maxspan=5 [any where true] [any where true]', /5s/],
    ['process where true | haed 1', /“head”/],
  ])('%s, with a hint', (query, hint) => {
    const compiled = compileEql(query)
    expect(compiled.ok ? '' : compiled.problem.hint).toMatch(hint)
  })

  test('text too deep or too long, before it is parsed', () => {
    const deep = `any where ${'('.repeat(10_000)}true${')'.repeat(10_000)}`
    expect(compileEql(deep)).toMatchObject({ ok: false, problem: { code: 'QUERY_TOO_LARGE' } })
    const long = `any where a == "${'x'.repeat(5_000_000)}"`
    expect(compileEql(long)).toMatchObject({ ok: false, problem: { code: 'QUERY_TOO_LARGE' } })
    let truths = 'a == 1'
    for (let count = 0; count < 30; count++) truths = `string(${truths}) in ("true")`
    expect(compileEql(`any where ${truths}`)).toMatchObject({
      ok: false,
      problem: { code: 'QUERY_TOO_LARGE', at: { line: 1 } },
    })
    const nulls = `${'('.repeat(200)}a == 1${') == null'.repeat(200)}`
    expect(holds(nulls, {})).toBe(false)
    const brackets = `any where a == "${'('.repeat(10_000)}" /* ${'['.repeat(10_000)} */`
    expect(compileEql(brackets).ok).toBe(true)
  })

  test('large and deep queries within the limits', () => {
    const list = Array.from({ length: 40_000 }, (_, at) => `"value number ${at}"`).join(', ')
    expect(holds(`a in (${list})`, { a: 'value number 39999' })).toBe(true)
    const chain = Array.from({ length: 20_000 }, (_, at) => `a == ${at}`).join(' or ')
    expect(holds(chain, { a: 19_999 })).toBe(true)
    const nots = 'not '.repeat(20_001)
    expect(holds(`${nots} a == 1`, { a: 2 })).toBe(true)
    const nested = `${'('.repeat(200)}a == 1${')'.repeat(200)}`
    expect(holds(nested, { a: 1 })).toBe(true)
  })
})

describe('what cannot be meant, by the types that stand in the text, is refused', () => {
  test.each([
    'name : 5',
    'name : true',
    'name : (1, 2)',
    'length(name) : "5"',
    'cidrMatch(source.ip, "10.0.0.0/8") : "true"',
    'name regex 5',
    'length(5) == 1',
    'startsWith(name, 5)',
    'endsWith(5, "5")',
    'stringContains(name, 1)',
    'between(name, 1, 2) == "x"',
    'between(name, "s", "e", "true") == "x"',
    'indexOf(name, "x", "y") == 1',
    'indexOf(name, "x", 1.5) == 1',
    'substring(name, "a") == "x"',
    'add("a", 1) == 1',
    'number(5) == 5',
    'number(name, 1.0) == 1',
    'number(name, base) == 1',
    '"a" + 1 == 2',
    'not -"a" == 1',
    'true + 1 == 2',
    'concat(1 + "x") == "1"',
  ])('%s', (condition) => {
    expect(holds(condition, {})).toBe('QUERY_INVALID')
  })

  test.each([
    ['name like 5', { name: '5' }],
    ['string(name) : "5"', { name: 5 }],
    ['name : "5"', { name: 5 }],
    ['concat(name, 1, true) == "x1true"', { name: 'x' }],
    ['substring(name, 1 - 3) == "bc"', { name: 'abc' }],
    ['length(substring(name, 1)) + 0.5 == 2.5', { name: 'abc' }],
    ['add(null, 1) == null', {}],
    ['startsWith(name, null) == null', { name: 'x' }],
    ['number(name, null) == 5', { name: '5' }],
  ])('but not %s', (condition, doc) => {
    expect(holds(condition, doc)).toBe(true)
  })
})
