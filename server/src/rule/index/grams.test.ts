import fc from 'fast-check'
import { expect, test } from 'vitest'
import { foldCase } from '../../base/fold.ts'
import { Grams, GRAMS_LEAST, type GramText } from './grams.ts'

const unit = fc.constantFrom(...Array.from('aAbB-17 @`éÉſsİ\u212ak\u{1F600}'))
const text = (least: number, most: number): fc.Arbitrary<string> =>
  fc.array(unit, { minLength: least, maxLength: most, size: 'max' }).map((units) => units.join(''))
const long = text(GRAMS_LEAST, 16)
  .map(foldCase)
  .filter(({ length }) => length >= GRAMS_LEAST)
const place = fc.constantFrom('start' as const, 'end' as const, 'anywhere' as const)
const texts = fc.array(fc.record({ text: long, place }), { minLength: 1, maxLength: 12 })

/** What plain search finds: the places of a text in the folded value that its place allows. */
function plainly({ text: sought, place: where }: GramText, value: string): Set<number> {
  const folded = foldCase(value)
  const starts = new Set<number>()
  for (let at = folded.indexOf(sought); at >= 0; at = folded.indexOf(sought, at + 1)) {
    if (where === 'start' && at !== 0) continue
    if (where === 'end' && at + sought.length !== folded.length) continue
    starts.add(at)
  }
  return starts
}

/** A value that holds pieces of the texts, in any letter case, and other units around them. */
const scene = texts.chain((list) => {
  const piece = fc.oneof(
    fc.constantFrom(...list.map((one) => one.text)),
    fc.constantFrom(...list.map((one) => one.text.toUpperCase())),
    text(0, 3),
  )
  const value = fc.array(piece, { maxLength: 6 }).map((pieces) => pieces.join(''))
  return fc.record({ list: fc.constant(list), value: fc.oneof(value, text(0, 30)) })
})

test('every place of every text is found, wherever it stands and whatever is around it', () => {
  let found = 0
  fc.assert(
    fc.property(scene, ({ list, value }) => {
      const starts = list.map(() => new Set<number>())
      new Grams(list).find(value, (number, start) => starts[number]!.add(start))
      for (const [number, one] of list.entries()) {
        expect(starts[number]).toEqual(plainly(one, value))
        found += starts[number]!.size
      }
    }),
    { numRuns: 3_000 },
  )
  expect(found).toBeGreaterThan(1_000)
})

test('a text is found at each distance from the beginning, and next to letters beyond ASCII', () => {
  const grams = new Grams([{ text: 'gateway-17', place: 'anywhere' }])
  for (let before = 0; before < 20; before++) {
    for (const after of ['', 'x', 'xy', 'é', 'xé', 'xyé']) {
      const starts: number[] = []
      grams.find(`${'-'.repeat(before)}GATEway-17${after}`, (_, start) => starts.push(start))
      expect(new Set(starts)).toEqual(new Set([before]))
    }
  }
})

test.each([
  ['xgates', 'xgate\u017f'],
  ['xgates', '-xgate\u017f'],
  ['xxgatek', 'xxgate\u212a'],
  ['xgates', 'x\u212a xgate\u017f'],
])('%s is found in %s, whose last letter is beyond ASCII', (text, value) => {
  const starts: number[] = []
  new Grams([{ text, place: 'end' }]).find(value, (_, start) => starts.push(start))
  expect(starts).toEqual([value.length - text.length])
})
