import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { RawItem } from '../model/source.ts'
import { joinDocuments } from './join-documents.ts'

async function join(lines: readonly string[], path = 'f', batch = 3): Promise<RawItem[]> {
  async function* batches(): AsyncGenerator<readonly RawItem[]> {
    for (let at = 0; at < lines.length; at += batch) {
      yield await Promise.resolve(
        lines.slice(at, at + batch).map((text, index) => ({
          text,
          key: `${path}:${at + index + 1}`,
          receivedMs: 0,
          facts: { path, line: String(at + index + 1) },
        })),
      )
    }
  }
  const made: RawItem[] = []
  for await (const items of joinDocuments(batches())) made.push(...items)
  return made
}
const texts = (items: readonly RawItem[]): string[] => items.map(({ text }) => text)

test('a document on several lines is one item, named by its first line', async () => {
  const pretty = JSON.stringify({ Records: [{ a: 'x } {' }, { b: [] }] }, null, 2).split('\n')
  const items = await join(['{"before":1}', ...pretty, 'text', '$aws/t/x {', '"a": 1}', '[', ']'])
  expect(texts(items)).toEqual([
    '{"before":1}',
    pretty.join('\n'),
    'text',
    '$aws/t/x {\n"a": 1}',
    '[\n]',
  ])
  expect(items[1]!.facts).toEqual({ path: 'f', line: '2', lines: String(pretty.length) })
})

test('what breaks off is left as lines, and hides nothing behind it', async () => {
  const lines = ['{"a":', '{"b":1}', '{', '  "a": "x', '}', '[{"c":1},', '{"d":1}]', '{', '"e": 1']
  expect(texts(await join(lines))).toEqual([
    '{"a":',
    '{"b":1}',
    '{',
    '  "a": "x',
    '}',
    '[{"c":1},\n{"d":1}]',
    '{',
    '"e": 1',
  ])
})

test('no line is lost or changed, whatever the lines', async () => {
  const line = fc.constantFrom('{', '}', '[', ']', '"', '{"a":1}', '  "a": {', ' x', 'a/b {', '')
  await fc.assert(
    fc.asyncProperty(fc.array(fc.oneof(line, fc.string())), async (lines) => {
      const clean = lines.map((text) => text.replaceAll('\n', ''))
      expect(texts(await join(clean)).join('\n')).toBe(clean.join('\n'))
    }),
  )
})
