import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { EcsDoc } from '../model/event.ts'
import { type JournalBatch, NOTHING_WANTED } from '../model/journal.ts'
import { bitsOf, decodeBatch, encodeBatch } from './codec.ts'

const batchOf = (docs: readonly EcsDoc[]): JournalBatch => ({
  source: 's',
  ingestedMs: 1_760_000_000_123,
  events: docs.map((doc, index) => ({ id: `e${index}`, time: 1_760_000_000_000 + index, doc })),
})

/** Both forms as JSON text: what a reader of either would see, key order included. */
const same = (batch: JournalBatch): boolean =>
  JSON.stringify(decodeBatch(Buffer.from(encodeBatch(batch)))) === JSON.stringify(batch)

const key = fc.oneof(
  // fast-check likes to try dangerous words; the one trap is for `anyKey`.
  fc.string({ maxLength: 12 }).filter((text) => text !== '__proto__'),
  fc.constantFrom('constructor', 'toString', '0', '17', '', 'a.b', 'source', 'ip'),
)
const anyKey = fc.oneof({ weight: 20, arbitrary: key }, fc.constant('__proto__'))
const docOf = (key: fc.Arbitrary<string>): fc.Arbitrary<EcsDoc> =>
  fc.letrec<{ value: unknown; object: EcsDoc }>((tie) => ({
    object: fc.array(fc.tuple(key, tie('value')), { maxLength: 5 }).map((pairs) => {
      const made: EcsDoc = JSON.parse('{}') as EcsDoc
      for (const [name, value] of pairs) {
        Object.defineProperty(made, name, {
          value,
          enumerable: true,
          configurable: true,
          writable: true,
        })
      }
      return made
    }),
    value: fc.oneof(
      { depthSize: 'small' },
      fc.string({ unit: 'binary', maxLength: 200 }),
      fc.double({ noNaN: true, noDefaultInfinity: true }).filter((n) => !Object.is(n, -0)),
      fc.maxSafeInteger(),
      fc.boolean(),
      fc.constant(null),
      fc.array(tie('value'), { maxLength: 4 }),
      tie('object'),
    ),
  })).object

describe('the encoding of a batch', () => {
  test('keeps any JSON document as it is', () => {
    fc.assert(
      fc.property(fc.array(docOf(anyKey), { maxLength: 30 }), (docs) => same(batchOf(docs))),
      { numRuns: 300 },
    )
  })

  test('is records wherever no key is a trap', () => {
    fc.assert(
      fc.property(fc.array(docOf(key), { maxLength: 30 }), (docs) => {
        const batch = batchOf(docs)
        return encodeBatch(batch)[0] === 3 && same(batch)
      }),
      { numRuns: 500 },
    )
  })

  test('keeps many shapes, and one shape many times', () => {
    const shapes = Array.from({ length: 500 }, (_, i) => ({
      [`k${i % 211}`]: i,
      [`m${i % 7}`]: { n: i },
    }))
    expect(same(batchOf(shapes))).toBe(true)
    const once = Array.from({ length: 500 }, (_, i) => ({
      event: { id: String(i), kind: 'event' },
    }))
    const bytes = encodeBatch(batchOf(once)).byteLength
    expect(bytes).toBeLessThan(JSON.stringify(batchOf(once)).length / 2)
    expect(same(batchOf(once))).toBe(true)
  })

  test('keeps a key that is a trap, and does not fall into it', () => {
    const trapped = JSON.parse('{"__proto__":{"polluted":true},"a":1}') as EcsDoc
    const read = decodeBatch(Buffer.from(encodeBatch(batchOf([trapped]))))
    const back = read.events?.[0]?.doc ?? {}
    expect(Object.keys(back)).toEqual(['__proto__', 'a'])
    expect((back as { polluted?: unknown }).polluted).toBeUndefined()
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined()
  })

  test('keeps numbers and strings at the edges of their forms', () => {
    const edges = [0, 31, 32, 63, 64, 127, 128, 255, 256, 65_535, 65_536, 2 ** 32 - 1, 2 ** 32]
    const numbers = edges.flatMap((n) => [n, -n - 1, n + 0.5, Number.MAX_SAFE_INTEGER, 5e-324])
    const lengths = [0, 1, 10, 15, 16, 31, 32, 47, 48, 49, 85, 86, 255, 256, 21_845, 65_535, 65_536]
    const strings = lengths.flatMap((n) => [
      'a'.repeat(n),
      'é'.repeat(n),
      '漢'.repeat(n),
      '😀'.repeat(n),
    ])
    const long = Array.from({ length: 70_000 }, (_, i) => i % 200)
    const wide = Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`k${i}`, i]))
    expect(same(batchOf([{ numbers, strings, long, wide, none: {}, nothing: [] }]))).toBe(true)
  })

  test('falls back to what JSON makes of values that are none of its own', () => {
    const odd = { when: new Date(0), gone: undefined, not: Number.NaN, kept: [1, undefined] }
    const read = decodeBatch(Buffer.from(encodeBatch(batchOf([odd]))))
    expect(read.events?.[0]?.doc).toEqual({
      when: '1970-01-01T00:00:00.000Z',
      not: null,
      kept: [1, null],
    })
  })

  test('survives more shapes than it remembers, and shapes within themselves', () => {
    for (let round = 0; round < 30; round += 1) {
      const docs = Array.from({ length: 200 }, (_, i) => ({
        [`r${round}`]: { [`s${i}`]: i },
        a: { a: { a: i } },
      }))
      expect(same(batchOf(docs))).toBe(true)
    }
  })

  test('every batch stands alone', () => {
    const one = encodeBatch(batchOf([{ a: 1 }]))
    encodeBatch(batchOf([{ b: { c: 2 } }]))
    const two = encodeBatch(batchOf([{ a: 2 }]))
    expect(decodeBatch(Buffer.from(two)).events?.[0]?.doc).toEqual({ a: 2 })
    expect(decodeBatch(Buffer.from(one)).events?.[0]?.doc).toEqual({ a: 1 })
    expect(one.buffer.byteLength).toBe(one.byteLength)
  })

  test('bytes of no known encoding are refused', () => {
    expect(() => decodeBatch(Buffer.from([9, 1, 1]))).toThrow(TypeError)
    expect(() => decodeBatch(Buffer.alloc(0))).toThrow(TypeError)
  })

  test('is decoded only for a reader who wants something of it', () => {
    const audit = [{ atMs: 1, actor: 'a', action: 'x', outcome: 'success' as const }]
    for (const batch of [batchOf([{ a: 1 }]), { source: 'api', ingestedMs: 1, audit }]) {
      const bytes = Buffer.from(encodeBatch(batch))
      const own = 'audit' in batch ? 'audit' : 'events'
      expect(decodeBatch(bytes, bitsOf(['alerts', own]))).toEqual(batch)
      expect(decodeBatch(bytes, bitsOf(['alerts', 'deadLetters']))).toBe(NOTHING_WANTED)
    }
  })
})
