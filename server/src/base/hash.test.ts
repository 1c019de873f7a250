import { expect, test } from 'vitest'
import { asArgument, sha256Hex, shortId } from './hash.ts'

test('ids of 22 characters, other parts other ids, and none begins with a dash', () => {
  const ids = Array.from({ length: 2000 }, (_, index) => shortId('event', String(index)))
  expect(new Set(ids).size).toBe(2000)
  expect(ids.filter((id) => !/^[A-Za-z0-9_][\w-]{21}$/.test(id))).toEqual([])
  expect(shortId('ab', 'c')).not.toBe(shortId('a', 'bc'))
})

test('only a dash in front is changed', () => {
  expect(asArgument('-b-_')).toBe('Ab-_')
  expect(asArgument('_-b')).toBe('_-b')
})

test('SHA-256 of FIPS 180-2, appendix B.1', () => {
  expect(sha256Hex('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad')
})
