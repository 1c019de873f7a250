import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { fail, ok } from '../../base/result.ts'
import type { Result } from '../../base/result.ts'
import { engineConfig, engineUsers } from './config.ts'
import type { EngineLimits, EngineSecrets } from './config.ts'

/** The same path from `src` and from `dist`. */
const CHILD = fileURLToPath(new URL('../../../bin/store-engine.mjs', import.meta.url))

const START_MS_MAX = 60_000
const READY_POLL_MS = 20
const SAID_CHARACTERS_MAX = 4_000

/** One life of the engine's process, listening. */
export interface EngineProcess {
  readonly pid: number
  readonly url: string
  readonly secrets: EngineSecrets
  /** False where the kernel could not fence the process in (see bin/store-engine.mjs). */
  readonly fenced: boolean
  /** Resolves when the process has ended, for whatever reason, with what it said last. */
  readonly ended: Promise<string>
  /** Asks it to end, and ends it after the grace. */
  stop(graceMs: number): Promise<void>
  kill(): void
}

/**
 * Starts the engine on a free port of the loopback and resolves once it listens. Keys and passwords
 * are new at each start; they stand in files only until it has read them.
 */
export async function startEngineProcess(options: {
  readonly library: string
  readonly dataDir: string
  readonly limits: EngineLimits
}): Promise<Result<EngineProcess>> {
  const { dataDir } = options
  const port = await freePort()
  const secrets = newSecrets()
  const files = prepareFiles(dataDir, port, secrets, options.limits)
  const child = spawn(
    process.execPath,
    [CHILD, options.library, dataDir, String(port), files.config, startQuery(files.ready)].concat(
      String(process.pid),
    ),
    {
      stdio: ['pipe', 'ignore', 'pipe'],
      cwd: dataDir,
      // A group of its own: Ctrl-C in a terminal is for us, who still have rows to hand over.
      detached: true,
      env: { LANG: 'C.UTF-8', TZ: 'UTC' },
    },
  )
  const said = listenTo(child)
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message))
    child.once('close', (code, signal) => resolve(said.text() || `ended with ${signal ?? code}`))
  })
  const listening = await whenListening(child, files.ready, ended)
  for (const file of [files.config, files.users, files.ready]) rmSync(file, { force: true })
  if (!listening || child.pid === undefined) {
    child.kill('SIGKILL')
    return fail({
      code: 'STORE_UNAVAILABLE',
      message: `The store's engine did not start: ${firstLine(await ended)}`,
    })
  }
  return ok({
    pid: child.pid,
    url: `http://127.0.0.1:${port}`,
    secrets,
    fenced: !said.text().includes('no landlock'),
    ended,
    stop: (graceMs) => stopChild(child, ended, graceMs),
    kill: () => void child.kill('SIGKILL'),
  })
}

/** The listener is up when the second statement has run; the third ends with standard input. */
function startQuery(readyFile: string): string {
  const quoted = readyFile.replaceAll('\\', '\\\\').replaceAll("'", "\\'")
  return [
    'SYSTEM START LISTEN HTTP',
    `SELECT 1 INTO OUTFILE '${quoted}' TRUNCATE`,
    "SELECT count() FROM file('-', 'LineAsString', 'line String') FORMAT Null",
  ].join('; ')
}

function prepareFiles(
  dataDir: string,
  port: number,
  secrets: EngineSecrets,
  limits: EngineLimits,
): { config: string; users: string; ready: string } {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 })
  const config = join(dataDir, 'picket-config.xml')
  const users = join(dataDir, 'picket-users.xml')
  const ready = join(dataDir, 'picket-ready')
  for (const file of [config, users, ready]) rmSync(file, { force: true })
  const mode = 0o600
  writeFileSync(config, engineConfig({ port, usersFile: users, secrets, limits }), { mode })
  writeFileSync(users, engineUsers(secrets, limits), { mode })
  return { config, users, ready }
}

function newSecrets(): EngineSecrets {
  const fresh = (): string => randomBytes(24).toString('hex')
  return { key: fresh(), passwords: { admin: fresh(), writer: fresh(), reader: fresh() } }
}

/** Keeps the last of what the engine writes on standard error, for the message when it dies. */
function listenTo(child: ChildProcess): { text(): string } {
  let kept = ''
  child.stderr?.setEncoding('utf8')
  child.stderr?.on('data', (chunk: string) => {
    kept = (kept + chunk).slice(-SAID_CHARACTERS_MAX)
  })
  child.stdin?.on('error', () => undefined) // EPIPE when it is already gone
  return { text: () => kept.trim() }
}

async function whenListening(
  child: ChildProcess,
  readyFile: string,
  ended: Promise<string>,
): Promise<boolean> {
  let gone = false
  void ended.then(() => (gone = true))
  for (let waitedMs = 0; waitedMs < START_MS_MAX; waitedMs += READY_POLL_MS) {
    if (existsSync(readyFile)) return true
    if (gone) return false
    await new Promise((resolve) => setTimeout(resolve, READY_POLL_MS))
  }
  child.kill('SIGKILL')
  return false
}

async function stopChild(
  child: ChildProcess,
  ended: Promise<string>,
  graceMs: number,
): Promise<void> {
  child.stdin?.end()
  const timer = setTimeout(() => child.kill('SIGKILL'), graceMs)
  await ended
  clearTimeout(timer)
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      const port = address !== null && typeof address === 'object' ? address.port : 0
      server.close(() => resolve(port))
    })
  })
}

function firstLine(text: string): string {
  return (text.split('\n')[0] ?? '').slice(0, 300)
}
