import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, statSync, unlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { LmdbJournal } from './lmdb-journal.ts'
import { JournalRig, auditOf, batchOf, outcomeOf } from './testing/rig.ts'

const MIB = 1024 * 1024

/** A small disk of its own can only be mounted as root on Linux. */
const mounts = ((): boolean => {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return false
  const probe = mkdtempSync(join(tmpdir(), 'picket-mount-'))
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', probe], { stdio: 'ignore' })
    execFileSync('umount', [probe], { stdio: 'ignore' })
    return true
  } catch {
    return false
  } finally {
    rmSync(probe, { recursive: true, force: true })
  }
})()

let disk: string
let rig: JournalRig
beforeEach(() => {
  disk = mkdtempSync(join(tmpdir(), 'picket-disk-'))
  if (mounts) execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=24m', 'tmpfs', disk])
  rig = new JournalRig(disk)
})
afterEach(async () => {
  await rig.remove()
  if (mounts) execFileSync('umount', ['-l', disk])
  rmSync(disk, { recursive: true, force: true })
})

/** Appends until something else than success comes; the names that were acknowledged, and that. */
async function fill(journal: LmdbJournal, prefix: string): Promise<[string[], string]> {
  const names: string[] = []
  for (let index = 0; index < 1_000; index += 1) {
    const name = `${prefix}${index}`
    const outcome = await outcomeOf(journal.append(batchOf('s', [name], 200_000)))
    if (outcome !== 'done') return [names, outcome]
    names.push(name)
  }
  throw new Error('the disk never filled')
}

/** Tries as a source does, until it is taken. */
async function untilTaken(journal: LmdbJournal, name: string): Promise<number> {
  for (let tries = 0; tries < 100; tries += 1) {
    const outcome = await outcomeOf(journal.append(batchOf('s', [name], 200_000)))
    if (outcome === 'done') return tries
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error('it was never taken again')
}

function namesIn(journal: LmdbJournal): string[] {
  const names: string[] = []
  for (let after = journal.firstOffset() - 1; ;) {
    const entries = journal.read(after, MIB)
    if (entries.length === 0) return names
    for (const { batch } of entries) for (const { id } of batch.events ?? []) names.push(id)
    after = entries.at(-1)?.offset ?? 0
  }
}

describe.skipIf(!mounts)('on a full disk (needs root on Linux to mount a small one)', () => {
  test('data waits, control passes, nothing acknowledged is lost, and it heals by itself', async () => {
    const filler = join(disk, 'filler')
    writeFileSync(filler, Buffer.alloc(12 * MIB, 1))
    const journal = await rig.open({ bytesMax: 1_024 * MIB })
    const reserve = join(rig.dir, 'reserve')
    expect(statSync(reserve).size).toBe(MIB)
    const [taken, outcome] = await fill(journal, 'a')
    expect(outcome).toBe('JOURNAL_DISK')
    expect(taken.length).toBeGreaterThan(20)
    expect(journal.state()).toMatchObject({ diskFull: true, lastError: { code: 'JOURNAL_DISK' } })
    expect(await outcomeOf(journal.append(batchOf('t', ['small'])))).toBe('JOURNAL_DISK')

    const last = journal.lastOffset()
    for (let index = 0; index < 50; index += 1) {
      expect(await journal.append(auditOf(`login ${index}`))).toBe(last + 1 + index)
    }
    await journal.saveReader('store', 3)
    expect(await journal.trim(3)).toBe(3)
    expect(namesIn(journal)).toEqual(taken.slice(3))

    unlinkSync(filler)
    await untilTaken(journal, 'healed')
    expect(journal.state()).toEqual({ full: false, diskFull: false, lastError: undefined })
    expect(statSync(reserve).size).toBe(MIB)
    await rig.close()
    const again = await rig.open({ bytesMax: 1_024 * MIB })
    expect(namesIn(again)).toEqual([...taken.slice(3), 'healed'])
    expect(again.readerOffset('store')).toBe(3)
  })

  test('trimming alone heals it, though the file does not shrink; and so again and again', async () => {
    const journal = await rig.open({ bytesMax: 1_024 * MIB })
    for (let round = 0; round < 3; round += 1) {
      const [taken, outcome] = await fill(journal, `${round}-`)
      expect(outcome).toBe('JOURNAL_DISK')
      expect(taken.length).toBeGreaterThan(30)
      expect(namesIn(journal).slice(-taken.length)).toEqual(taken)
      await journal.trim(journal.lastOffset())
      await untilTaken(journal, `healed ${round}`)
      expect(namesIn(journal)).toEqual([`healed ${round}`])
    }
  })

  test('a start is possible, to read and to trim', async () => {
    const first = await rig.open({ bytesMax: 1_024 * MIB })
    const [taken] = await fill(first, 'a')
    await first.append(auditOf('uses the reserve'))
    await rig.close()
    const journal = await rig.open({ bytesMax: 1_024 * MIB })
    expect(namesIn(journal)).toEqual(taken)
    expect(await journal.trim(taken.length)).toBe(taken.length)
    await untilTaken(journal, 'b')
    expect(namesIn(journal)).toEqual(['b'])
  })
})
