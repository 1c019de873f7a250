import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parsePipeline } from '../../src/lang/sigma/pipeline/pipeline.ts'
import { parseSigmaFile } from '../../src/lang/sigma/read.ts'
import { lowerSigma } from '../../src/lang/sigma/sigma.ts'
import { parseTests } from '../../src/lang/sigma/tests.ts'
import { createMatcher } from '../../src/rule/matcher.ts'

const WORDS = [
  ...'title id name logsource detection condition correlation filter rules list items macro tests'.split(
    ' ',
  ),
  ...'product: linux|sel:|sel|1 of them|all of sel*|not|and|(|)|f|contains: a|f|re: (a+|null|~'.split(
    '|',
  ),
  ...[
    '---',
    '- ',
    '  ',
    '\n',
    '\n  ',
    '\n    ',
    ': ',
    '"',
    "'",
    '[',
    ']',
    '{',
    '}',
    '&a',
    '*a',
    '<<: *a',
  ],
  ...[
    'type: event_count',
    'timespan: 5m',
    'group-by',
    'gte: 3',
    '| count() by x > 5',
    '%who%',
    '\\',
    '*',
  ],
]

/** Text that begins to look like rules: pieces of them in any order. */
const ruleLike = fc
  .array(fc.oneof(fc.constantFrom(...WORDS), fc.string({ maxLength: 5 })), { maxLength: 60 })
  .map((pieces) => pieces.join(''))

/** A whole rule with parts exchanged. */
const almostRule = fc
  .record({
    item: fc.string({ maxLength: 20 }),
    value: fc.jsonValue(),
    condition: fc.oneof(fc.constantFrom('sel', '1 of s*', 'sel | count() > 1'), ruleLike),
    logsource: fc.jsonValue(),
    correlation: fc.option(fc.jsonValue(), { nil: undefined }),
    tests: fc.option(fc.jsonValue(), { nil: undefined }),
  })
  .map(({ item, value, condition, logsource, correlation, tests }) =>
    JSON.stringify({
      title: 'x',
      logsource,
      detection: { sel: { [item]: value }, condition },
      ...(correlation === undefined ? {} : { correlation }),
      ...(tests === undefined ? {} : { tests }),
    }),
  )

test('whatever a rule file holds, reading it ends without a throw, in rules or problems', () => {
  fc.assert(
    fc.property(fc.oneof(ruleLike, almostRule, fc.string()), (text) => {
      const file = parseSigmaFile(text, 'fuzz.yml')
      const lowered = lowerSigma([file], { pipeline: 'none' })
      for (const document of lowered.documents) {
        const before = document.problems.length
        parseTests(document.tests, (problem) => void document.problems.push(problem))
        expect(document.problems.length).toBeGreaterThanOrEqual(before)
        for (const problem of document.problems) expect(problem.message).not.toBe('')
      }
      const matcher = createMatcher(lowered.matches)
      matcher.match({ f: 'a', event: { action: 'x' } }, new Int32Array(lowered.matches.length))
    }),
    { numRuns: 1_500 },
  )
}, 60_000)

test('whatever a pipeline file holds, reading it ends without a throw', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        ruleLike,
        fc.jsonValue().map((value) => JSON.stringify({ transformations: value })),
      ),
      (text) => {
        const pipeline = parsePipeline(text, 'fuzz.yml')
        if (!pipeline.ok) expect(pipeline.problem.message).not.toBe('')
      },
    ),
    { numRuns: 500 },
  )
}, 60_000)
