/** Rows of examples: what stands in an input, and the ECS fields that it must become. */
import { describe, expect, test } from 'vitest'
import { decoderNamed } from '../src/decode/registry.ts'
import {
  decodeInto,
  newTold,
  RECEIVED_MS,
  settleInto,
  type Told,
  decodeText,
} from '../src/decode/testing/decode-text.ts'
import type { DecoderSpec } from '../src/model/decoder.ts'
import { type EcsDoc, fieldOf } from '../src/model/event.ts'
import { createNormalizer } from '../src/normalize/normalize.ts'

export type Fields = Readonly<Record<string, unknown>>
/** Lines, or messages of bytes with their facts as a listener hands them over. */
export type Input = string | readonly Message[]
export interface Message {
  readonly text?: string
  readonly bytes?: Uint8Array
  readonly facts?: Readonly<Record<string, string>>
}
/** `undefined` in the place of the fields: it is counted as routine, not told. */
export type Row = readonly [decoder: string, input: Input, fields: Fields | undefined]

function toldOf(spec: DecoderSpec, input: Input): Told {
  if (typeof input === 'string') return decodeText(spec, input)
  const decoder = spec.create()
  const told = newTold()
  for (const [at, message] of input.entries()) {
    decodeInto(told, decoder, { text: '', key: `m:${at}`, receivedMs: RECEIVED_MS, ...message })
  }
  settleInto(told, decoder)
  return told
}

function docsOf(name: string, input: Input): EcsDoc[] {
  const spec = decoderNamed(name)
  if (spec === undefined) throw new Error(`no decoder ${name}`)
  const told = toldOf(spec, input)
  expect(told.rejects).toEqual([])
  if (told.drafts.length === 0) expect(told.routineLines).toBeGreaterThan(0)
  const normalize = createNormalizer({ source: 'test', decoder: spec, tenant: 'default' })
  return told.drafts.map((draft, at) => {
    const item = draft.origin ?? { text: '', key: `t:${at}`, receivedMs: RECEIVED_MS }
    return normalize(draft, { ...item, receivedMs: RECEIVED_MS }, RECEIVED_MS).doc
  })
}

/** The event that differs least from what is asked for. */
function nearest(docs: readonly EcsDoc[], fields: Fields): Fields {
  const read = (doc: EcsDoc): Fields =>
    Object.fromEntries(Object.keys(fields).map((field) => [field, fieldOf(doc, field)]))
  const faults = (seen: Fields): number =>
    Object.keys(fields).filter((field) => seen[field] !== fields[field]).length
  return docs.map(read).sort((a, b) => faults(a) - faults(b))[0] ?? {}
}

/** One test a row. */
export function testRows(rows: Readonly<Record<string, readonly Row[]>>): void {
  for (const [family, list] of Object.entries(rows)) {
    describe(`examples of ${family}`, () => {
      test.each(list.map((row, at) => [row[0], at, label(row[1]), row] as const))(
        '%s %i: %s',
        (_name, _at, _text, row) => {
          const [decoder, input, fields] = row
          const docs = docsOf(decoder, input)
          if (fields === undefined) expect(docs).toEqual([])
          else expect(nearest(docs, fields)).toEqual(fields)
        },
      )
    })
  }
}

function label(input: Input): string {
  return typeof input === 'string' ? input.slice(0, 70) : `${input.length} messages`
}
