import { afterEach, beforeEach, expect, test } from 'vitest'
import { JournalRig, batchOf, outcomeOf } from '../journal/testing/rig.ts'
import type { DeadLetter } from '../model/journal.ts'
import { keepRefused } from './keep-refused.ts'

let rig: JournalRig
beforeEach(() => {
  rig = new JournalRig()
})
afterEach(() => rig.remove())

const letter = (id: string, raw: string): DeadLetter => ({
  ...{ id, source: 'broker', decoder: 'store', code: 'STORE_REFUSED', message: 'Not stored.' },
  ...{ receivedMs: 1, raw, rawEncoding: 'utf8' },
})

test('rows that the store refuses are kept while the journal is full', async () => {
  const journal = await rig.open({ bytesMax: 200_000, reservedBytes: 50_000 })
  while ((await outcomeOf(journal.append(batchOf('s', ['x'], 10_000)))) === 'done');
  expect(journal.state().full).toBe(true)
  // More than what the last batch left free.
  const row = letter('a', 'row'.repeat(10_000))
  await keepRefused(journal, 7, [row])
  const [last] = journal.read(journal.lastOffset() - 1, 1)
  expect(last?.batch.deadLetters).toEqual([row])
})

test('many and long ones go in batches that the journal takes, each once', async () => {
  const journal = await rig.open()
  const letters = Array.from({ length: 9 }, (_, n) => letter(`l${n}`, '\u4e16'.repeat(1_000_000)))
  await keepRefused(journal, 7, letters)
  const kept = journal.read(0, 2 ** 30).flatMap(({ batch }) => batch.deadLetters ?? [])
  expect(kept.map(({ id }) => id)).toEqual(letters.map(({ id }) => id))
})
