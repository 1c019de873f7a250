import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import { ProblemError } from '../base/problems.ts'
import type { RawItem } from '../model/source.ts'
import { readLines } from './read-lines.ts'

const folder = mkdtempSync(join(tmpdir(), 'read-lines-'))
afterAll(() => rmSync(folder, { recursive: true }))

async function read(chunks: readonly (Buffer | string)[], lineBytesMax = 64): Promise<RawItem[]> {
  const stdin = Readable.from(chunks, { objectMode: false })
  const all: RawItem[] = []
  const options = { nowMs: () => 5, lineBytesMax }
  for await (const items of readLines([{ path: '-', stdin }], options)) all.push(...items)
  return all
}

const texts = (items: readonly RawItem[]): string[] => items.map(({ text }) => text)

describe('lines', () => {
  test('are cut at LF and CR LF, whatever the chunks', async () => {
    const piece = fc.constantFrom('a', 'bc', '\n', '\r\n', 'é', '€', ' ')
    await fc.assert(
      fc.asyncProperty(
        fc.array(piece),
        fc.array(fc.nat(40), { maxLength: 5 }),
        async (pieces, cuts) => {
          const text = pieces.join('')
          const bytes = Buffer.from(text)
          const at = [0, ...cuts.filter((cut) => cut < bytes.length).toSorted((a, b) => a - b)]
          const chunks = at.map((from, index) => bytes.subarray(from, at[index + 1]))
          const want = text.split('\n').map((line) => line.replace(/\r$/, ''))
          if (text === '' || text.endsWith('\n')) want.pop()
          expect(texts(await read(chunks.filter((chunk) => chunk.length > 0)))).toEqual(want)
        },
      ),
    )
  })

  test('carry their number and a key', async () => {
    const items = await read(['a\nb\n'])
    expect(items[1]).toEqual({
      text: 'b',
      key: '-:2',
      receivedMs: 5,
      facts: { path: '-', line: '2' },
    })
  })

  test('that are too long are cut and say so, in one chunk or many', async () => {
    const long = 'x'.repeat(100)
    for (const chunks of [[`a\n${long}\nb`], ['a\n', long.slice(0, 70), `${long.slice(70)}\nb`]]) {
      const items = await read(chunks)
      expect(items.map(({ cut }) => cut?.bytes)).toEqual([undefined, 100, undefined])
      expect(long.startsWith(items[1]!.text)).toBe(true)
      expect(items[1]!.text.length).toBeGreaterThanOrEqual(65)
      expect(texts(items)[2]).toBe('b')
    }
    const [endless] = await read(Array.from({ length: 500 }, () => 'y'.repeat(100)))
    expect(endless!.cut).toEqual({ bytes: 50_000 })
    expect(endless!.text.length).toBeLessThanOrEqual(4_096)
  })

  test('that are no UTF-8 keep their bytes', async () => {
    const items = await read([Buffer.from([0x61, 0xff, 0x62, 10, 0x63])])
    expect(texts(items)).toEqual(['a\ufffdb', 'c'])
    expect([...items[0]!.bytes!]).toEqual([0x61, 0xff, 0x62])
    expect(items[1]!.bytes).toBeUndefined()
  })

  test('lose a byte order mark and leading NULs', async () => {
    const items = await read([Buffer.from([0xef, 0xbb, 0xbf, 0x61, 10, 0, 0, 0x62, 10])])
    expect(texts(items)).toEqual(['a', 'b'])
  })
})

describe('files', () => {
  const sources = (names: readonly string[]) =>
    names.map((name) => ({ path: join(folder, name), stdin: Readable.from([]) }))
  const readFiles = async (names: readonly string[]): Promise<RawItem[]> => {
    const all: RawItem[] = []
    for await (const items of readLines(sources(names), { nowMs: () => 0 })) all.push(...items)
    return all
  }

  test('are read one after the other, plain and gzip, numbered across', async () => {
    writeFileSync(join(folder, 'a.log'), 'a1\na2')
    writeFileSync(join(folder, 'b.gz'), gzipSync('b1\n'.repeat(5_000)))
    writeFileSync(join(folder, 'empty'), '')
    const items = await readFiles(['a.log', 'empty', 'b.gz'])
    expect(items).toHaveLength(5_002)
    expect(items[2]!.facts).toEqual({ path: join(folder, 'b.gz'), line: '3' })
  })

  test.each([
    ['absent', 'gone.log'],
    ['broken gzip', 'broken.gz'],
  ])('%s: a problem', async (_, name) => {
    writeFileSync(join(folder, 'broken.gz'), Buffer.from([0x1f, 0x8b, 1, 2, 3, 4, 5, 6, 7, 8, 9]))
    const failure = await readFiles([name]).catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(ProblemError)
    expect((failure as ProblemError).problem.code).toBe('INPUT_UNREADABLE')
  })
})
