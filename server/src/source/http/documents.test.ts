import { expect, test } from 'vitest'
import { jsonTexts, splitDocuments } from './documents.ts'

test('more events than a request may have are refused, in whatever form', () => {
  const count = 200_001
  for (const text of [
    '1\n'.repeat(count),
    `[${'1,'.repeat(count)}1]`,
    '{\n}\n'.repeat(count),
    '1\r\n'.repeat(count),
  ]) {
    const read = splitDocuments(Buffer.from(text), {})
    expect(read).toEqual({
      ...{ ok: false, isTooMany: true, message: 'more than 200000 events in one request' },
    })
  }
  const most = splitDocuments(Buffer.from('1\n\n \n'.repeat(200_000)), {})
  expect(most).toHaveProperty('texts.length', 200_000)
})

test('documents on several lines are taken apart at their ends', () => {
  const pretty = '{\n  "a": "}"\n}'
  const body = Buffer.from(`${pretty}\n${pretty}\n{"b":1}\n`)
  expect(splitDocuments(body, {})).toEqual({ ok: true, texts: [pretty, pretty, '{"b":1}'] })
})

test('one a line stays so, also where one of them cannot be read', () => {
  const lines = ['{"a":1}', '{"b":', '{"c":3}']
  expect(splitDocuments(Buffer.from(lines.join('\n')), {})).toEqual({ ok: true, texts: lines })
  expect(jsonTexts('plain\n{')).toBeUndefined()
  expect(jsonTexts('{\n"a": 1')).toBeUndefined()
})
