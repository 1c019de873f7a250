import { accessSync, constants, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import Database from 'libsql'
import { type Problem, ProblemError } from '../base/problems.ts'
import { makePrivateFolder, writeFileDurably } from './durable.ts'

/** The one folder that holds all that an installation keeps. */
export interface DataDir {
  readonly path: string
  /** Lets another process have it. Safe to call twice. */
  release(): void
}

/**
 * Version of the folder's layout as a whole; raised only by a change that an older version would
 * misread. Version 1: `format.json`, `lock`, `keys/`, `journal/`, and what the other edges add.
 */
const FORMAT_VERSION = 1

/**
 * Takes a data directory for this process: makes it (mode 0700) where there is none, refuses one that
 * another process holds or that a newer Picket wrote.
 *
 * The lock is an exclusive transaction of an empty SQLite file, because Node has no file locks and
 * SQLite's (fcntl byte ranges) are dropped by the kernel when a process ends in any way, `kill -9`
 * included, and hold between containers too, where a process id would say nothing.
 *
 * Rejects with ProblemError DATA_UNUSABLE, DATA_LOCKED, DATA_NEWER.
 */
export async function openDataDir(path: string): Promise<DataDir> {
  const folder = resolve(path)
  prepareFolder(folder)
  const lock = takeLock(folder)
  try {
    checkFormat(folder)
  } catch (error) {
    lock.close()
    throw error
  }
  let held = true
  return {
    path: folder,
    release: () => {
      if (!held) return
      held = false
      lock.close()
    },
  }
}

/** Makes a folder of the data directory where it is not there yet. Throws ProblemError DATA_UNUSABLE. */
export function prepareFolder(folder: string): void {
  try {
    makePrivateFolder(folder)
    if (!statSync(folder).isDirectory()) throw new Error('it is not a folder')
    accessSync(folder, constants.R_OK | constants.W_OK | constants.X_OK)
  } catch (error) {
    throw unusable(folder, error)
  }
}

function takeLock(folder: string): { close(): void } {
  const path = join(folder, 'lock')
  let lock: Database.Database | undefined
  try {
    lock = new Database(path, { timeout: 0 })
    lock.exec('PRAGMA locking_mode=EXCLUSIVE')
    lock.exec('BEGIN EXCLUSIVE')
    writeFileSync(`${path}.pid`, `${process.pid}\n`, { mode: 0o600 })
    return lock
  } catch (error) {
    lock?.close()
    if ((error as { code?: unknown }).code !== 'SQLITE_BUSY') throw unusable(folder, error)
    throw new ProblemError({
      code: 'DATA_LOCKED',
      message: `Another Picket${holder(path)} is using the data directory ${folder}.`,
      hint: 'Stop it, or give this one a directory of its own with --data.',
    })
  }
}

/** For the sentence only: the lock itself does not rest on process ids. */
function holder(path: string): string {
  try {
    const pid = Number.parseInt(readFileSync(`${path}.pid`, 'utf8'), 10)
    return Number.isSafeInteger(pid) ? ` (process ${pid})` : ''
  } catch {
    return ''
  }
}

function checkFormat(folder: string): void {
  const path = join(folder, 'format.json')
  const version = readFormat(path)
  if (version === undefined) {
    try {
      writeFileDurably(path, `${JSON.stringify({ format: FORMAT_VERSION })}\n`)
    } catch (error) {
      throw unusable(folder, error)
    }
    return
  }
  if (version <= FORMAT_VERSION) return
  throw new ProblemError({
    code: 'DATA_NEWER',
    message:
      `The data directory ${folder} has format ${version}; ` +
      `this Picket reads formats up to ${FORMAT_VERSION}.`,
    at: { file: path },
    hint: 'It was written by a newer Picket. Run that one, or restore a backup made before it.',
  })
}

function readFormat(path: string): number | undefined {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw unusable(path, error)
  }
  try {
    const { format } = JSON.parse(text) as { format?: unknown }
    if (typeof format === 'number' && Number.isSafeInteger(format) && format > 0) return format
  } catch {
    // said below
  }
  throw unusable(path, new Error('its format file is damaged'))
}

function unusable(path: string, error: unknown): ProblemError {
  if (error instanceof ProblemError) return error
  const why = error instanceof Error ? error.message : String(error)
  const problem: Problem = {
    code: 'DATA_UNUSABLE',
    message: `The data directory ${path} cannot be used: ${why}.`,
    hint: 'It must be a folder that the user Picket runs as may read and write.',
  }
  return new ProblemError(problem)
}
