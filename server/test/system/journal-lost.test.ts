/**
 * The thread that writes the journal dies (a preloaded script ends it from within, as running out of
 * memory would): the compiled server must not go on as if it kept anything, nor hang.
 */
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'

const SERVER = join(import.meta.dirname, '..', '..')
const built = existsSync(join(SERVER, 'dist', 'main.js'))
const required = process.env['REQUIRE_SERVICES'] === '1'

/** Ends the worker of this name at SIGUSR2. */
const PRELOAD = `
const threads = require('node:worker_threads')
const { syncBuiltinESMExports } = require('node:module')
const { Worker } = threads
threads.Worker = class extends Worker {
  constructor(file, options) {
    super(file, options)
    if (options.name === 'picket-journal') process.on('SIGUSR2', () => this.terminate())
  }
}
syncBuiltinESMExports()
`

let folder = ''
let kill: (() => void) | undefined
afterEach(() => {
  kill?.()
  rmSync(folder, { recursive: true, force: true })
})

describe.skipIf(!built && !required)(
  'a server whose journal writer dies (needs the compiled program: npm run build)',
  () => {
    test('says so and ends with exit code 1, and starts again', async () => {
      folder = mkdtempSync(join(tmpdir(), 'picket-lost-'))
      const preload = join(folder, 'preload.cjs')
      writeFileSync(preload, PRELOAD)
      writeFileSync(join(folder, 'in.log'), '')
      writeFileSync(
        join(folder, 'picket.yml'),
        `data: ${folder}/data
api: { listen: '127.0.0.1:0' }
outputs: { terminal: false }
sources: { in: { type: file, decoder: json, paths: ['${folder}/in.log'] } }
`,
      )
      for (const signal of ['SIGUSR2', 'SIGTERM'] as const) {
        const program = [join(SERVER, 'bin', 'picket.mjs'), 'serve']
        const args = ['--require', preload, ...program, '--config', join(folder, 'picket.yml')]
        const one = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] })
        kill = () => void one.kill('SIGKILL')
        let said = ''
        const ended = new Promise<number | null>((resolve) => one.once('exit', resolve))
        await new Promise<void>((resolve) => {
          one.stderr.on('data', (chunk: Buffer) => {
            said += chunk.toString('utf8')
            if (said.includes('Picket is up')) resolve()
          })
          void ended.then(() => resolve())
        })
        expect(said).toContain('Picket is up')
        one.kill(signal)
        expect(await ended).toBe(signal === 'SIGUSR2' ? 1 : 0)
        expect(said.includes('JOURNAL_LOST')).toBe(signal === 'SIGUSR2')
      }
    }, 60_000)
  },
)
