import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  ENVELOPE_OVERHEAD,
  type SealKey,
  envelopeKeyId,
  openEnvelope,
  sealEnvelope,
} from './seal.ts'

const key: SealKey = { id: '0123456789abcdef', bytes: randomBytes(32) }
const other: SealKey = { id: 'fedcba9876543210', bytes: randomBytes(32) }
const keyOf = (id: string): SealKey | undefined => [key, other].find((one) => one.id === id)
const bytes = (max: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ maxLength: max })

describe('an envelope', () => {
  test('gives back what was sealed, under the same bound bytes', () => {
    fc.assert(
      fc.property(bytes(300), bytes(40), (plain, bound) => {
        const sealed = sealEnvelope({ key, nonce: randomBytes(12), bound }, plain)
        expect(sealed.byteLength).toBe(plain.byteLength + ENVELOPE_OVERHEAD)
        expect(envelopeKeyId(sealed)).toBe(key.id)
        const opened = openEnvelope(sealed, bound, keyOf)
        return opened.ok && opened.bytes.equals(plain)
      }),
    )
  })

  test('is refused after any change of any byte', () => {
    fc.assert(
      fc.property(bytes(60), fc.nat(), fc.integer({ min: 1, max: 255 }), (plain, at, change) => {
        const bound = Buffer.from('place')
        const sealed = sealEnvelope({ key, nonce: randomBytes(12), bound }, plain)
        const index = at % sealed.byteLength
        sealed[index] = (sealed[index] ?? 0) ^ change
        return !openEnvelope(sealed, bound, keyOf).ok
      }),
    )
  })

  test('is refused in another place, cut short, or under another key of that name', () => {
    const bound = Buffer.from('place 1')
    const sealed = sealEnvelope({ key, nonce: randomBytes(12), bound }, Buffer.from('secret'))
    const fault = (
      envelope: Uint8Array,
      where: Uint8Array,
      find: (id: string) => SealKey | undefined,
    ): string => {
      const opened = openEnvelope(envelope, where, find)
      return opened.ok ? 'opened' : opened.fault
    }
    expect(fault(sealed, bound, keyOf)).toBe('opened')
    expect(fault(sealed, Buffer.from('place 2'), keyOf)).toBe('forged')
    expect(fault(sealed, bound, () => ({ id: key.id, bytes: other.bytes }))).toBe('forged')
    expect(fault(sealed, bound, () => undefined)).toBe('key')
    expect(fault(sealed.subarray(0, 20), bound, keyOf)).toBe('truncated')
    expect(fault(sealed.subarray(0, sealed.length - 1), bound, keyOf)).toBe('forged')
  })

  test('never shows what it holds', () => {
    const plain = Buffer.from('sensor-4711 logged in')
    const sealed = sealEnvelope({ key, nonce: randomBytes(12), bound: Buffer.alloc(0) }, plain)
    expect(sealed.includes('sensor-4711')).toBe(false)
  })
})
