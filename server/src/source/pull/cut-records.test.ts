import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { AutoCutter, type CutFormat } from './cut-records.ts'

const shape = { name: 'o', receivedMs: 1, facts: {}, recordBytesMax: 65_536, skip: 0 }

/** Pushes in pieces of the given lengths, over and over. */
function cut(text: string | Buffer, format: CutFormat, steps: readonly number[], skip = 0) {
  const cutter = new AutoCutter(format, { ...shape, skip })
  const bytes = Buffer.from(text)
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const end = at + (steps[turn % steps.length] ?? 1)
    cutter.push(bytes.subarray(at, end))
    at = end
  }
  cutter.end()
  return cutter.made.take().items
}

const steps = fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1, maxLength: 5 })
const record = fc.dictionary(fc.string(), fc.jsonValue())

describe('cutting JSON', () => {
  test('gives the elements of Records, of a list, and values one after another', () => {
    fc.assert(
      fc.property(fc.array(record), steps, fc.constantFrom(0, 2), (records, pieces, indent) => {
        const whole = JSON.stringify({ Records: records, more: { a: [{ b: 1 }] } }, null, indent)
        const list = JSON.stringify(records, null, indent)
        const stream = records.map((one) => JSON.stringify(one, null, indent)).join('\n')
        for (const text of [whole, list, stream]) {
          const items = cut(text, 'json', pieces)
          expect(items.map((item) => JSON.parse(item.text) as unknown)).toEqual(
            JSON.parse(list) as unknown,
          )
        }
      }),
    )
  })

  test('any bytes end in records and no throw; the skipped ones are the first', () => {
    const anything = fc.oneof(
      fc.uint8Array({ maxLength: 2_000 }).map((bytes) => Buffer.from(bytes)),
      fc.stringMatching(/^[[\]{}",:\\1a \n]{0,300}$/).map((text) => Buffer.from(text)),
    )
    fc.assert(
      fc.property(
        anything,
        fc.constantFrom('auto', 'lines', 'json'),
        steps,
        (bytes, format, pieces) => {
          const all = cut(bytes, format, pieces)
          expect(cut(bytes, format, [bytes.length + 1]).map(({ text }) => text)).toEqual(
            all.map(({ text }) => text),
          )
          expect(cut(bytes, format, pieces, 2)).toEqual(all.slice(2))
        },
      ),
    )
  })

  test('scalars of a list are records; what breaks off is said', () => {
    expect(cut('[1, "a,]", null,{"b":2}]', 'auto', [3]).map(({ text }) => text)).toEqual([
      '1',
      '"a,]"',
      'null',
      '{"b":2}',
    ])
    const broken = cut('{"Records":[{"a":1},{"b":', 'auto', [4])
    expect(broken.map(({ unreadable }) => unreadable?.code)).toEqual([undefined, 'DECODE_SYNTAX'])
    expect(cut('{"Records":[{"a":1},', 'auto', [4])[1]?.unreadable?.detail).toContain('breaks off')
  })

  test('a record over the limit is cut, in bounded memory, and the next one is whole', () => {
    const long = JSON.stringify({ text: 'x'.repeat(1_000_000) })
    const items = cut(`{"Records":[${long},{"a":1}]}`, 'auto', [65_536])
    expect(items[0]?.cut).toEqual({ bytes: long.length })
    expect(items[0]?.text).toHaveLength(65_536)
    expect(items[1]?.text).toBe('{"a":1}')
  })
})

test('lines: ends of both kinds, blank ones, a byte-order mark, bytes that are no UTF-8', () => {
  const bytes = Buffer.concat([Buffer.from('\ufeffone\r\n\n \ntwo\n'), Buffer.from([0x80, 0x81])])
  const items = cut(bytes, 'auto', [2])
  expect(items.map(({ text, key }) => [key, text])).toEqual([
    ['o#1', 'one'],
    ['o#2', 'two'],
    ['o#3', '��'],
  ])
  expect(items[2]?.bytes).toEqual(Buffer.from([0x80, 0x81]))
})
