/**
 * Goal: a configuration that is changed under load loses no event and doubles no alert. The compiled
 * server reads two files that grow; its configuration is read anew again and again, good ones (which
 * stop one source and start it again) and bad ones by turns. Afterwards the store must hold exactly
 * what was written, and the alert file every revision once.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import {
  appendFileSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { createSocketClient, isServed } from '../../src/cli/socket-client.ts'
import type { ConfigReload } from '../../src/model/desks.ts'
import type { SearchAnswer } from '../../src/model/search.ts'
import { controlSocket } from '../../src/state/location.ts'

const SERVER = join(import.meta.dirname, '..', '..')
const built = existsSync(join(SERVER, 'dist', 'main.js'))
const required = process.env['REQUIRE_SERVICES'] === '1'
const RELOADS = Number(process.env['PICKET_RELOADS'] ?? 24)
const PER_RELOAD = 200

const children: ChildProcess[] = []
let folder = ''
afterEach(async () => {
  for (const child of children.splice(0)) {
    if (child.exitCode !== null) continue
    const ended = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGTERM')
    await ended
  }
  rmSync(folder, { recursive: true, force: true })
})

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

async function until(done: () => Promise<boolean>, what: string): Promise<void> {
  for (let tries = 0; tries < 600; tries += 1) {
    if (await done().catch(() => false)) return
    await wait(100)
  }
  throw new Error(`It did not come to pass: ${what}`)
}

function configText(lateness: string): string {
  return `data: ${folder}/data
api: { listen: '127.0.0.1:0' }
outputs: { terminal: false, json_lines: { path: ${folder}/alerts.jsonl } }
sources:
  steady: { type: file, decoder: json, paths: ['${folder}/steady.log'] }
  moving: { type: file, decoder: json, paths: ['${folder}/moving.log'], lateness: ${lateness} }
`
}

/** Failed logins of a few addresses, so that there are alerts that go on for long. */
function lines(from: number, count: number): string {
  const text = Array.from({ length: count }, (_, n) => {
    const event = {
      '@timestamp': new Date().toISOString(),
      event: { id: `e${from + n}`, action: 'mqtt-connect', outcome: 'failure' },
      source: { ip: `192.0.2.${(from + n) % 5}` },
    }
    return `${JSON.stringify(event)}\n`
  })
  return text.join('')
}

describe.skipIf(!built && !required)(
  'a reload under load (needs the compiled program: npm run build)',
  () => {
    test('loses no event and doubles no alert, and a bad file changes nothing', async () => {
      folder = mkdtempSync(join(tmpdir(), 'picket-reload-'))
      const file = join(folder, 'picket.yml')
      for (const name of ['steady', 'moving']) writeFileSync(join(folder, `${name}.log`), '')
      writeFileSync(file, configText('60s'))
      const program = join(SERVER, 'bin', 'picket.mjs')
      const args = [program, 'serve', '--config', file]
      children.push(spawn(process.execPath, args, { stdio: 'ignore' }))
      const socket = controlSocket(join(folder, 'data'))
      await until(() => isServed(socket), 'the server answers')
      const server = createSocketClient(socket)
      let written = 0
      const outcomes = { good: 0, bad: 0 }
      for (let turn = 0; turn < RELOADS; turn += 1) {
        for (const name of ['steady', 'moving']) {
          appendFileSync(join(folder, `${name}.log`), lines(written, PER_RELOAD))
          written += PER_RELOAD
        }
        const good = turn % 2 === 0
        writeFileSync(file, good ? configText(`${30 + turn}s`) : `${configText('1s')}nonsense: 1\n`)
        try {
          const done = (await server.post('/api/v1/config/reload')) as ConfigReload
          expect(done.applied).toEqual(['sources.moving'])
          outcomes.good += 1
        } catch (error) {
          expect(error).toMatchObject({ problem: { code: 'CONFIG_UNKNOWN_KEY' } })
          outcomes.bad += 1
        }
      }
      expect(outcomes).toEqual({ good: RELOADS / 2, bad: RELOADS / 2 })
      const stored = async (): Promise<number> => {
        const body = { values: { step: '24h' }, limit: 1_000 }
        const found = (await server.post('/api/v1/search/templates/counts', body)) as SearchAnswer
        const at = found.columns.indexOf('events')
        return found.rows.reduce((sum, row) => sum + Number(row[at]), 0)
      }
      await until(async () => (await stored()) >= written, `${written} events are stored`)
      await wait(1_000)
      expect(await stored()).toBe(written)
      const told = readFileSync(join(folder, 'alerts.jsonl'), 'utf8').trim().split('\n')
      const alerts = told.map(
        (line) => JSON.parse(line) as { id: string; revision: number; announcement: string },
      )
      const revisions = alerts.map(({ id, revision }) => `${id} ${revision}`)
      expect(new Set(revisions).size).toBe(revisions.length)
      const opened = alerts.filter(({ announcement }) => announcement === 'opened')
      expect(opened.length).toBeGreaterThan(0)
      expect(new Set(opened.map(({ id }) => id)).size).toBe(opened.length)
    }, 120_000)
  },
)
