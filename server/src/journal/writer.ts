import { randomBytes } from 'node:crypto'
import type { Logger } from '../base/log.ts'
import { type Problem, ProblemError } from '../base/problems.ts'
import { ENVELOPE_OVERHEAD, envelopeKeyId } from '../base/seal.ts'
import type { DataKey, Keyring } from '../vault/keyring.ts'
import { type Account, EMPTY_ACCOUNT, decodeAccount, encodeAccount } from './account.ts'
import { type Lmdb, openDatabase } from './database.ts'
import { DiskReserve } from './disk-reserve.ts'
import { KeyEpochs } from './key-epochs.ts'
import {
  ACCOUNT_KEY,
  FORMAT_VERSION,
  JOURNAL_ID_BYTES,
  NameHashes,
  VERSION_KEY,
  boundTo,
  decodeIndex,
  encodeIndex,
  entryKey,
  indexKey,
} from './layout.ts'
import type { AppendRequest, Reply, WriteRequest, WriterSettings } from './protocol.ts'
import { deadProblem, diskProblem, fullProblem } from './problems.ts'
import type { SharedView } from './shared-view.ts'
import { StateLog } from './state-log.ts'

/** What an entry costs beyond its envelope: index record, keys, the tree above. */
const ENTRY_EXTRA_BYTES = 96
const TRIM_STEP = 200

export interface WriterOptions {
  readonly settings: WriterSettings
  readonly keyring: Keyring
  readonly view: SharedView
  readonly log: Logger
}

/**
 * The only one that writes to a journal: gives offsets, keeps the budget and the account, seals. All
 * of it is synchronous and flushed when a call returns; it lives in a thread that may wait for a disk.
 */
export class JournalWriter {
  readonly #options: WriterOptions
  readonly #db: Lmdb
  readonly #reserve: DiskReserve
  readonly #names: NameHashes
  readonly #state: StateLog
  readonly #epochs: KeyEpochs
  readonly #journalId: Buffer
  #account: Account = { ...EMPTY_ACCOUNT }
  #trouble: Problem | undefined
  /** The last batch of data found no room in the budget, and nothing was trimmed since. */
  #full = false
  #dead = false

