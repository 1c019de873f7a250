import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { open } from 'lmdb'
import type { JournalEntry } from '../model/journal.ts'
import { databaseFile } from './database.ts'
import { entryKey } from './layout.ts'
import type { LmdbJournal } from './lmdb-journal.ts'
import { JournalCorruptError } from './reading.ts'
import { JournalRig, auditOf, batchOf, outcomeOf } from './testing/rig.ts'

let rig: JournalRig
beforeEach(() => {
  rig = new JournalRig()
})
afterEach(() => rig.remove())

const idsOf = (entries: readonly JournalEntry[]): string[] =>
  entries.flatMap(({ batch }) => (batch.events ?? []).map(({ id }) => id))
const all = (journal: LmdbJournal): readonly JournalEntry[] => journal.read(0, 1 << 30)

describe('the journal', () => {
  test('gives offsets from 1 without a gap, also to what is appended at once', async () => {
    const journal = await rig.open()
    expect([journal.firstOffset(), journal.lastOffset()]).toEqual([1, 0])
    const names = Array.from({ length: 40 }, (_, i) => `e${i}`)
    const offsets = await Promise.all(names.map((name) => journal.append(batchOf('s', [name]))))
    expect(offsets).toEqual(names.map((_, i) => i + 1))
    expect(idsOf(all(journal))).toEqual(names)
    expect(journal.read(38, 1 << 20).map(({ offset }) => offset)).toEqual([39, 40])
    expect(journal.read(40, 1 << 20)).toEqual([])
  })

  test('gives back a batch as it was, and at least one however small the limit', async () => {
    const journal = await rig.open()
    const batch = { ...batchOf('s', ['a']), routine: { ping: 3 }, ticks: [] }
    await journal.append(batch)
    await journal.append(batchOf('s', ['b'], 5_000))
    await journal.append(batchOf('s', ['c'], 5_000))
    expect(journal.read(0, 1)).toEqual([{ offset: 1, batch }])
    expect(idsOf(journal.read(1, 6_000))).toEqual(['b', 'c'])
    expect(idsOf(journal.read(1, 5_000))).toEqual(['b'])
  })

  test('commits cursor, decoder state and reader together with the batch, and keeps them', async () => {
    let journal = await rig.open()
    const change = (key: string, value?: string) => ({ key, value })
    await journal.append(batchOf('s', ['a']), {
      cursor: { source: 's', key: '/var/log/x', value: '10' },
      decoderState: { source: 's', changes: [change('c1', 'x'), change('c2', 'y')] },
      reader: { name: 'detector', offset: 7 },
    })
    await journal.append(batchOf('s', ['b']), {
      cursor: { source: 's', key: '/var/log/y', value: '1' },
      decoderState: { source: 's', changes: [change('c1'), change('c3', 'z')] },
    })
    await journal.append(batchOf('t', ['c']), { cursor: { source: 't', key: 'k', value: '5' } })
    await journal.saveReader('store', 2)
    await rig.close()
    journal = await rig.open()
    expect(journal.cursors('s')).toEqual(
      new Map([
        ['/var/log/x', '10'],
        ['/var/log/y', '1'],
      ]),
    )
    expect([...journal.cursors('t')]).toEqual([['k', '5']])
    expect(new Map(journal.decoderState('s'))).toEqual(
      new Map([
        ['c2', 'y'],
        ['c3', 'z'],
      ]),
    )
    expect([...journal.decoderState('t')]).toEqual([])
    expect(['detector', 'store', 'none'].map((name) => journal.readerOffset(name))).toEqual([
      7, 2, 0,
    ])
    expect(journal.lastOffset()).toBe(3)
    expect(idsOf(all(journal))).toEqual(['a', 'b', 'c'])
  })

  test('goes on counting after all of it was trimmed', async () => {
    let journal = await rig.open()
    for (const name of ['a', 'b', 'c', 'd']) await journal.append(batchOf('s', [name]))
    expect(await journal.trim(2)).toBe(2)
    expect(await journal.trim(2)).toBe(0)
    expect(idsOf(all(journal))).toEqual(['c', 'd'])
    expect(journal.firstOffset()).toBe(3)
    expect(await journal.trim(99)).toBe(2)
    expect(journal.stats()).toMatchObject({ bytes: 0, entries: 0 })
    await rig.close()
    journal = await rig.open()
    expect([journal.firstOffset(), journal.lastOffset()]).toEqual([5, 4])
    expect(await journal.append(batchOf('s', ['e']))).toBe(5)
    expect(idsOf(all(journal))).toEqual(['e'])
  })

  test('wakes who listens, after the append is there to be read', async () => {
    const journal = await rig.open()
    const seen: number[] = []
    const stop = journal.onAppend(() => seen.push(all(journal).length))
    await journal.append(batchOf('s', ['a']))
    await new Promise((resolve) => setImmediate(resolve))
    stop()
    await journal.append(batchOf('s', ['b']))
    expect(seen).toEqual([1])
  })

  test('refuses a batch that is too large, and everything once closed', async () => {
    const journal = await rig.open()
    expect(await outcomeOf(journal.append(batchOf('s', ['a'], 13 << 20)))).toBe('JOURNAL_BATCH')
    // Far too large to be written at all, and nested deeper than the stack reaches.
    const events = Array.from({ length: 30 }, (_, n) => ({ id: `e${n}`, time: 1, doc: {} }))
    const huge = events.map((event) => ({ ...event, doc: { text: 'x'.repeat(2 ** 21) } }))
    let nested: object = {}
    for (let depth = 0; depth < 20_000; depth++) nested = { nested }
    const deep = [{ id: 'd', time: 1, doc: { nested } }]
    for (const some of [huge, deep]) {
      const batch = { source: 's', ingestedMs: 1, events: some }
      expect(await outcomeOf(journal.append(batch))).toBe('JOURNAL_BATCH')
    }
    const last = journal.append(batchOf('s', ['b']))
    await journal.close()
    await journal.close()
    expect(await last).toBe(1)
    expect(await outcomeOf(journal.append(batchOf('s', ['c'])))).toBe('JOURNAL_CLOSED')
    expect(() => journal.read(0, 1)).toThrow('closed')
  })
})

