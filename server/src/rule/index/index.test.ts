import fc from 'fast-check'
import { RE2JS } from 're2js'
import { describe, expect, test } from 'vitest'
import { foldCase } from '../../base/fold.ts'
import { Networks } from './networks.ts'
import { literalsOf } from './regex-literals.ts'
import { type Place, Texts } from './texts.ts'

describe('texts of many predicates in one value, letter case aside', () => {
  const text = fc.string({
    unit: fc.constantFrom('a', 'b', 'A', 'ß', 'Σ', 'ς', '\u212a', 'k', '\u1e00', '\u0100'),
    maxLength: 14,
  })
  const literals = fc.uniqueArray(
    text.map(foldCase).filter((each) => each !== ''),
    { maxLength: 8 },
  )
  /** Values that begin or end as the literals do, or are such. */
  const cases = literals.chain((words) => {
    const part = fc.oneof(
      text,
      fc.constantFrom('', ...words, ...words.map((each) => each.toUpperCase())),
    )
    return fc.tuple(
      fc.constant(words),
      fc.tuple(part, part, part).map((parts) => parts.join('')),
    )
  })

  const PLACES: Record<Place, (folded: string, word: string) => number[]> = {
    whole: (folded, word) => (folded === word ? [0] : []),
    start: (folded, word) => (folded.startsWith(word) ? [0] : []),
    end: (folded, word) => (folded.endsWith(word) ? [folded.length - word.length] : []),
    anywhere: (folded, word) => {
      const found: number[] = []
      for (let at = folded.indexOf(word); at >= 0; at = folded.indexOf(word, at + 1)) found.push(at)
      return found
    },
  }

  /** Texts at some places, all in one set: what is found is what looking for each alone finds. */
  test.each<{ readonly places: readonly Place[] }>([
    { places: ['whole'] },
    { places: ['start'] },
    { places: ['end'] },
    { places: ['anywhere'] },
    { places: ['start', 'whole'] },
    { places: ['anywhere', 'end', 'whole', 'start'] },
  ])('are found where they stand: $places', ({ places }) => {
    fc.assert(
      fc.property(cases, ([words, value]) => {
        const texts = new Texts()
        const wanted = new Set<string>()
        words.forEach((word, number) => {
          const place = places[number % places.length]!
          texts.add(place, word, number)
          for (const at of PLACES[place](foldCase(value), word)) wanted.add(`${number}@${at}`)
        })
        texts.finish()
        const found = new Set<string>()
        texts.find(value, (number, start) => found.add(`${number}@${start}`))
        expect(found).toEqual(wanted)
      }),
      { numRuns: 5_000 },
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
      { numRuns: 5_000 },
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
