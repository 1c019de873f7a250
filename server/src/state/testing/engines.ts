import { spawn, spawnSync } from 'node:child_process'
import { chownSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createCipheriv, createDecipheriv, createHmac, randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe } from 'vitest'
import { SILENT } from '../../base/log.ts'
import type { Sealer } from '../../model/sealer.ts'
import { openState, type State } from '../state.ts'

/** A sealer with one key of its own, for tests of what is built on it. */
export function testSealer(): Sealer {
  const key = randomBytes(32)
  return {
    seal: (plain, context) => {
      const iv = randomBytes(12)
      const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(Buffer.from(context))
      const sealed = Buffer.concat([cipher.update(plain), cipher.final()])
      return Buffer.concat([iv, cipher.getAuthTag(), sealed])
    },
    digest: (text, purpose) =>
      createHmac('sha256', key).update(`${purpose}\0${text}`).digest('base64url'),
    open: (envelope, context) => {
      const decipher = createDecipheriv('aes-256-gcm', key, envelope.subarray(0, 12))
      decipher.setAAD(Buffer.from(context)).setAuthTag(envelope.subarray(12, 28))
      return Buffer.concat([decipher.update(envelope.subarray(28)), decipher.final()])
    },
  }
}

export interface TestEngine {
  /** A new, empty state; the same name opens the same one again. */
  open(name: string, sealer?: Sealer): Promise<State>
  /** Where the SQLite file of that name lies; undefined on PostgreSQL. */
  path(name: string): string | undefined
}

/** Runs the same tests on SQLite and on a PostgreSQL of their own. */
export function describeEngines(title: string, tests: (engine: TestEngine) => void): void {
  describe(`${title} on SQLite`, () => {
    const folder = mkdtempSync(join(tmpdir(), 'picket-state-'))
    const sealer = testSealer()
    afterAll(() => rmSync(folder, { recursive: true, force: true }))
    tests({
      open: (name, own) => mustOpen({ sqlite: join(folder, `${name}.db`) }, own ?? sealer),
      path: (name) => join(folder, `${name}.db`),
    })
  })
  const binaries = postgresBinaries()
  const required = process.env['REQUIRE_SERVICES'] === '1'
  const reason = binaries === undefined ? ' (skipped: no PostgreSQL on this machine)' : ''
  describe.skipIf(binaries === undefined && !required)(`${title} on PostgreSQL${reason}`, () => {
    let cluster: Cluster | undefined
    const sealer = testSealer()
    beforeAll(async () => {
      if (binaries === undefined) throw new Error('REQUIRE_SERVICES=1, and there is no PostgreSQL')
      cluster = await startPostgres(binaries)
    }, 60_000)
    afterAll(async () => cluster?.stop())
    tests({
      open: async (name, own) => {
        if (cluster === undefined) throw new Error('PostgreSQL is not running')
        cluster.createDatabase(name)
        return mustOpen({ postgres: cluster.url(name) }, own ?? sealer)
      },
      path: () => undefined,
    })
  })
}

async function mustOpen(
  at: { readonly sqlite: string } | { readonly postgres: string },
  sealer: Sealer,
): Promise<State> {
  const opened = await openState({ at, sealer, log: SILENT })
  if (!opened.ok) throw new Error(opened.problem.message)
  return opened.value
}

export interface Cluster {
  url(database: string): string
  createDatabase(name: string): void
  stop(): Promise<void>
}

/** Debian keeps them out of the path, by version. */
export function postgresBinaries(): string | undefined {
  const root = '/usr/lib/postgresql'
  const versions = existsSync(root)
    ? readdirSync(root)
        .map(Number)
        .sort((a, b) => b - a)
    : []
  const folders = [
    ...versions.map((version) => join(root, String(version), 'bin')),
    ...(process.env['PATH'] ?? '').split(':'),
  ]
  return folders.find((folder) =>
    ['initdb', 'postgres', 'psql'].every((name) => existsSync(join(folder, name))),
  )
}

/** A private cluster that listens on a socket in its own folder only. */
export async function startPostgres(binaries: string): Promise<Cluster> {
  const folder = mkdtempSync(join(tmpdir(), 'picket-pg-'))
  const user = unprivileged()
  if (user !== undefined) chownSync(folder, user.uid, user.gid)
  const data = join(folder, 'data')
  const options = { cwd: folder, env: { PATH: binaries, LC_ALL: 'C' }, ...user }
  const made = spawnSync(
    join(binaries, 'initdb'),
    ['-D', data, '-U', 'picket', '-A', 'trust', '-E', 'UTF8', '--no-sync'],
    { ...options, encoding: 'utf8' },
  )
  if (made.status !== 0) throw new Error(`initdb failed: ${made.stderr}`)
  const child = spawn(
    join(binaries, 'postgres'),
    ['-D', data, '-k', folder, '-c', 'listen_addresses=', '-c', 'fsync=off'],
    { ...options, stdio: 'ignore' },
  )
  const psql = (text: string): string | undefined => {
    const args = ['-h', folder, '-U', 'picket', '-d', 'postgres', '-Atc', text]
    const done = spawnSync(join(binaries, 'psql'), args, { ...options, encoding: 'utf8' })
    return done.status === 0 ? done.stdout : undefined
  }
  for (let tries = 0; psql('select 1') === undefined; tries++) {
    if (tries > 100 || child.exitCode !== null) throw new Error('PostgreSQL did not start')
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  return {
    url: (database) => `postgres://picket@localhost/${database}?host=${folder}`,
    createDatabase: (name) => {
      const known = psql(`select 1 from pg_database where datname = '${name}'`)
      if (known === '') psql(`create database "${name}"`)
    },
    stop: async () => {
      const ended = new Promise((resolve) => child.once('exit', resolve))
      child.kill('SIGINT')
      await ended
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** PostgreSQL refuses to run as root; its own user, or nobody, will do. */
function unprivileged(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined
  const users = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
  const found = users.find(([name]) => name === 'postgres') ?? users.find(([n]) => n === 'nobody')
  return { uid: Number(found?.[2]), gid: Number(found?.[3]) }
}
