import { describe, expect, test } from 'vitest'
import { compileEql } from './compile.ts'

/** The problem of a query as `column message (hint)`. */
function problemOf(query: string): string {
  const compiled = compileEql(query)
  if (compiled.ok) return 'compiles'
  const { at, message, hint } = compiled.problem
  return `${at?.column} ${message} (${hint ?? ''})`
}

describe('what is malformed is told with its place and what may have been meant', () => {
  test.each([
    ['', 1, /a query is “category where/],
    ['42 where true', 1, /a query is “category where/],
    ["'process' where true", 1, /double quotes/],
    ['Sequence [a where true] [b where true]', 10, /did you mean “sequence”/],
    ['my-category where true', 3, /category that is no plain word is written in double/],
    ['sequence [a.b where true] [c where true]', 12, /written in double quotes/],
    ['process wher a == 1', 9, /did you mean “where”/],
    ['process where a ==', 19, /something is missing/],
    ['process where (a == 1', 22, /bracket is not closed/],
    ['process where a == 1)', 21, /closed that none opened/],
    ['process where a in ()', 21, /nothing between the brackets/],
    ['process where a in ("x",)', 25, /comma is followed by one more/],
    ['process where a in 5', 20, /a list is written in brackets/],
    ['sequence [any] [any]', 14, /something is missing before it/],
    ['process where a == "x', 20, /A string is not closed on its line/],
    ['process where a == "x\n"', 20, /A string is not closed on its line/],
    ['process where a == """x"', 20, /three double quotes is not closed/],
    ['"process where true', 1, /A string is not closed/],
    ['process where a == "b\\q"', 22, /no escape “\\q”.*write a backslash as \\\\/],
    ['process where a == "b\\u00e9"', 22, /Unicode escape is written \\u\{…\}/],
    ['process where a == "\\u{1}"', 22, /2 to 8 hexadecimal digits, found 1/],
    ['process where `a == 1', 15, /name in backticks is not closed/],
    ['process where a` == 1', 16, /all of a name is written in backticks/],
    ['process where true /* x', 20, /A comment is not closed/],
    ['process where a = 1', 17, /equality is “==”/],
    ['process where a == b == c', 22, /comparisons cannot be chained/],
    ['process where a <> 1', 18, /inequality is “!=”/],
    ['process where !a', 15, /write “not”/],
    ['process where a !: "x"', 17, /write “not field : value”/],
    ['process where a && b', 17, /“and”/],
    ['process where a || b', 18, /“or”/],
    ['process where a == 0x1f', 21, /number\("0x1f"\)/],
    ['process where 6a == 1', 16, /begins with a digit is written in backticks/],
    ['process where a : b', 19, /only constants can stand here/],
    ['process where a == TRUE', 15, /did you mean “true”/],
    ['process where a : 5', 19, /write “==”/],
    ['process where true;', 19, /ends without “;”/],
    ['sequence [a where true] as x [b where x.c == 1]', 25, /Elastic Endpoint/],
    ['process where arraySearch(a, $b, $b == 1)', 30, /Elastic Endpoint/],
    ['process where true |', 21, /Expected pipe/],
    ['process where length(a)', 15, /compare it with a value/],
    ['sequence any where true', 10, /stand in square brackets/],
    ['sequence with maxspan [a where true]', 10, /write “with maxspan=5m”/],
    ['sequence with maxspan=0.5s [a where true] [b where true]', 10, /found 0.5s.*“500ms”/],
    ['sequence with maxspan=1.5h [a where true] [b where true]', 10, /“90m”/],
    ['sequence with maxspan=0.5ms [a where true] [b where true]', 10, /take a smaller unit/],
    ['sequence with maxspan=150 hours [a where true] [b where true]', 10, /no unit of time/],
    [
      'sequence [a where true] [b where true] until [c where true] with runs=2',
      61,
      /takes one event/,
    ],
    ['sequence [a where true] with runs=x [b where true]', 25, /with runs=3/],
    ['sample by a with maxspan=5s [a where true] [b where true]', 13, /a sample has neither/],
    ['sample by a [a where true] [b where true] until [c where true]', 43, /only a sequence/],
    ['process where arrayContains(a, "b")', 15, /several values passes a test/],
    ['process where length(a, b) == 1', 15, /takes 1 argument, found 2/],
  ])('%s', (query, column, told) => {
    const problem = problemOf(query)
    expect(problem).toMatch(new RegExp(`^${column} `))
    expect(problem).toMatch(told)
  })
})

describe('what would never find anything is refused', () => {
  test.each([
    ['any where my-field == "x"', 'a name with a hyphen is written in backticks'],
    ['any where my-field : "x"', 'a name with a hyphen is written in backticks'],
    ['any where "x" != my-field', 'a name with a hyphen is written in backticks'],
    ['any where length(a) == "abc"', 'compared with text that spells none'],
    ['any where cidrMatch(a, "10.6.48")', 'no network'],
    ['any where cidrMatch(a, "10.6.12/12")', 'no network'],
    ['any where @timestamp > "now-1d"', 'holds times, and “now-1d” is none'],
    ['any where @timestamp in ("yesterday")', 'holds times, and “yesterday” is none'],
    ['any where true | head 5.0', 'takes a whole number'],
    ['sequence [a where true] [b where true] until ![c where true]', 'an event that occurs'],
    ['any where string(a == b) == "true"', 'Two fields cannot be compared'],
  ])('%s', (query, told) => {
    expect(problemOf(query)).toContain(told)
  })

  test.each([
    'any where length(a) == "5"',
    'any where a - b == " 5 "',
    'any where cidrMatch(a, "10.0.0.1", "2001:db8::/32")',
    'sequence with maxspan = 5 m [a where true] [b where true]',
    'sequence by a with maxspan=5s [b where true] ![c where true] until [d where true]',
    'any where true | head 4 / 2',
    'any where process . name == "x" and ? user. `na me` != null',
  ])('but not %s', (query) => {
    expect(problemOf(query)).toBe('compiles')
  })
})
