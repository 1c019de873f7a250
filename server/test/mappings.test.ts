import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { render, target } from '../../tools/mappings.mjs'

test('the mappings in the program are those of content/mappings', () => {
  expect(readFileSync(target, 'utf8') === render(), 'run node tools/mappings.mjs').toBe(true)
})
