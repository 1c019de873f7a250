import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { fieldOf } from '../../model/event.ts'
import { decodeText } from '../testing/decode-text.ts'
import { awsIot } from './aws-iot.ts'
import { changesOf } from './shadow.ts'

const FILE = join(import.meta.dirname, '../../../test/corpus/aws-iot/shadow.in')
const lines = readFileSync(FILE, 'utf8').split('\n').slice(0, -1)
const FIELDS = [
  'device.id',
  'iot.shadow.fields',
  'iot.shadow.identity',
  'iot.shadow.unknown',
  'user.id',
  'source.ip',
  'event.outcome',
  'related',
]

function updatesOf(texts: readonly string[]): string[] {
  const { drafts } = decodeText(awsIot, `${texts.join('\n')}\n`)
  return drafts
    .filter(({ action }) => action === 'shadow-update')
    .map(({ doc }) => JSON.stringify(FIELDS.map((field) => fieldOf(doc, field) ?? null)))
    .sort()
}

describe('who changed a shadow', () => {
  test('does not depend on the order in which the records come', () => {
    const inOrder = updatesOf(lines)
    fc.assert(
      fc.property(fc.shuffledSubarray(lines, { minLength: lines.length }), (mixed) => {
        expect(updatesOf(mixed)).toEqual(inOrder)
      }),
      { numRuns: 200 },
    )
  })

  test('is told with thing, fields, principal and address', () => {
    const { drafts } = decodeText(awsIot, `${lines.join('\n')}\n`)
    const { doc } = drafts.find(
      (draft) => fieldOf(draft.doc, 'iot.shadow.version') === 8 && draft.action === 'shadow-update',
    )!
    expect(fieldOf(doc, 'device.id')).toBe('lamp')
    expect(fieldOf(doc, 'iot.shadow.changes')).toEqual([
      {
        field: 'desired.firmware_url',
        before: 'http://good/fw.bin',
        after: 'http://evil/fw.bin',
      },
      { field: 'desired.log.hosts', before: ['a'], after: ['a', 'b'] },
    ])
    expect(fieldOf(doc, 'iot.shadow.identity')).toBe('exact')
    expect(fieldOf(doc, 'source.ip')).toBe('203.0.113.9')
    expect(fieldOf(doc, 'iot.credential.kind')).toBe('x509')
  })

  test('waits no longer than it is told to', () => {
    const decoder = awsIot.create({ join_seconds: '10' })
    const told: string[] = []
    const out = {
      event: ({ action }: { readonly action: string }) => told.push(action),
      routine: (name: string) => told.push(name),
      reject: () => told.push('reject'),
    }
    const send = (text: string, receivedMs: number): void => {
      decoder.decode({ text, key: text, receivedMs }, out)
    }
    send(lines[0]!, 0)
    send(lines[2]!, 1)
    expect(told).toEqual(['mqtt-publish'])
    send('', 9_999)
    expect(told).toEqual(['mqtt-publish', 'blank'])
    send('', 10_001)
    expect(told).toEqual(['mqtt-publish', 'blank', 'blank', 'shadow-update'])
  })
})

test('changes are the leaves that differ', () => {
  expect(
    changesOf({ desired: { a: 1, b: { c: 1 } } }, { desired: { b: { c: 2, d: null } } }),
  ).toEqual({
    list: [
      { field: 'desired.b.c', before: 1, after: 2 },
      { field: 'desired.a', before: 1 },
    ],
    desired: { b: { c: 2 } },
    reported: undefined,
    truncated: false,
  })
})

test('a source that is quiet for a moment has not told all: it waits its time, and says since when', () => {
  const decoder = awsIot.create({ join_seconds: '10' })
  const told: string[] = []
  const out = {
    event: ({ action }: { readonly action: string }) => told.push(action),
    routine: () => undefined,
    reject: () => told.push('reject'),
  }
  expect(decoder.waitsSinceMs!()).toBeUndefined()
  decoder.decode({ text: lines[0]!, key: 'a', receivedMs: 1_795_341_700_000 }, out)
  expect(decoder.waitsSinceMs!()).toBe(1_795_341_605_000)
  decoder.settle!(out, true, 1_795_341_709_999)
  expect(told).toEqual([])
  decoder.settle!(out, true, 1_795_341_710_001)
  expect(told).toEqual(['shadow-update'])
  expect(decoder.waitsSinceMs!()).toBeUndefined()
  decoder.decode({ text: lines[4]!, key: 'b', receivedMs: 1_795_341_711_000 }, out)
  decoder.settle!(out)
  expect(told).toHaveLength(2)
})