describe('the budget', () => {
  test('of bytes holds data back, not what is reserved for control; trimming heals it', async () => {
    const journal = await rig.open({ bytesMax: 200_000, reservedBytes: 50_000 })
    let taken = 0
    while ((await outcomeOf(journal.append(batchOf('s', ['x'], 10_000)))) === 'done') taken += 1
    expect(taken).toBe(14)
    expect(journal.state()).toEqual({ full: true, diskFull: false, lastError: undefined })
    expect(await outcomeOf(journal.append(auditOf('login')))).toBe('done')
    const tick = { source: 's', state: 'paused', watermarkMs: 1, atMs: 1 } as const
    const ticks = { source: 'app', ingestedMs: 1, ticks: [tick] }
    expect(await outcomeOf(journal.append(ticks))).toBe('done')
    let ticked = 0
    while ((await outcomeOf(journal.append(ticks))) === 'done') ticked += 1
    expect(ticked).toBeGreaterThan(50)
    expect(await outcomeOf(journal.append(auditOf('logout')))).toBe('done')
    let audited = 0
    while ((await outcomeOf(journal.append(auditOf('x')))) === 'done') audited += 1
    expect(audited).toBeGreaterThan(50)
    const reader = { name: 'detector', offset: 1 }
    expect(await outcomeOf(journal.append(auditOf('alert'), { reader }))).toBe('done')
    await journal.saveReader('store', 14)
    await journal.trim(14)
    expect(journal.state().full).toBe(false)
    expect(await outcomeOf(journal.append(batchOf('s', ['y'], 10_000)))).toBe('done')
    expect(rig.metrics.value('picket_journal_entries')).toBe(journal.stats().entries)
  })

  test('of age holds data back until the oldest entry is gone', async () => {
    const journal = await rig.open({ ageMaxMs: 1_000 })
    await journal.append(batchOf('s', ['a']))
    rig.clock.advance(900)
    await journal.append(batchOf('s', ['b']))
    rig.clock.advance(200)
    expect(await outcomeOf(journal.append(batchOf('s', ['c'])))).toBe('JOURNAL_FULL')
    expect(journal.state().full).toBe(true)
    expect(await outcomeOf(journal.append(auditOf('login')))).toBe('done')
    await journal.trim(1)
    expect(await outcomeOf(journal.append(batchOf('s', ['c'])))).toBe('done')
    rig.clock.set(0)
    expect(await outcomeOf(journal.append(batchOf('s', ['d'])))).toBe('done')
  })

  test('never lets a later batch of a source pass one that was refused', async () => {
    const journal = await rig.open({ bytesMax: 100_000, reservedBytes: 10_000 })
    const outcomes = await Promise.all([
      outcomeOf(journal.append(batchOf('s', ['big'], 95_000))),
      outcomeOf(journal.append(batchOf('s', ['small']))),
      outcomeOf(journal.append(batchOf('t', ['other']))),
    ])
    expect(outcomes).toEqual(['JOURNAL_FULL', 'JOURNAL_FULL', 'done'])
    expect(idsOf(all(journal))).toEqual(['other'])
  })
})

