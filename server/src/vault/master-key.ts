import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chmodSync, existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { SEAL_KEY_BYTES } from '../base/seal.ts'
import type { Logger } from '../base/log.ts'
import { ProblemError } from '../base/problems.ts'
import { writeFileDurably } from './durable.ts'

/**
 * Where the master key comes from. `generated`: a key file in the data directory, made at the first
 * run; it protects a copy of single files and makes erasure work, but not a copy of the directory.
 */
export type MasterKeySource =
  | { readonly kind: 'env'; readonly name: string }
  | { readonly kind: 'file'; readonly path: string }
  /** A program and its arguments, run without a shell; its standard output is the key. */
  | { readonly kind: 'command'; readonly argv: readonly string[] }
  | { readonly kind: 'generated' }

export interface MasterKeyOptions {
  readonly source: MasterKeySource
  /** Folder of the generated key. */
  readonly keysDir: string
  readonly env: Readonly<Record<string, string | undefined>>
  readonly log: Logger
}

const COMMAND_TIMEOUT_MS = 10_000
const SOURCE_BYTES_MAX = 4_096

/**
 * Reads the 32 bytes of the master key: 64 hex digits, or base64 (also base64url), or, from a file,
 * the 32 bytes as they are. Rejects with ProblemError VAULT_KEY_UNREADABLE or VAULT_KEY_FORM. No
 * message holds any part of the key.
 */
export async function loadMasterKey(options: MasterKeyOptions): Promise<Buffer> {
  const { source, env } = options
  switch (source.kind) {
    case 'env': {
      const text = env[source.name]
      const where = `environment variable ${source.name}`
      if (text === undefined || text === '') throw unreadable(where, 'it is not set')
      return parseMasterKey(Buffer.from(text), where)
    }
    case 'file':
      return parseMasterKey(readKeyFile(source.path), `file ${source.path}`)
    case 'command':
      return parseMasterKey(await runKeyCommand(source.argv), `command ${source.argv[0] ?? ''}`)
    case 'generated':
      return loadGenerated(options)
  }
}

function loadGenerated({ keysDir, log }: MasterKeyOptions): Buffer {
  const path = join(keysDir, 'master.key')
  if (!existsSync(path)) {
    if (existsSync(join(keysDir, 'master.json'))) {
      throw unreadable(`file ${path}`, 'it is gone, but the data was sealed with it')
    }
    writeFileDurably(path, `${randomBytes(SEAL_KEY_BYTES).toString('base64')}\n`)
    log.warn(
      { path },
      'Made a master key beside the data. Keep a copy elsewhere; without it the data cannot be read.',
    )
  }
  if ((statSync(path).mode & 0o077) !== 0) {
    chmodSync(path, 0o600)
    log.warn({ path }, 'The master key file was readable by others; its mode is 0600 again.')
  }
  return parseMasterKey(readKeyFile(path), `file ${path}`)
}

function readKeyFile(path: string): Buffer {
  try {
    if (statSync(path).size > SOURCE_BYTES_MAX) throw new Error('it is too long for a key')
    return readFileSync(path)
  } catch (error) {
    throw unreadable(`file ${path}`, reason(error))
  }
}

function runKeyCommand(argv: readonly string[]): Promise<Buffer> {
  const [program, ...args] = argv
  if (program === undefined) throw unreadable('command', 'it is empty')
  return new Promise((resolve, reject) => {
    const limits = { timeout: COMMAND_TIMEOUT_MS, maxBuffer: SOURCE_BYTES_MAX, windowsHide: true }
    execFile(program, args, { ...limits, encoding: 'buffer' }, (error, stdout) => {
      if (error === null) return resolve(stdout)
      // the message of a failed command holds its arguments, so it is not repeated
      const { code, killed } = error
      const why = killed ? 'it took too long or said too much' : `it ended with ${String(code)}`
      reject(unreadable(`command ${program}`, why))
    })
  })
}

function parseMasterKey(bytes: Buffer, where: string): Buffer {
  const text = bytes.toString('latin1').trim()
  if (/^[0-9a-f]{64}$/i.test(text)) return Buffer.from(text, 'hex')
  if (/^[A-Za-z0-9+/_-]{43}=?$/.test(text)) return Buffer.from(text, 'base64')
  if (bytes.length === SEAL_KEY_BYTES) return bytes
  throw new ProblemError({
    code: 'VAULT_KEY_FORM',
    message: `The master key from ${where} is not 32 bytes in hexadecimal or base64.`,
    hint: 'Make one with: openssl rand -base64 32',
  })
}

function unreadable(where: string, why: string): ProblemError {
  return new ProblemError({
    code: 'VAULT_KEY_UNREADABLE',
    message: `The master key could not be read from ${where}: ${why}.`,
  })
}

function reason(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException
  return code === undefined ? message : code
}
