import type { Logger } from '../base/log.ts'
import { envelopeKeyId } from '../base/seal.ts'
import type { DataKey, Keyring } from '../vault/keyring.ts'
import { type Lmdb, rangeOf } from './database.ts'
import { after, prefixOf } from './layout.ts'
import type { WriterSettings } from './protocol.ts'
import type { StateLog, StateSealer } from './state-log.ts'

const RENEW_STEP = 200

export interface KeyEpochsOptions {
  readonly settings: WriterSettings
  readonly keyring: Keyring
  readonly log: Logger
  readonly db: Lmdb
  readonly sealer: StateSealer
  readonly state: StateLog
}

/**
 * The key that seals changes with every epoch (so many bytes, or so long). Once the entries of an
 * epoch are trimmed, the few small records that its key still seals (cursors, positions, decoder
 * state) are sealed anew and the key is destroyed: what LMDB's free pages still hold of that epoch is
 * noise from then on.
 */
export class KeyEpochs {
  readonly #options: KeyEpochsOptions
  #current: DataKey
  #sealedBytes = 0
  #warned = false

  constructor(options: KeyEpochsOptions) {
    this.#options = options
    this.#current = options.keyring.current('journal', options.settings.openedMs)
  }

  get current(): DataKey {
    return this.#current
  }

  count(bytes: number): void {
    this.#sealedBytes += bytes
  }

  /** Begins a new epoch when it is time. With no room for a new key the old one serves on. */
  turn(nowMs: number): void {
    const { settings, keyring, log } = this.#options
    const old = nowMs - this.#current.madeMs >= settings.epochMs && this.#sealedBytes > 0
    if (!old && this.#sealedBytes < settings.epochBytes) return
    try {
      this.#current = keyring.create('journal', nowMs)
      this.#sealedBytes = 0
      this.#warned = false
    } catch (error) {
      if (!this.#warned) log.warn({ error: String(error) }, 'No new journal key could be made.')
      this.#warned = true
    }
  }

  /**
   * Keys older than that of the oldest entry and than the current one. `firstKeyId`: key of the oldest
   * entry; undefined when there is none.
   */
  dying(firstKeyId: string | undefined): readonly string[] {
    const ids = this.#options.keyring.list('journal').map(({ id }) => id)
    const first = ids.indexOf(firstKeyId ?? this.#current.id)
    return first <= 0 ? [] : ids.slice(0, first)
  }

  /**
   * Inside a write transaction: seals anew what dying keys still seal of the small records, the account
   * apart, which every transaction writes anyway. Returns whether there is more to do.
   */
  renew(dying: readonly string[]): boolean {
    const { db, sealer, state } = this.#options
    const isStale = (value: Buffer): boolean => dying.includes(envelopeKeyId(value) ?? '')
    let renewed = 0
    for (const kind of ['c', 'r'] as const) {
      for (const { key, value } of rangeOf(db, prefixOf(kind), after(prefixOf(kind)))) {
        if (!isStale(value)) continue
        if (renewed >= RENEW_STEP) return true
        db.put(key, sealer.seal(key, sealer.open(key, value)))
        renewed += 1
      }
    }
    return state.renewStep(isStale)
  }

  /** Destroys keys that seal nothing any more. Returns those that are gone. */
  destroy(dying: readonly string[]): readonly string[] {
    try {
      this.#options.keyring.destroy(dying)
      return dying
    } catch (error) {
      this.#options.log.warn({ error: String(error) }, 'Old journal keys could not be destroyed.')
      return []
    }
  }
}
