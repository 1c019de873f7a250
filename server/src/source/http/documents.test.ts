import { expect, test } from 'vitest'
import { jsonTexts, splitDocuments } from './documents.ts'

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
