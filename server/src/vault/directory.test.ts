import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ProblemError } from '../base/problems.ts'
import { openDataDir } from './directory.ts'

let base: string
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'picket-data-'))
})
afterEach(() => rmSync(base, { recursive: true, force: true }))

async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise
  } catch (error) {
    if (error instanceof ProblemError) return error.problem.code
    throw error
  }
  return 'none'
}

/** Holds the lock of a folder the way `openDataDir` does, in another process. */
const HOLD = `
  const Database = require('libsql')
  const lock = new Database(process.argv[1], { timeout: 0 })
  lock.exec('PRAGMA locking_mode=EXCLUSIVE')
  lock.exec('BEGIN EXCLUSIVE')
  process.stdout.write('held')
  setInterval(() => lock.name, 60000)
`

describe('a data directory', () => {
  test('is made for this user alone, and can be taken again after its release', async () => {
    const path = join(base, 'deep', 'data')
    const dir = await openDataDir(path)
    expect(statSync(path).mode & 0o777).toBe(0o700)
    dir.release()
    dir.release()
    const again = await openDataDir(path)
    expect(again.path).toBe(path)
    again.release()
  })

  test('is held by one: also within one process', async () => {
    const dir = await openDataDir(base)
    expect(await codeOf(openDataDir(base))).toBe('DATA_LOCKED')
    dir.release()
  })

  test('is refused while another process holds it, and free at once after kill -9', async () => {
    const child = spawn(process.execPath, ['-e', HOLD, join(base, 'lock')], {
      cwd: import.meta.dirname,
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    await new Promise((resolve) => child.stdout.once('data', resolve))
    expect(await codeOf(openDataDir(base))).toBe('DATA_LOCKED')
    const ended = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGKILL')
    await ended
    const dir = await openDataDir(base)
    dir.release()
  })

  test('of a newer version is refused, is not changed and not left locked', async () => {
    const dir = await openDataDir(base)
    dir.release()
    writeFileSync(join(base, 'format.json'), '{"format":99}')
    expect(await codeOf(openDataDir(base))).toBe('DATA_NEWER')
    expect(await codeOf(openDataDir(base))).toBe('DATA_NEWER')
    writeFileSync(join(base, 'format.json'), '{"format":1}')
    const again = await openDataDir(base)
    again.release()
  })

  test('with a damaged format file, or a file in its place, is refused', async () => {
    writeFileSync(join(base, 'format.json'), '{"for')
    expect(await codeOf(openDataDir(base))).toBe('DATA_UNUSABLE')
    writeFileSync(join(base, 'file'), '')
    expect(await codeOf(openDataDir(join(base, 'file')))).toBe('DATA_UNUSABLE')
    expect(await codeOf(openDataDir(join(base, 'file', 'in', 'it')))).toBe('DATA_UNUSABLE')
    // Where the system has it: a place in which no folder can be made at all.
    expect(await codeOf(openDataDir('/proc/picket/data'))).toBe('DATA_UNUSABLE')
    expect(existsSync(join(base, 'file', 'lock'))).toBe(false)
  })
})
