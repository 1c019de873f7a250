import { existsSync, readFileSync } from 'node:fs'
import { relative } from 'node:path'
import { describe, expect, test } from 'vitest'
import { grammars, parserOf } from '../../tools/grammar.mjs'

describe('the parsers that are checked in are those of the grammars', () => {
  test.each(grammars().map(([grammar, parser]) => [relative('.', grammar!), grammar!, parser!]))(
    '%s',
    (_name, grammar, parser) => {
      expect(existsSync(parser)).toBe(true)
      expect(readFileSync(parser, 'utf8') === parserOf(grammar), 'run node tools/grammar.mjs').toBe(
        true,
      )
    },
  )
})
