import { type Problem, ProblemError } from '../base/problems.ts'
import type { BatchPart, JournalBatch, JournalEntry } from '../model/journal.ts'
import type { Keyring } from '../vault/keyring.ts'
import { bitsOf, decodeBatch } from './codec.ts'
import { type Lmdb, rangeOf } from './database.ts'
import {
  JOURNAL_ID_BYTES,
  type NameHashes,
  VERSION_KEY,
  after,
  boundTo,
  entryKey,
  prefixOf,
} from './layout.ts'
import type { SharedView } from './shared-view.ts'
import { applyChanges } from './state-log.ts'

/** An entry that cannot be read; the reader decides whether to go on after `offset`. */
export class JournalCorruptError extends ProblemError {
  readonly offset: number
  constructor(offset: number, problem: Problem) {
    super(problem)
    this.offset = offset
  }
}

/** The reading side, for one thread. Every call is one short transaction that copies what it needs. */
export class JournalReading {
  readonly #db: Lmdb
  readonly #keyring: Keyring
  readonly #view: SharedView
  readonly #names: NameHashes
  readonly #journalId: Buffer

  constructor(db: Lmdb, keyring: Keyring, view: SharedView, names: NameHashes) {
    this.#db = db
    this.#keyring = keyring
    this.#view = view
    this.#names = names
    const version = db.getBinary(VERSION_KEY)
    this.#journalId = Buffer.from(version?.subarray(1) ?? Buffer.alloc(JOURNAL_ID_BYTES))
  }

  read(
    afterOffset: number,
    bytesMax: number,
    wanted?: readonly BatchPart[],
  ): readonly JournalEntry[] {
    const bits = wanted === undefined ? -1 : bitsOf(wanted)
    const entries: JournalEntry[] = []
    let bytes = 0
    this.#snapshot(() => {
      const last = this.#view.get('last')
      let offset = Math.max(afterOffset + 1, this.#view.get('first'))
      for (; offset <= last && (entries.length === 0 || bytes < bytesMax); offset += 1) {
        const stored = this.#db.getBinaryFast(entryKey(offset))
        // trimmed since: the entries before are gone too
        if (stored === undefined && offset < this.#view.get('first')) continue
        const batch = this.#decode({ offset, stored, bits, quiet: entries.length > 0 })
        if (batch === undefined) return
        bytes += stored?.length ?? 0
        entries.push({ offset, batch })
      }
    })
    return entries
  }

  readerOffset(name: string): number {
    const key = this.#names.readerKey(name)
    const sealed = this.#snapshot(() => this.#db.getBinary(key))
    if (sealed === undefined) return 0
    const { offset } = JSON.parse(this.#open(key, sealed).toString('utf8')) as { offset: number }
    return offset
  }

  cursors(source: string): ReadonlyMap<string, string> {
    const found = new Map<string, string>()
    for (const { key, value } of this.#small('c', source)) {
      const cursor = JSON.parse(this.#open(key, value).toString('utf8')) as {
        key: string
        value: string
      }
      found.set(cursor.key, cursor.value)
    }
    return found
  }

  decoderState(source: string): ReadonlyMap<string, string> {
    const state = new Map<string, string>()
    for (const { key, value } of this.#small('s', source)) {
      applyChanges(state, this.#open(key, value))
    }
    return state
  }

  #small(kind: 'c' | 's', source: string): { key: Buffer; value: Buffer }[] {
    const prefix = prefixOf(kind, this.#names.source(source))
    return this.#snapshot(() => rangeOf(this.#db, prefix, after(prefix)))
  }

  /** Sees what is committed now, and lets go of it at once, so that freed pages can be used again. */
  #snapshot<T>(read: () => T): T {
    this.#db.resetReadTxn()
    try {
      return read()
    } finally {
      this.#db.resetReadTxn()
    }
  }

  /** `stored` may be in memory that the next read overwrites, and may be longer than its `length`. */
  #decode(one: {
    readonly offset: number
    readonly stored: Buffer | undefined
    readonly bits: number
    readonly quiet: boolean
  }): JournalBatch | undefined {
    const { offset, stored, bits, quiet } = one
    const corrupt = (why: string): undefined => {
      if (quiet) return undefined
      throw new JournalCorruptError(offset, {
        code: 'JOURNAL_CORRUPT',
        message: `Record ${offset} of the journal cannot be read: ${why}.`,
        at: { field: String(offset) },
      })
    }
    if (stored === undefined) return corrupt('it is missing')
    const envelope = Buffer.from(stored.buffer, stored.byteOffset, stored.length)
    const opened = this.#keyring.open(envelope, boundTo(this.#journalId, entryKey(offset)))
    if (!opened.ok) {
      const why = { truncated: 'it is cut short', version: 'it has an unknown form' }
      if (opened.fault === 'key') return corrupt(`its key ${opened.keyId} is gone`)
      return corrupt(opened.fault === 'forged' ? 'it was changed' : why[opened.fault])
    }
    try {
      return decodeBatch(opened.bytes, bits)
    } catch {
      return corrupt('its content has an unknown form')
    }
  }

  #open(key: Buffer, sealed: Buffer): Buffer {
    const bound = boundTo(this.#journalId, key)
    let opened = this.#keyring.open(sealed, bound)
    if (!opened.ok && opened.fault === 'key') {
      // sealed anew between the read and now, and its old key destroyed
      const again = this.#snapshot(() => this.#db.getBinary(key))
      if (again !== undefined) opened = this.#keyring.open(again, bound)
    }
    if (opened.ok) return opened.bytes
    throw new ProblemError({
      code: 'JOURNAL_CORRUPT',
      message: `A saved position of the journal cannot be opened (${opened.fault}).`,
      hint: 'The journal or the keys folder was changed or restored without the other.',
    })
  }
}
