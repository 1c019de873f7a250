import { createHash, hkdfSync, randomBytes } from 'node:crypto'
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Logger } from '../base/log.ts'
import { ProblemError } from '../base/problems.ts'
import {
  KEY_ID_BYTES,
  NONCE_BYTES,
  type Opened,
  SEAL_KEY_BYTES,
  type SealKey,
  openEnvelope,
  sealEnvelope,
} from '../base/seal.ts'
import { destroyFile, makePrivateFolder, sweepFolder, writeFileDurably } from './durable.ts'
import { type MasterKeySource, loadMasterKey } from './master-key.ts'

/**
 * What a key seals. Keys of one domain die together with what they sealed: `journal` by epoch once it
 * is trimmed, `snapshot` with the snapshot; `state` keys live as long as the state.
 */
export type KeyDomain = 'journal' | 'snapshot' | 'state' | 'archive'

export interface DataKey extends SealKey {
  readonly domain: KeyDomain
  readonly madeMs: number
}

/** Data keys on disk, each wrapped by the master key in a file of its own so that it can be destroyed. */
export interface Keyring {
  /** Makes a new key of a domain and keeps it durably. May throw what the file system throws. */
  create(domain: KeyDomain, nowMs: number): DataKey
  /** The newest key of a domain; made where there is none. */
  current(domain: KeyDomain, nowMs: number): DataKey
  /** A key by its id: undefined when there is none (any more). Looks on disk for one not yet known. */
  find(id: string): DataKey | undefined
  /** All keys of a domain, oldest first. */
  list(domain: KeyDomain): readonly DataKey[]
  /** Destroys keys for good: what they sealed cannot be read again by anyone. */
  destroy(ids: readonly string[]): void
  /** Drops keys from memory that another thread has destroyed. */
  forget(ids: readonly string[]): void
  seal(key: SealKey, bound: Uint8Array, plain: Uint8Array): Buffer
  open(envelope: Uint8Array, bound: Uint8Array): Opened
  /** A secret derived for one purpose (RFC 5869), the same in every thread and run. */
  derive(purpose: string): Buffer
  /** What `joinKeyring` of another thread of this process needs. Holds secrets: for workerData only. */
  share(): KeyringShare
}

export interface KeyringShare {
  readonly keysDir: string
  readonly root: Uint8Array
}

export interface KeyringOptions {
  readonly dataDir: { readonly path: string }
  readonly masterKey: MasterKeySource
  readonly env: Readonly<Record<string, string | undefined>>
  readonly log: Logger
}

const KEY_FILE = /^([a-z]+)-([0-9]{1,15})-([0-9a-f]{16})\.key$/
const NONCES_AT_ONCE = 256

/**
 * Opens the keyring of a data directory (`keys/`), making it where there is none. Rejects with
 * ProblemError VAULT_KEY_UNREADABLE, VAULT_KEY_FORM, VAULT_WRONG_KEY or VAULT_DAMAGED.
 */
export async function openKeyring(options: KeyringOptions): Promise<Keyring> {
  const keysDir = join(options.dataDir.path, 'keys')
  makePrivateFolder(keysDir)
  sweepFolder(keysDir, Date.now())
  const { masterKey: source, env, log } = options
  const master = await loadMasterKey({ source, keysDir, env, log })
  checkMaster(keysDir, master)
  const root = Buffer.from(hkdfSync('sha256', master, '', 'picket root v1', SEAL_KEY_BYTES))
  master.fill(0)
  return new FileKeyring({ keysDir, root })
}

/** The same keyring in another thread. */
export function joinKeyring(share: KeyringShare): Keyring {
  return new FileKeyring(share)
}

/** `master.json` tells a wrong master key from a damaged key file, without saying what the right one is. */
function checkMaster(keysDir: string, master: Buffer): void {
  const path = join(keysDir, 'master.json')
  const check = Buffer.from(hkdfSync('sha256', master, '', 'picket check v1', 16)).toString('hex')
  let known: string
  try {
    known = readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw damaged(path)
    if (readdirSync(keysDir).some((name) => KEY_FILE.test(name))) throw damaged(path)
    writeFileDurably(path, `${JSON.stringify({ version: 1, check })}\n`)
    return
  }
  const parsed = parseJson(known) as { version?: unknown; check?: unknown } | undefined
  if (parsed?.version !== 1 || typeof parsed.check !== 'string') throw damaged(path)
  if (parsed.check === check) return
  throw new ProblemError({
    code: 'VAULT_WRONG_KEY',
    message: `The master key is not the one that the data in ${join(keysDir, '..')} was sealed with.`,
    hint: 'Nothing was changed. Give the right key, or another data directory.',
  })
}

