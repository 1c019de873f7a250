import fc from 'fast-check'
import { RE2JS } from 're2js'
import { expect, test } from 'vitest'
import { searching } from './search.ts'

const PATTERNS = [
  'a(?P<x>b*)c',
  '^(?P<x>[^=]*)=(?P<y>.*?)(?:;(?P<z>\\d+))?$',
  '(?i)(?P<x>A+)|(?P<y>b+)',
  '(?P<x>.)(?P<y>.)$',
  '(?s)(?P<x>.*)\\n(?P<y>\\w*)',
  '(?P<x>)',
  '\\bä(?P<x>[äö😀]*)',
]

test('groups are those that a matcher finds', () => {
  const part = fc.constantFrom('a', 'b', 'c', 'A', '=', ';', '7', '\n', ' ', 'ä', 'ö', '😀', '')
  const text = fc.array(part, { size: 'max', maxLength: 14 }).map((parts) => parts.join(''))
  fc.assert(
    fc.property(fc.constantFrom(...PATTERNS), text, (pattern, given) => {
      const { names, find } = searching(pattern)
      const matcher = RE2JS.compile(pattern).matcher(given)
      const groups = find(given)
      expect(groups !== undefined).toBe(matcher.find())
      for (const [name, index] of Object.entries(names)) {
        if (groups !== undefined) expect(groups[index] ?? null).toBe(matcher.group(name))
      }
    }),
    { numRuns: 2_000 },
  )
})