describe('what lies on disk', () => {
  test('shows no event, no cursor, no client id, no reader', async () => {
    const journal = await rig.open()
    await journal.append(batchOf('secret-source', ['secret-event']), {
      cursor: { source: 'secret-source', key: 'secret-path', value: 'secret-cursor' },
      decoderState: {
        source: 'secret-source',
        changes: [{ key: 'secret-client', value: 'secret-v' }],
      },
      reader: { name: 'secret-reader', offset: 1 },
    })
    await journal.saveSnapshot('secret-name', 1, Buffer.from('secret-state'))
    await rig.close()
    for (const name of readdirSync(rig.base, { recursive: true, withFileTypes: true })) {
      if (!name.isFile()) continue
      const bytes = readFileSync(join(name.parentPath, name.name))
      expect([name.name, bytes.includes('secret'), name.name.includes('secret')]).toEqual([
        name.name,
        false,
        false,
      ])
    }
  })

  test('that was changed is a problem with its offset, and the rest stays readable', async () => {
    let journal = await rig.open()
    for (const name of ['a', 'b', 'c']) await journal.append(batchOf('s', [name]))
    await rig.close()
    const db = open<Buffer, Buffer>({
      path: databaseFile(rig.dir),
      encoding: 'binary',
      keyEncoding: 'binary',
      overlappingSync: false,
    })
    const one = db.getBinary(entryKey(1))!
    // put in another's place, which only what it is bound to can tell
    db.transactionSync(() => void db.put(entryKey(2), one))
    await db.close()
    journal = await rig.open()
    expect(idsOf(all(journal))).toEqual(['a'])
    const failing = (): unknown => journal.read(1, 1 << 20)
    expect(failing).toThrow(JournalCorruptError)
    expect(failing).toThrow('Record 2 of the journal cannot be read: it was changed.')
    expect(idsOf(journal.read(2, 1 << 20))).toEqual(['c'])
  })
})

describe('keys', () => {
  test('change by epoch and die once their entries are trimmed, cursors live on', async () => {
    let journal = await rig.open({ epochBytes: 20_000 })
    const keyring = await rig.keyring()
    const early = batchOf('early', ['first'])
    await journal.append(early, {
      cursor: { source: 'early', key: 'k', value: '1' },
      decoderState: { source: 'early', changes: [{ key: 'c', value: 'v' }] },
      reader: { name: 'r', offset: 3 },
    })
    for (let i = 0; i < 20; i += 1) await journal.append(batchOf('s', [`e${i}`], 5_000))
    const before = keyring.list('journal').map(({ id }) => id)
    expect(before.length).toBeGreaterThan(3)
    await journal.trim(journal.lastOffset() - 1)
    await journal.append(batchOf('s', ['late']))
    await expect.poll(() => keyring.list('journal').length).toBeLessThanOrEqual(2)
    const check = (): void => {
      expect([...journal.cursors('early')]).toEqual([['k', '1']])
      expect([...journal.decoderState('early')]).toEqual([['c', 'v']])
      expect(journal.readerOffset('r')).toBe(3)
      expect(idsOf(all(journal))).toEqual(['e19', 'late'])
    }
    check()
    await rig.close()
    journal = await rig.open()
    check()
    expect((await rig.keyring()).find(before[0]!)).toBeUndefined()
  })

  test('change with time too', async () => {
    const journal = await rig.open({ epochMs: 1_000 })
    await journal.append(batchOf('s', ['a']))
    rig.clock.advance(1_500)
    await journal.append(batchOf('s', ['b']))
    expect((await rig.keyring()).list('journal')).toHaveLength(2)
    expect(idsOf(all(journal))).toEqual(['a', 'b'])
  })
})

describe('snapshots', () => {
  test('replace one another, survive a restart, and take their key with them', async () => {
    let journal = await rig.open()
    expect(await journal.loadSnapshot('d')).toBeUndefined()
    const large = Buffer.alloc(3_500_000, 'abc')
    await journal.saveSnapshot('d', 5, Buffer.from('five'))
    await journal.saveSnapshot('other', 1, Buffer.alloc(0))
    await journal.saveSnapshot('d', 9, large)
    await rig.close()
    journal = await rig.open()
    expect((await journal.loadSnapshot('d'))?.offset).toBe(9)
    expect((await journal.loadSnapshot('d'))?.bytes.equals(large)).toBe(true)
    expect(await journal.loadSnapshot('other')).toEqual({ offset: 1, bytes: Buffer.alloc(0) })
    expect((await rig.keyring()).list('snapshot')).toHaveLength(2)
    expect(readdirSync(join(rig.dir, 'snapshots'))).toHaveLength(2)
  })

  test('that are damaged are passed over; what a crash left behind is swept up', async () => {
    await (await rig.open()).saveSnapshot('d', 5, Buffer.from('five'))
    await rig.close()
    const folder = join(rig.dir, 'snapshots')
    const path = join(folder, readdirSync(folder)[0]!)
    const bytes = readFileSync(path)
    writeFileSync(path, bytes.subarray(0, -1))
    writeFileSync(join(folder, 'x.snap.part'), 'half')
    ;(await rig.keyring()).create('snapshot', 1)
    await rig.close()
    const journal = await rig.open()
    expect(await journal.loadSnapshot('d')).toBeUndefined()
    expect(readdirSync(folder)).toHaveLength(1)
    expect((await rig.keyring()).list('snapshot')).toHaveLength(1)
    writeFileSync(path, bytes)
    expect((await journal.loadSnapshot('d'))?.bytes.toString()).toBe('five')
  })
})
