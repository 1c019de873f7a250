import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { JournalBatch } from '../model/journal.ts'
import type { LmdbJournal } from './lmdb-journal.ts'
import { JournalRig, batchOf } from './testing/rig.ts'

/** The slow truth: a list, three maps, and nothing of LMDB, threads, keys or epochs. */
class PlainJournal {
  entries: { offset: number; batch: JournalBatch }[] = []
  last = 0
  first = 1
  cursors = new Map<string, string>()
  state = new Map<string, string>()
  readers = new Map<string, number>()
}

type Step =
  | { readonly kind: 'append'; readonly batches: readonly Change[] }
  | { readonly kind: 'trim'; readonly back: number }
  | { readonly kind: 'reader'; readonly name: string }
  | { readonly kind: 'reopen' }
  | { readonly kind: 'hour' }

interface Change {
  readonly padBytes: number
  readonly cursor: string | undefined
  readonly changes: readonly { readonly key: string; readonly value: string | undefined }[]
  readonly reader: string | undefined
}

const few = fc.constantFrom('a', 'b', 'c')
const change: fc.Arbitrary<Change> = fc.record({
  padBytes: fc.constantFrom(0, 100, 3_000, 9_000),
  cursor: fc.option(few, { nil: undefined }),
  changes: fc.array(fc.record({ key: few, value: fc.option(fc.string(), { nil: undefined }) }), {
    maxLength: 3,
  }),
  reader: fc.option(few, { nil: undefined }),
})
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('append' as const),
      batches: fc.array(change, { minLength: 1, maxLength: 5 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('trim' as const), back: fc.nat(6) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('reader' as const), name: few }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'reopen' as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'hour' as const }) },
)

async function append(journal: LmdbJournal, plain: PlainJournal, batches: readonly Change[]) {
  const waiting = batches.map(({ padBytes, cursor, changes, reader }, index) => {
    const offset = plain.last + 1
    const value = `${offset}`
    const batch = batchOf('s', [value, `${index}`], padBytes)
    plain.last = offset
    plain.entries.push({ offset, batch })
    if (cursor !== undefined) plain.cursors.set(cursor, value)
    if (reader !== undefined) plain.readers.set(reader, offset)
    for (const one of changes) {
      if (one.value === undefined) plain.state.delete(one.key)
      else plain.state.set(one.key, one.value)
    }
    return journal.append(batch, {
      ...(cursor === undefined ? {} : { cursor: { source: 's', key: cursor, value } }),
      ...(changes.length === 0 ? {} : { decoderState: { source: 's', changes } }),
      ...(reader === undefined ? {} : { reader: { name: reader, offset } }),
    })
  })
  const offsets = await Promise.all(waiting)
  expect(offsets).toEqual(plain.entries.slice(-batches.length).map(({ offset }) => offset))
}

function compare(journal: LmdbJournal, plain: PlainJournal): void {
  const read: { offset: number; batch: JournalBatch }[] = []
  for (let after = 0; ;) {
    const part = journal.read(after, 8_000)
    if (part.length === 0) break
    read.push(...part)
    after = part.at(-1)?.offset ?? 0
  }
  expect(read).toEqual(plain.entries)
  expect([journal.firstOffset(), journal.lastOffset()]).toEqual([plain.first, plain.last])
  expect(journal.stats().entries).toBe(plain.entries.length)
  expect(new Map(journal.cursors('s'))).toEqual(plain.cursors)
  expect(new Map(journal.decoderState('s'))).toEqual(plain.state)
  for (const name of ['a', 'b', 'c']) {
    expect(journal.readerOffset(name)).toBe(plain.readers.get(name) ?? 0)
  }
}

describe('the journal agrees with a plain list', () => {
  test('after any appends, trims, moves of readers, new epochs and restarts', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        const rig = new JournalRig()
        const options = { epochBytes: 15_000, epochMs: 3_000_000, ageMaxMs: 1e12 }
        try {
          let journal = await rig.open(options)
          const plain = new PlainJournal()
          for (const one of steps) {
            if (one.kind === 'append') await append(journal, plain, one.batches)
            if (one.kind === 'hour') rig.clock.advance(3_600_000)
            if (one.kind === 'reader') {
              plain.readers.set(one.name, plain.last)
              await journal.saveReader(one.name, plain.last)
            }
            if (one.kind === 'trim') {
              const upTo = Math.max(0, plain.last - one.back)
              const kept = plain.entries.filter(({ offset }) => offset > upTo)
              expect(await journal.trim(upTo)).toBe(plain.entries.length - kept.length)
              plain.entries = kept
              plain.first = Math.max(plain.first, upTo + 1)
            }
            if (one.kind === 'reopen') {
              await rig.close()
              journal = await rig.open(options)
            }
            compare(journal, plain)
          }
        } finally {
          await rig.remove()
        }
      }),
      { numRuns: 40 },
    )
  }, 120_000)
})
