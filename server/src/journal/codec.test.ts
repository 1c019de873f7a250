import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { EcsDoc } from '../model/event.ts'
import type { JournalBatch } from '../model/journal.ts'
import { decodeBatch, encodeBatch } from './codec.ts'

const batchOf = (docs: readonly EcsDoc[]): JournalBatch => ({
  source: 's',
  ingestedMs: 1_760_000_000_123,
  events: docs.map((doc, index) => ({ id: `e${index}`, time: 1_760_000_000_000 + index, doc })),
})

/** Both forms as JSON text: what a reader of either would see, key order included. */
const same = (batch: JournalBatch): boolean =>
  JSON.stringify(decodeBatch(Buffer.from(encodeBatch(batch)))) === JSON.stringify(batch)

const key = fc.oneof(
  fc.string({ maxLength: 12 }),
  fc.constantFrom('__proto__', 'constructor', 'toString', '0', '17', '', 'a.b', 'source', 'ip'),
)
const doc = fc.letrec<{ value: unknown; object: EcsDoc }>((tie) => ({
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
      fc.property(fc.array(doc, { maxLength: 30 }), (docs) => same(batchOf(docs))),
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

  test('every batch stands alone', () => {
    const one = encodeBatch(batchOf([{ a: 1 }]))
    encodeBatch(batchOf([{ b: { c: 2 } }]))
    const two = encodeBatch(batchOf([{ a: 2 }]))
    expect(decodeBatch(Buffer.from(two)).events?.[0]?.doc).toEqual({ a: 2 })
    expect(decodeBatch(Buffer.from(one)).events?.[0]?.doc).toEqual({ a: 1 })
    expect(one.buffer.byteLength).toBe(one.byteLength)
  })

  test('bytes of no known encoding are refused', () => {
    expect(() => decodeBatch(Buffer.from([9, 1]))).toThrow(TypeError)
    expect(() => decodeBatch(Buffer.alloc(0))).toThrow(TypeError)
  })
})
