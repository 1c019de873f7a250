import fc from 'fast-check'
import { RE2JS } from 're2js'
import { describe, expect, test } from 'vitest'
import { foldCase } from '../../base/fold.ts'
import { Automaton } from './automaton.ts'
import { Networks } from './networks.ts'
import { literalsOf } from './regex-literals.ts'

describe('automaton', () => {
  const text = fc.string({
    unit: fc.constantFrom('a', 'b', 'A', 'ß', 'Σ', 'ς', '\u212a', 'k'),
    maxLength: 12,
  })
  const literals = fc.uniqueArray(
    text.map(foldCase).filter((each) => each !== ''),
    { maxLength: 8 },
  )

  test('finds every occurrence of every literal, letter case aside', () => {
    fc.assert(
      fc.property(literals, text, (words, value) => {
        const found = new Set<string>()
        new Automaton(words).scan(value, (literal, end) => found.add(`${literal}@${end}`))
        const folded = foldCase(value)
        const wanted = new Set<string>()
        words.forEach((word, literal) => {
          for (let at = folded.indexOf(word); at >= 0; at = folded.indexOf(word, at + 1)) {
            wanted.add(`${literal}@${at + word.length}`)
          }
        })
        expect(found).toEqual(wanted)
      }),
      { numRuns: 500 },
    )
  })
})

describe('literals of regular expressions', () => {
  test.each<[string, readonly string[] | undefined]>([
    ['foo.*barbaz', ['barbaz']],
    ['(?:cmd|powershell)\\.exe', ['.exe']],
    ['(one|three)', ['one', 'three']],
    ['ab+c', ['ab']],
    ['ab*cd', ['cd']],
    ['a{0,3}', undefined],
    ['[abc]+', undefined],
    ['x|y*', undefined],
    ['(?i)evil', ['evil']],
    ['\\x41bc', undefined],
    ['(unclosed', undefined],
  ])('of %s are %j', (pattern, expected) => {
    expect(literalsOf(pattern)).toEqual(expected)
  })

  const piece: fc.Arbitrary<string> = fc.letrec<{ node: string }>((tie) => ({
    node: fc.oneof(
      { maxDepth: 3 },
      fc.constantFrom('a', 'b', 'c', 'ab', '.', '[ab]', '\\.', '\\d', '^', '$'),
      fc.tuple(tie('node'), tie('node')).map(([a, b]) => a + b),
      fc.tuple(tie('node'), tie('node')).map(([a, b]) => `(${a}|${b})`),
      fc
        .tuple(tie('node'), fc.constantFrom('*', '+', '?', '{2}', '{0,1}', '*?', '{1,}'))
        .map(([a, op]) => `(?:${a})${op}`),
    ),
  })).node

  test('a text that matches holds one of them', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', 'c', '.', '1'), maxLength: 10 })
    fc.assert(
      fc.property(piece, fc.array(text, { minLength: 5, maxLength: 5 }), (pattern, texts) => {
        const literals = literalsOf(pattern)
        if (literals === undefined) return
        const regex = RE2JS.compile(pattern)
        for (const each of texts) {
          if (!regex.matcher(each).find()) continue
          expect(literals.some((literal) => each.includes(literal))).toBe(true)
        }
      }),
      { numRuns: 2_000 },
    )
  })
})

test('networks: every one around an address is found, mapped and scoped addresses too', () => {
  const networks = new Networks()
  const all = ['10.0.0.0/8', '10.1.0.0/16', '0.0.0.0/0', '10.1.2.3/32', 'fe80::/10', '::/0']
  all.forEach((network, number) => networks.add(network, number))
  const find = (address: string): string[] => {
    const found: string[] = []
    networks.find(address, (number) => found.push(all[number]!))
    return found
  }
  expect(find('10.1.2.3')).toEqual(['0.0.0.0/0', '10.0.0.0/8', '10.1.0.0/16', '10.1.2.3/32'])
  expect(find('::ffff:10.9.9.9')).toEqual(['0.0.0.0/0', '10.0.0.0/8'])
  expect(find('fe80::1%eth0')).toEqual(['::/0', 'fe80::/10'])
  for (const none of ['10.1.2', '10.01.2.3', '10.1.2.256', 'ten', '', '1.2.3.4.5']) {
    expect(find(none)).toEqual([])
  }
})
