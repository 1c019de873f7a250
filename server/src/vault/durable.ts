import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs'
import { randomBytes } from 'node:crypto'
import { basename, dirname, join } from 'node:path'

/**
 * Small files that must be there, whole, after a crash. All of it is synchronous and flushes: for
 * start-up and for threads that may wait for a disk, never for a hot path.
 */

/** Makes a folder and those above it. Those made are for this user alone (mode 0700). */
export function makePrivateFolder(path: string): void {
  if (existsSync(path)) return
  // One by one: where nothing can be made, as in /proc, Node's recursive way never ends.
  makePrivateFolder(dirname(path))
  try {
    mkdirSync(path, { mode: 0o700 })
  } catch (error) {
    // Somebody else made it meanwhile.
    if (!existsSync(path)) throw error
  }
  flushFolder(dirname(path))
}

/** Replaces a file in one step: readers see the old content or the new, also after a crash. */
export function writeFileDurably(path: string, bytes: Uint8Array | string): void {
  const part = join(dirname(path), `.${basename(path)}.${randomBytes(4).toString('hex')}.part`)
  try {
    writeFlushed(part, bytes)
    renameSync(part, path)
  } catch (error) {
    removeQuietly(part)
    throw error
  }
  flushFolder(dirname(path))
}

/**
 * Overwrites a file, then removes it. It is renamed before, so that a crash half way leaves no damaged
 * file of that name; `sweepFolder` finishes what was begun. On a file system that copies on write, and
 * on flash, old blocks may live on until they are reused; that is why what we destroy this way is
 * sealed by another key.
 */
export function destroyFile(path: string): void {
  if (!existsSync(path)) return
  const dead = join(dirname(path), `.${basename(path)}.dead`)
  renameSync(path, dead)
  overwriteAndRemove(dead)
  flushFolder(dirname(path))
}

const PART_AGE_MS = 60_000

/**
 * Removes what a crash in the middle of a write or a removal left in a folder. A file that is being
 * written is left alone: only parts that have lain for a minute go.
 */
export function sweepFolder(path: string, nowMs: number): void {
  for (const name of readdirSync(path)) {
    const file = join(path, name)
    try {
      const dead = name.startsWith('.') && name.endsWith('.dead')
      const part = name.startsWith('.') && name.endsWith('.part')
      if (dead || (part && nowMs - statSync(file).mtimeMs > PART_AGE_MS)) overwriteAndRemove(file)
    } catch {
      // another process was faster
    }
  }
}

function overwriteAndRemove(path: string): void {
  const file = openSync(path, 'r+')
  try {
    writeAll(file, randomBytes(statSync(path).size))
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  unlinkSync(path)
}

/** Makes names in a folder durable. Platforms that cannot open folders (Windows) do so by themselves. */
export function flushFolder(path: string): void {
  let folder: number
  try {
    folder = openSync(path, 'r')
  } catch {
    return
  }
  try {
    fsyncSync(folder)
  } catch {
    // some file systems know no flush of folders
  } finally {
    closeSync(folder)
  }
}

function writeFlushed(path: string, bytes: Uint8Array | string): void {
  const file = openSync(path, 'wx', 0o600)
  try {
    writeAll(file, typeof bytes === 'string' ? Buffer.from(bytes) : bytes)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}

function writeAll(file: number, bytes: Uint8Array): void {
  let at = 0
  while (at < bytes.byteLength) at += writeSync(file, bytes, at, bytes.byteLength - at, at)
}

function removeQuietly(path: string): void {
  try {
    unlinkSync(path)
  } catch {
    // it was never made
  }
}
