import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ManualClock } from '../../base/clock.ts'
import { SILENT } from '../../base/log.ts'
import { MetricsRegistry } from '../../base/metrics.ts'
import { ProblemError } from '../../base/problems.ts'
import type { JournalBatch } from '../../model/journal.ts'
import { type Keyring, openKeyring } from '../../vault/keyring.ts'
import { type JournalOptions, openJournal } from '../journal.ts'
import type { LmdbJournal } from '../lmdb-journal.ts'

const MIB = 1024 * 1024

/** A folder with keys and a journal that can be closed and opened again. */
export class JournalRig {
  readonly base: string
  readonly clock = new ManualClock(1_760_000_000_000)
  readonly metrics = new MetricsRegistry()
  readonly #owned: boolean
  #keyring: Keyring | undefined
  #open: LmdbJournal[] = []

  constructor(base?: string) {
    this.#owned = base === undefined
    this.base = base ?? mkdtempSync(join(tmpdir(), 'picket-journal-'))
  }

  get dir(): string {
    return join(this.base, 'journal')
  }

  async keyring(): Promise<Keyring> {
    this.#keyring ??= await openKeyring({
      dataDir: { path: this.base },
      masterKey: { kind: 'generated' },
      env: {},
      log: SILENT,
    })
    return this.#keyring
  }

  async open(options: Partial<JournalOptions> = {}): Promise<LmdbJournal> {
    const journal = await openJournal({
      dir: this.dir,
      keyring: await this.keyring(),
      bytesMax: 64 * MIB,
      ageMaxMs: 3_600_000,
      reservedBytes: MIB,
      metrics: this.metrics,
      log: SILENT,
      clock: this.clock,
      ...options,
    })
    this.#open.push(journal)
    return journal
  }

  async close(): Promise<void> {
    for (const journal of this.#open) await journal.close()
    this.#open = []
    this.#keyring = undefined
  }

  async remove(): Promise<void> {
    await this.close()
    if (this.#owned) rmSync(this.base, { recursive: true, force: true })
  }
}

/** A batch with events of these names; `padBytes` of noise make it as large as wanted. */
export function batchOf(source: string, names: readonly string[], padBytes = 0): JournalBatch {
  const pad = padBytes === 0 ? {} : { pad: randomBytes(padBytes / 2).toString('hex') }
  const events = names.map((id, index) => ({ id, time: 1_000 + index, doc: { name: id, ...pad } }))
  return { source, ingestedMs: 1, events }
}

export function auditOf(action: string): JournalBatch {
  const entry = { atMs: 1, actor: 'a', action, outcome: 'success' } as const
  return { source: 'api', ingestedMs: 1, audit: [entry] }
}

/** Code of the problem that a promise was rejected with, or `done`. */
export async function outcomeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise
    return 'done'
  } catch (error) {
    if (error instanceof ProblemError) return error.problem.code
    throw error
  }
}
