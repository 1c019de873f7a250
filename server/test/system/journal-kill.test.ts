/**
 * The journal under `kill -9`, with a real process, real threads and the real vault. `PICKET_KILLS`
 * sets how often, `PICKET_SEED` repeats a run.
 */
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { SILENT } from '../../src/base/log.ts'
import { MetricsRegistry } from '../../src/base/metrics.ts'
import { openJournal } from '../../src/journal/journal.ts'
import type { LmdbJournal } from '../../src/journal/lmdb-journal.ts'
import type { JournalEntry } from '../../src/model/journal.ts'
import { openDataDir } from '../../src/vault/directory.ts'
import { openKeyring } from '../../src/vault/keyring.ts'

const DIST = join(import.meta.dirname, '..', '..', 'dist')
const CHILD = join(import.meta.dirname, 'journal-child.mjs')
const built = existsSync(join(DIST, 'journal', 'writer-thread.js'))
const KILLS = Number(process.env['PICKET_KILLS'] ?? 8)
const SEED = Number(process.env['PICKET_SEED'] ?? Date.now() % 1_000_000_007)
const SOURCES = ['s1', 's2', 's3'] as const

/** Park and Miller's generator: small, and the same everywhere. */
function randomOf(seed: number): () => number {
  let state = (seed % 2_147_483_646) + 1
  return () => {
    state = (state * 48_271) % 2_147_483_647
    return state / 2_147_483_647
  }
}

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'picket-kill-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

/** Runs the child for a while, kills it, and returns the last number it acknowledged of each kind. */
async function runAndKill(afterMs: number): Promise<Map<string, number>> {
  const child = spawn(process.execPath, [CHILD, DIST, folder], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let said = ''
  let complaint = ''
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()))
  await new Promise<void>((resolve) => {
    child.stdout.on('data', (bytes: Buffer) => {
      said += bytes.toString()
      resolve()
    })
    child.stderr.on('data', (bytes: Buffer) => {
      complaint += bytes.toString()
    })
    child.once('exit', () => resolve())
  })
  await new Promise((resolve) => setTimeout(resolve, afterMs))
  expect(complaint).toBe('')
  child.kill('SIGKILL')
  await ended
  const acknowledged = new Map<string, number>()
  // the last line may have been cut by the kill: it counts only when it is whole
  for (const line of said.slice(0, said.lastIndexOf('\n')).split('\n')) {
    const [kind, value] = line.split(' ')
    acknowledged.set(kind ?? '', Number(value))
  }
  return acknowledged
}

function readAll(journal: LmdbJournal): JournalEntry[] {
  const entries: JournalEntry[] = []
  for (let after = journal.firstOffset() - 1; ;) {
    const part = journal.read(after, 1 << 20)
    if (part.length === 0) return entries
    entries.push(...part)
    after = part.at(-1)?.offset ?? 0
  }
}

function checkSource(
  journal: LmdbJournal,
  entries: readonly JournalEntry[],
  source: string,
): number {
  const cursor = Number(journal.cursors(source).get('file') ?? 0)
  const state = new Map(journal.decoderState(source))
  expect(Number(state.get('n') ?? 0)).toBe(cursor)
  const numbers: number[] = []
  for (const { batch } of entries) {
    if (batch.source !== source) continue
    expect(batch.events).toHaveLength(batch.routine?.['count'] ?? 0)
    for (const { doc } of batch.events ?? []) numbers.push(doc['n'] as number)
  }
  const first = numbers[0] ?? 0
  expect(numbers).toEqual(numbers.map((_, index) => first + index))
  if (numbers.length > 0) expect(numbers.at(-1)).toBe(cursor)
  return cursor
}

/** Every entry with events that the position passed was answered exactly once, and no other. */
function checkAnswers(journal: LmdbJournal, entries: readonly JournalEntry[]): void {
  const position = journal.readerOffset('detector')
  const answered = entries.flatMap(({ batch }) => (batch.alerts ?? []).map(({ id }) => id))
  expect(new Set(answered).size).toBe(answered.length)
  const due = entries.filter(({ offset, batch }) => batch.events && offset <= position)
  const missing = due.filter(({ offset }) => !answered.includes(`a${offset}`))
  expect(missing).toEqual([])
  const early = answered.filter((id) => Number(id.slice(1)) > position)
  expect(early).toEqual([])
}

async function check(acknowledged: Map<string, number>): Promise<number> {
  const dataDir = await openDataDir(folder)
  const keyring = await openKeyring({
    dataDir,
    masterKey: { kind: 'generated' },
    env: {},
    log: SILENT,
  })
  const journal = await openJournal({
    dir: join(folder, 'journal'),
    keyring,
    bytesMax: 512 * 1024 * 1024,
    ageMaxMs: 3_600_000,
    reservedBytes: 1024 * 1024,
    metrics: new MetricsRegistry(),
    log: SILENT,
    clock: { now: () => 0 },
  })
  try {
    const entries = readAll(journal)
    const [first, last] = [journal.firstOffset(), journal.lastOffset()]
    expect(entries.map(({ offset }) => offset)).toEqual(
      Array.from({ length: last - first + 1 }, (_, index) => first + index),
    )
    expect(journal.stats().entries).toBe(entries.length)
    const said = (kind: string): number => acknowledged.get(kind) ?? 0
    for (const source of SOURCES) {
      expect(checkSource(journal, entries, source)).toBeGreaterThanOrEqual(said(source))
    }
    checkAnswers(journal, entries)
    expect(journal.readerOffset('detector')).toBeGreaterThanOrEqual(said('detector'))
    expect(first).toBeGreaterThan(said('trimmed'))
    const snapshot = await journal.loadSnapshot('detector')
    expect(snapshot?.offset ?? 0).toBeGreaterThanOrEqual(said('snapshot'))
    if (snapshot !== undefined) {
      const whole = Buffer.alloc(200_000, String(snapshot.offset))
      expect(snapshot.bytes.equals(whole)).toBe(true)
    }
    return last
  } finally {
    await journal.close()
    dataDir.release()
  }
}

describe.skipIf(!built)('a process killed at any moment (needs the build: npx tsc -b)', () => {
  test(
    `loses nothing acknowledged, doubles nothing: ${KILLS} kills, seed ${SEED}`,
    async () => {
      const random = randomOf(SEED)
      const lasts: number[] = []
      for (let kill = 0; kill < KILLS; kill += 1) {
        const acknowledged = await runAndKill(Math.floor(random() ** 2 * 500))
        lasts.push(await check(acknowledged))
      }
      expect(lasts.at(-1)).toBeGreaterThan(KILLS)
    },
    KILLS * 10_000,
  )
})
