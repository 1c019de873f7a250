import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { readCbor } from '../cbor/read-cbor.ts'
import { writeCbor } from '../cbor/write-cbor.ts'
import { replyToReport, reportTopic } from './reply.ts'

const TOPIC = '$aws/things/sensor-001/defender/metrics/'
const NOW = 1_543_256_022_750
const bytes = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value))
const report = { header: { report_id: 1_543_256_022, version: '1.0' }, metrics: {} }
const LIMITS = { depthMax: 8, valuesMax: 100 }

function textOf(payload: Uint8Array): unknown {
  return JSON.parse(new TextDecoder().decode(payload))
}

describe('the answer to a report', () => {
  test('is that of the service', () => {
    const reply = replyToReport(`${TOPIC}json`, bytes(report), NOW)!
    expect(reply.topic).toBe(`${TOPIC}json/accepted`)
    expect(textOf(reply.payload)).toEqual({
      thingName: 'sensor-001',
      reportId: 1_543_256_022,
      status: 'ACCEPTED',
      timestamp: NOW,
    })
  })

  test('is CBOR to CBOR', () => {
    const reply = replyToReport(`${TOPIC}cbor`, writeCbor(report), NOW)!
    expect(reply.accepted).toBe(true)
    const read = readCbor(reply.payload, LIMITS)
    expect(read.ok && read.value).toMatchObject({ status: 'ACCEPTED', timestamp: NOW })
  })

  test.each([
    ['no JSON', new TextEncoder().encode('{'), undefined],
    ['no UTF-8', Uint8Array.of(0xff, 0xfe), undefined],
    ['no metrics', bytes({ hed: { rid: 7, v: '1.0' } }), 7],
    ['no header', bytes({ metrics: {} }), undefined],
    [
      'a port out of range',
      bytes({ ...report, metrics: { tp: { pts: [{ pt: -1 }] } } }),
      1543256022,
    ],
  ])('is a refusal for %s', (_name, payload, reportId) => {
    const reply = replyToReport(`${TOPIC}json`, payload, NOW)!
    expect(reply.topic).toBe(`${TOPIC}json/rejected`)
    const answer = textOf(reply.payload) as Record<string, unknown>
    expect(answer).toMatchObject({
      status: 'REJECTED',
      statusDetails: { ErrorCode: 'InvalidPayload' },
    })
    expect(answer['reportId']).toBe(reportId)
  })

  test('is a refusal when reports come too often', () => {
    const reply = replyToReport(`${TOPIC}json`, bytes(report), NOW, true)!
    expect(textOf(reply.payload)).toMatchObject({ statusDetails: { ErrorCode: 'Throttled' } })
  })

  test('is none on other topics', () => {
    expect(replyToReport(`${TOPIC}json/accepted`, bytes(report), NOW)).toBeUndefined()
    expect(reportTopic('$aws/things/a/b/defender/metrics/json')).toBeUndefined()
  })
})

describe('CBOR', () => {
  test('the bytes of a real report are read', () => {
    const hex = 'a166686561646572a2697265706f72745f69641a6b02204b6776657273696f6e63312e30'
    const read = readCbor(Buffer.from(hex, 'hex'), LIMITS)
    expect(read).toEqual({
      ok: true,
      value: { header: { report_id: 1_795_301_451, version: '1.0' } },
    })
  })

  test('what is written is read', () => {
    const value = fc.letrec((tie) => ({
      any: fc.oneof(
        { maxDepth: 4 },
        fc.string(),
        fc.maxSafeInteger(),
        fc.double({ noNaN: true }),
        fc.boolean(),
        fc.constant(null),
        fc.array(tie('any'), { maxLength: 4 }),
        fc.dictionary(
          fc.string().filter((key) => key !== '__proto__'),
          tie('any'),
          {
            maxKeys: 4,
            noNullPrototype: true,
          },
        ),
      ),
    })).any
    fc.assert(
      fc.property(value, (any) => {
        const read = readCbor(writeCbor(any), { depthMax: 10, valuesMax: 1_000 })
        expect(read).toEqual({ ok: true, value: any })
      }),
      { examples: [[{ zero: -0 }], [-0], [[0, -0]]] },
    )
  })

  test('RFC 8949, appendix A: forms that are not written here', () => {
    const read = (hex: string): unknown => {
      const result = readCbor(Buffer.from(hex, 'hex'), LIMITS)
      return result.ok ? result.value : result.problem
    }
    expect(read('f93c00')).toBe(1)
    expect(read('fa47c35000')).toBe(100_000)
    expect(read('5f42010243030405ff')).toBe('0102030405')
    expect(read('7f657374726561646d696e67ff')).toBe('streaming')
    expect(read('9f018202039f0405ffff')).toEqual([1, [2, 3], [4, 5]])
    expect(read('bf61610161629f0203ffff')).toEqual({ a: 1, b: [2, 3] })
    expect(read('1bffffffffffffffff')).toBe('18446744073709551615')
    expect(read('c11a514b67b0')).toBe(1_363_896_240)
    expect(read('9affffffff')).toMatch(/ends early/)
    expect(read('81'.repeat(20))).toMatch(/deep/)
    expect(read('ff')).toMatch(/break/)
    expect(read('0000')).toMatch(/behind/)
  })

  test('any bytes end in a value or a sentence', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (some) => {
        const read = readCbor(some, LIMITS)
        if (!read.ok) expect(read.problem).not.toBe('')
      }),
      { numRuns: 2_000 },
    )
  })
})
