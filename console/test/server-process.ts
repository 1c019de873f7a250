import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const SERVER = join(import.meta.dirname, '..', '..', 'server')
const PROGRAM = join(SERVER, 'bin', 'picket.mjs')

export const isBuilt = existsSync(join(SERVER, 'dist', 'main.js'))

/** What the first run leaves for its admin. */
export interface FirstRun {
  readonly url: string
  readonly user: string
  readonly password: string
}

/** The built server on a free port, reading a file of the test's, in a folder of its own. */
export class ServerProcess {
  readonly folder = mkdtempSync(join(tmpdir(), 'picket-client-'))
  readonly #process: ChildProcess
  #said = ''

  private constructor(input: string) {
    const config = join(this.folder, 'picket.yml')
    writeFileSync(join(this.folder, 'input.ndjson'), input)
    const settings = {
      data: join(this.folder, 'data'),
      api: { listen: '127.0.0.1:0' },
      outputs: { terminal: false },
      sources: {
        lines: { type: 'file', decoder: 'json', paths: [join(this.folder, 'input.ndjson')] },
      },
    }
    // JSON is YAML.
    writeFileSync(config, JSON.stringify(settings))
    const args = [PROGRAM, 'serve', '--config', config]
    this.#process = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] })
    this.#process.stderr?.on('data', (chunk: Buffer) => (this.#said += chunk.toString()))
  }

  static async start(input: string): Promise<ServerProcess> {
    const server = new ServerProcess(input)
    await server.until('the server is up', async () => server.#said.includes('Picket is up'))
    return server
  }

  get firstRun(): FirstRun {
    return JSON.parse(readFileSync(join(this.folder, 'data', 'first-run.json'), 'utf8')) as FirstRun
  }

  async until(what: string, holds: () => Promise<boolean>): Promise<void> {
    for (let turn = 0; turn < 800; turn += 1) {
      if (await holds()) return
      if (this.#process.exitCode !== null) break
      await new Promise((wake) => setTimeout(wake, 50))
    }
    throw new Error(`never happened: ${what}; ${this.#said.slice(-2_000)}`)
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode === null) {
      const exited = new Promise((resolve) => this.#process.once('exit', resolve))
      this.#process.kill('SIGTERM')
      await exited
    }
    rmSync(this.folder, { recursive: true, force: true })
  }
}