  /** Throws ProblemError JOURNAL_DISK or JOURNAL_CORRUPT, and what the keyring throws. */
  constructor(options: WriterOptions) {
    this.#options = options
    const { settings, keyring } = options
    try {
      this.#db = openDatabase(settings.dir, 2 * (settings.bytesMax + settings.reservedBytes))
    } catch (error) {
      throw new ProblemError(diskProblem(this.#options.settings.dir, error))
    }
    this.#reserve = new DiskReserve(settings.dir, settings.reservedBytes)
    this.#names = new NameHashes(keyring.derive('journal names'))
    const sealer = {
      seal: (key: Buffer, plain: Uint8Array) => this.#seal(key, plain),
      open: (key: Buffer, envelope: Buffer) => this.#open(key, envelope),
    }
    this.#state = new StateLog(this.#db, this.#names, sealer)
    try {
      this.#epochs = new KeyEpochs({ ...options, db: this.#db, sealer, state: this.#state })
      this.#journalId = this.#readIdentity()
      this.#readAccount()
    } catch (error) {
      void this.#db.close()
      throw error instanceof ProblemError
        ? error
        : new ProblemError(diskProblem(this.#options.settings.dir, error))
    }
    if (!this.#reserve.take()) this.#reserve.markFull()
    this.#publish()
  }

  /** What was last in the way of writing; undefined once writing works again. */
  get trouble(): Problem | undefined {
    return this.#trouble
  }

  /**
   * Writes a group of requests in one transaction and answers each. A request that the budget has no
   * room for is answered so; a disk that fails fails them all, but on a full disk those that may use
   * the reserved space are written nevertheless.
   */
  commit(group: readonly WriteRequest[]): Reply[] {
    const replies = new Map<WriteRequest, Reply>()
    const refuse = (request: WriteRequest, problem: Problem): void =>
      void replies.set(request, { id: request.id, ok: false, problem })

    let rest = this.#admit(group, refuse)
    let failure = this.#attempt(rest, replies)
    if (failure !== undefined && this.#reserve.full) {
      for (const request of rest) if (!isEssential(request)) refuse(request, failure)
      rest = rest.filter(isEssential)
      this.#reserve.release()
      if (rest.length > 0) failure = this.#attempt(rest, replies)
    }
    if (failure !== undefined) for (const request of rest) refuse(request, failure)
    this.#publish()
    return group.map((request) => replies.get(request)!)
  }

  /** Removes some of the entries up to an offset. Throws ProblemError JOURNAL_DISK. */
  trimStep(upTo: number, nowMs: number): { readonly removed: number; readonly done: boolean } {
    const end = Math.min(upTo, this.#account.last)
    const stop = Math.min(end, this.#account.first + TRIM_STEP - 1)
    if (stop < this.#account.first) return { removed: 0, done: true }
    const before = { ...this.#account }
    const remove = (): void => {
      for (let offset = before.first; offset <= stop; offset += 1) this.#remove(offset)
      this.#account.first = stop + 1
      if (this.#account.entries === 0) this.#account.bytes = 0
    }
    let failure = this.#inTransaction(0, nowMs, remove)
    if (failure !== undefined && this.#reserve.full && this.#reserve.release()) {
      failure = this.#inTransaction(0, nowMs, remove)
    }
    if (failure === undefined) this.#full = false
    this.#publish()
    if (failure !== undefined) throw new ProblemError(failure)
    return { removed: before.entries - this.#account.entries, done: stop >= end }
  }

  /**
   * Lets keys die that seal nothing any more. Returns the ids of those that died, and whether there is
   * more to do: it takes small steps between appends.
   */
  retireKeys(nowMs: number): { readonly gone: readonly string[]; readonly more: boolean } {
    const nothing = { gone: [], more: false }
    if (this.#reserve.full || this.#dead) return nothing
    const oldest = decodeIndex(this.#db.getBinary(indexKey(this.#account.first)))
    if (this.#account.entries > 0 && oldest === undefined) return nothing
    const dying = this.#epochs.dying(oldest?.keyId)
    if (dying.length === 0) return nothing
    let more = false
    const failure = this.#inTransaction(0, nowMs, () => {
      more = this.#epochs.renew(dying)
    })
    if (failure !== undefined) return nothing
    return more ? { gone: [], more } : { gone: this.#epochs.destroy(dying), more }
  }

  async close(): Promise<void> {
    await this.#db.close()
  }

  #admit(
    group: readonly WriteRequest[],
    refuse: (request: WriteRequest, problem: Problem) => void,
  ): WriteRequest[] {
    const refused = new Set<string>()
    let bytes = this.#account.bytes
    return group.filter((request) => {
      if (request.kind === 'reader') return true
      const cost = costOf(request)
      // a later batch of a source must not pass an earlier one: its cursor would skip what was refused
      const problem = refused.has(request.source)
        ? fullProblem('an earlier batch of this source waits')
        : this.#refusal(request, bytes, cost)
      if (problem === undefined) {
        if (request.weight === 'data') this.#full = false
        bytes += cost
        return true
      }
      if (problem.code === 'JOURNAL_FULL') this.#full = true
      refused.add(request.source)
      refuse(request, problem)
      return false
    })
  }

  #refusal(request: AppendRequest, bytes: number, cost: number): Problem | undefined {
    if (request.weight === 'progress') return undefined
    if (request.weight !== 'control' && !this.#hasRoom(cost, bytes)) {
      return this.#trouble ?? diskProblem(this.#options.settings.dir, new Error('the disk is full'))
    }
    const { bytesMax, reservedBytes, ageMaxMs } = this.#options.settings
    const share = { data: 1, tick: 0.5, control: 0 }[request.weight]
    if (bytes + cost > bytesMax - reservedBytes * share)
      return fullProblem('its byte budget is used')
    const oldestMs = this.#options.view.get('oldestMs')
    if (request.weight === 'data' && oldestMs > 0 && request.nowMs - oldestMs > ageMaxMs) {
      return fullProblem('its oldest record has reached the age budget')
    }
    return undefined
  }

  #hasRoom(cost: number, bytes: number): boolean {
    const wasFull = this.#reserve.full
    if (!this.#reserve.admits(cost, bytes)) return false
    // what the last transaction freed can be used only by the one after the next: make that one now
    if (wasFull) this.#inTransaction(0, 0, () => undefined)
    return !this.#reserve.full
  }

  #attempt(
    requests: readonly WriteRequest[],
    replies: Map<WriteRequest, Reply>,
  ): Problem | undefined {
    if (requests.length === 0) return undefined
    const needed = requests.reduce((sum, one) => sum + costOf(one), 0)
    const nowMs = requests.at(-1)?.nowMs ?? 0
    const offsets: number[] = []
    const failure = this.#inTransaction(needed, nowMs, () => {
      for (const request of requests) offsets.push(this.#apply(request))
    })
    if (failure !== undefined) return failure
    for (const [at, request] of requests.entries()) {
      replies.set(request, { id: request.id, ok: true, value: offsets[at] ?? 0 })
    }
    return undefined
  }

  #inTransaction(needed: number, nowMs: number, write: () => void): Problem | undefined {
    if (this.#dead) return this.#trouble
    this.#epochs.turn(nowMs)
    const before = { ...this.#account }
    try {
      this.#db.transactionSync(() => {
        write()
        this.#db.put(ACCOUNT_KEY, this.#seal(ACCOUNT_KEY, encodeAccount(this.#account)))
      })
      if (!this.#reserve.full) this.#trouble = undefined
      return undefined
    } catch (error) {
      this.#account = before
      this.#state.forget()
      if (error instanceof ProblemError) return error.problem
      const full = this.#reserve.explains(error, needed)
      if (full) this.#reserve.markFull()
      this.#trouble = diskProblem(
        this.#options.settings.dir,
        full ? new Error('the disk is full') : error,
      )
      this.#probe()
      return this.#trouble
    }
  }

  #apply(request: WriteRequest): number {
    if (request.reader !== undefined) {
      const key = this.#names.readerKey(request.reader.name)
      const plain = Buffer.from(JSON.stringify(request.reader))
      this.#db.put(key, this.#seal(key, plain))
    }
    if (request.kind === 'reader') return 0
    const account = this.#account
    account.last += 1
    const key = entryKey(account.last)
    const envelope = this.#seal(key, request.payload)
    const bytes = envelope.byteLength + ENTRY_EXTRA_BYTES
    const keyId = envelopeKeyId(envelope) ?? ''
    this.#db.put(key, envelope)
    this.#db.put(indexKey(account.last), encodeIndex({ bytes, atMs: request.nowMs, keyId }))
    account.bytes += bytes
    account.entries += 1
    if (request.cursor !== undefined) {
      const cursor = this.#names.cursorKey(request.cursor.source, request.cursor.key)
      this.#db.put(cursor, this.#seal(cursor, Buffer.from(JSON.stringify(request.cursor))))
    }
    if (request.state !== undefined) this.#state.add(request.state.source, request.state.changes)
    return account.last
  }

  #remove(offset: number): void {
    const record = decodeIndex(this.#db.getBinary(indexKey(offset)))
    this.#db.remove(entryKey(offset))
    this.#db.remove(indexKey(offset))
    this.#account.bytes = Math.max(0, this.#account.bytes - (record?.bytes ?? 0))
    this.#account.entries -= 1
  }

  #seal(key: Buffer, plain: Uint8Array): Buffer {
    const dataKey: DataKey = this.#epochs.current
    this.#epochs.count(plain.byteLength)
    return this.#options.keyring.seal(dataKey, boundTo(this.#journalId, key), plain)
  }

  #open(key: Buffer, envelope: Buffer): Buffer {
    const opened = this.#options.keyring.open(envelope, boundTo(this.#journalId, key))
    if (opened.ok) return opened.bytes
    throw new ProblemError({
      code: 'JOURNAL_CORRUPT',
      message: `A record of the journal's own (${key.toString('latin1', 0, 1)}) cannot be opened.`,
      hint: 'The journal or the keys folder was changed or restored without the other.',
    })
  }

  #readIdentity(): Buffer {
    const known = this.#db.getBinary(VERSION_KEY)
    if (known?.byteLength === 1 + JOURNAL_ID_BYTES && known[0] === FORMAT_VERSION) {
      return known.subarray(1)
    }
    if (known !== undefined) {
      throw new ProblemError({
        code:
          known[0] !== undefined && known[0] > FORMAT_VERSION ? 'DATA_NEWER' : 'JOURNAL_CORRUPT',
        message: `The journal in ${this.#options.settings.dir} has a format that this Picket does not read.`,
      })
    }
    const id = randomBytes(JOURNAL_ID_BYTES)
    try {
      this.#db.transactionSync(() => {
        this.#db.put(VERSION_KEY, Buffer.concat([Buffer.from([FORMAT_VERSION]), id]))
      })
    } catch (error) {
      throw new ProblemError(diskProblem(this.#options.settings.dir, error))
    }
    return id
  }

  #readAccount(): void {
    const sealed = this.#db.getBinary(ACCOUNT_KEY)
    if (sealed !== undefined) this.#account = decodeAccount(this.#open(ACCOUNT_KEY, sealed))
  }

  #publish(): void {
    const { view } = this.#options
    const { last, first, bytes, entries } = this.#account
    if (this.#dead) return
    const oldest = entries === 0 ? undefined : this.#db.getBinary(indexKey(first))
    view.set('oldestMs', decodeIndex(oldest)?.atMs ?? 0)
    view.set('bytes', bytes)
    view.set('entries', entries)
    view.set('first', first)
    view.set('last', last)
    view.set('diskFull', this.#reserve.full ? 1 : 0)
    view.set('full', this.#full ? 1 : 0)
    // an open snapshot of our own would keep freed pages from being used again
    this.#db.resetReadTxn()
  }

  /**
   * LMDB gives up for good when it could not write its own head page (an error of the disk, or a full
   * one on a file system that copies on write). A write transaction would then bring the process down,
   * so it is found out by a read, and this process writes no more.
   */
  #probe(): void {
    try {
      this.#db.resetReadTxn()
      this.#db.getBinary(VERSION_KEY)
    } catch {
      this.#dead = true
      this.#trouble = deadProblem()
    }
  }
}

function isEssential(request: WriteRequest): boolean {
  return request.kind === 'reader' || request.weight === 'control' || request.weight === 'progress'
}

function costOf(request: WriteRequest): number {
  if (request.kind === 'reader') return ENTRY_EXTRA_BYTES
  return request.payload.byteLength + ENVELOPE_OVERHEAD + ENTRY_EXTRA_BYTES
}