class FileKeyring implements Keyring {
  readonly #keysDir: string
  readonly #root: Buffer
  readonly #wrapping: SealKey
  readonly #keys = new Map<string, DataKey>()
  /** Ids that are on no disk: an unknown one is looked for once, not at every damaged entry. */
  readonly #missing = new Set<string>()
  #nonces: Buffer = Buffer.alloc(0)
  #nonceAt = 0

  constructor(share: KeyringShare) {
    this.#keysDir = share.keysDir
    this.#root = Buffer.from(share.root)
    this.#wrapping = { id: '0'.repeat(KEY_ID_BYTES * 2), bytes: this.derive('wrap') }
    this.#load()
  }

  create(domain: KeyDomain, nowMs: number): DataKey {
    const id = randomBytes(KEY_ID_BYTES).toString('hex')
    // never before an older one, whatever the clock does: `current` is the last
    const newest = this.list(domain).at(-1)
    const madeMs = Math.max(0, Math.floor(nowMs), newest === undefined ? 0 : newest.madeMs + 1)
    const key: DataKey = { id, domain, madeMs, bytes: randomBytes(SEAL_KEY_BYTES) }
    writeFileDurably(this.#path(key), this.seal(this.#wrapping, boundOf(key), key.bytes))
    this.#keys.set(id, key)
    return key
  }

  current(domain: KeyDomain, nowMs: number): DataKey {
    return this.list(domain).at(-1) ?? this.create(domain, nowMs)
  }

  find(id: string): DataKey | undefined {
    const known = this.#keys.get(id)
    if (known !== undefined || this.#missing.has(id)) return known
    this.#load()
    const found = this.#keys.get(id)
    if (found === undefined && this.#missing.size < 1_000) this.#missing.add(id)
    return found
  }

  list(domain: KeyDomain): readonly DataKey[] {
    return [...this.#keys.values()]
      .filter((key) => key.domain === domain)
      .sort((a, b) => a.madeMs - b.madeMs)
  }

  destroy(ids: readonly string[]): void {
    for (const id of ids) {
      const key = this.find(id)
      if (key !== undefined) destroyFile(this.#path(key))
    }
    this.forget(ids)
  }

  forget(ids: readonly string[]): void {
    for (const id of ids) {
      this.#keys.get(id)?.bytes.fill(0)
      this.#keys.delete(id)
    }
  }

  seal(key: SealKey, bound: Uint8Array, plain: Uint8Array): Buffer {
    return sealEnvelope({ key, bound, nonce: this.#nonce() }, plain)
  }

  open(envelope: Uint8Array, bound: Uint8Array): Opened {
    return openEnvelope(envelope, bound, (id) => this.find(id))
  }

  derive(purpose: string): Buffer {
    return Buffer.from(hkdfSync('sha256', this.#root, '', `picket ${purpose} v1`, SEAL_KEY_BYTES))
  }

  share(): KeyringShare {
    return { keysDir: this.#keysDir, root: Buffer.from(this.#root) }
  }

  #path(key: DataKey): string {
    return join(this.#keysDir, `${key.domain}-${key.madeMs}-${key.id}.key`)
  }

  #load(): void {
    for (const name of readdirSync(this.#keysDir)) {
      const parts = KEY_FILE.exec(name)
      const id = parts?.[3]
      if (parts === null || id === undefined || this.#keys.has(id)) continue
      const path = join(this.#keysDir, name)
      let wrapped: Buffer
      try {
        wrapped = readFileSync(path)
      } catch {
        continue // destroyed by another thread since the folder was read
      }
      const blank = { id, domain: parts[1] as KeyDomain, madeMs: Number(parts[2]) }
      const opened = openEnvelope(wrapped, boundOf(blank), () => this.#wrapping)
      if (!opened.ok || opened.bytes.byteLength !== SEAL_KEY_BYTES) throw damaged(path)
      this.#keys.set(id, { ...blank, bytes: opened.bytes })
    }
  }

  /** Random nonces, fetched in bulk: one call into the generator for many envelopes. */
  #nonce(): Buffer {
    if (this.#nonceAt + NONCE_BYTES > this.#nonces.byteLength) {
      this.#nonces = randomBytes(NONCE_BYTES * NONCES_AT_ONCE)
      this.#nonceAt = 0
    }
    const nonce = this.#nonces.subarray(this.#nonceAt, this.#nonceAt + NONCE_BYTES)
    this.#nonceAt += NONCE_BYTES
    return nonce
  }
}

function boundOf(key: Pick<DataKey, 'id' | 'domain' | 'madeMs'>): Buffer {
  return createHash('sha256').update(`key ${key.domain} ${key.madeMs} ${key.id}`).digest()
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function damaged(path: string): ProblemError {
  return new ProblemError({
    code: 'VAULT_DAMAGED',
    message: `The key file ${path} is missing or damaged.`,
    at: { file: path },
    hint: 'Restore the keys folder from a backup of the same day as the data.',
  })
}
