import { join } from 'node:path'
import type { Clock } from '../base/clock.ts'
import type { Logger } from '../base/log.ts'
import type { MetricsRegistry } from '../base/metrics.ts'
import { ProblemError } from '../base/problems.ts'
import type { Config } from '../config/schema.ts'
import { statePlace } from '../config/state-place.ts'
import { openJournal } from '../journal/journal.ts'
import type { LmdbJournal } from '../journal/lmdb-journal.ts'
import { openState, type State } from '../state/state.ts'
import { openDataDir } from '../vault/directory.ts'
import { type Keyring, openKeyring } from '../vault/keyring.ts'
import type { MasterKeySource } from '../vault/master-key.ts'
import type { Sealer } from '../model/sealer.ts'
import { createSealer } from '../vault/sealer.ts'
import type { Stops } from './stops.ts'

export interface Base {
  readonly dataDir: string
  readonly keyring: Keyring
  /** Of the domain `state`. */
  readonly sealer: Sealer
  readonly journal: LmdbJournal
  readonly state: State
}

export interface OpenOptions {
  readonly config: Config
  readonly env: Readonly<Record<string, string | undefined>>
  readonly clock: Clock
  readonly log: Logger
  readonly metrics: MetricsRegistry
  readonly stops: Stops
}

/** Takes the data directory and opens what lives in it. Rejects with ProblemError. */
export async function openBase(options: OpenOptions): Promise<Base> {
  const { config, env, clock, log, metrics, stops } = options
  const dataDir = await openDataDir(config.data)
  stops.add('data directory', async () => dataDir.release())
  const masterKey = masterKeyOf(config)
  const keyring = await openKeyring({ dataDir, masterKey, env, log })
  const journal = await openJournal({
    dir: join(dataDir.path, 'journal'),
    keyring,
    bytesMax: config.journal.bytes_max,
    ageMaxMs: config.journal.age_max,
    reservedBytes: Math.min(64 * 2 ** 20, Math.floor(config.journal.bytes_max / 8)),
    metrics,
    log,
    clock,
  })
  stops.add('journal', () => journal.close())
  const sealer = createSealer(keyring, 'state', clock)
  const place = await statePlace(config, dataDir.path, env)
  if (!place.ok) throw new ProblemError(place.problem)
  const opened = await openState({ at: place.value, sealer, log })
  if (!opened.ok) throw new ProblemError(opened.problem)
  const state = opened.value
  stops.add('state', () => state.close())
  return { dataDir: dataDir.path, keyring, sealer, journal, state }
}

function masterKeyOf(config: Config): MasterKeySource {
  const ref = config.master_key
  if (ref === undefined) return { kind: 'generated' }
  if ('env' in ref) return { kind: 'env', name: ref.env }
  if ('file' in ref) return { kind: 'file', path: ref.file }
  return { kind: 'command', argv: ref.command }
}
