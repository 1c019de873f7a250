/**
 * A crowd reads alerts and follows them live while events arrive: every stream is shown every alert once,
 * no read fails, no event is lost. How fast is told by `npm run bench -- load`.
 */
import { spawn } from 'node:child_process'
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { get } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, test } from 'vitest'
import { createSocketClient, isServed } from '../../src/cli/socket-client.ts'
import { controlSocket } from '../../src/state/location.ts'

const SERVER = join(import.meta.dirname, '..', '..')
const built = existsSync(join(SERVER, 'dist', 'main.js'))
const required = process.env['REQUIRE_SERVICES'] === '1'
const CLIENTS = 30
const STEPS = 60
const PER_STEP = 100
const MARK_EVERY = 100

const MARK_RULE = `title: Marked event
id: 0b6d1a52-2a42-4a4f-9b13-5a1f7a3f6f10
level: low
logsource: { product: picket }
detection:
  mark: { labels.mark|exists: true }
  condition: mark
`

let folder = ''
let stop: (() => Promise<void>) | undefined
afterEach(async () => {
  await stop?.()
  rmSync(folder, { recursive: true, force: true })
})

function line(number: number): string {
  const mark = number % MARK_EVERY === 0 ? { labels: { mark: `m${number}` } } : {}
  const event = {
    '@timestamp': new Date().toISOString(),
    event: { id: `e${number}`, action: 'mqtt-connect', outcome: 'success' },
    device: { id: number % MARK_EVERY === 0 ? `m${number}` : `d${number % 50}` },
    ...mark,
  }
  return `${JSON.stringify(event)}\n`
}

async function start(): Promise<string> {
  folder = mkdtempSync(join(tmpdir(), 'picket-readers-'))
  mkdirSync(join(folder, 'rules'))
  writeFileSync(join(folder, 'rules', 'mark.yml'), MARK_RULE)
  writeFileSync(join(folder, 'in.log'), '')
  writeFileSync(
    join(folder, 'picket.yml'),
    `data: ${folder}/data
api: { listen: '127.0.0.1:0' }
detection: { rules: ['${folder}/rules'] }
outputs: { terminal: false }
sources: { in: { type: file, decoder: json, paths: ['${folder}/in.log'], poll_interval: 20ms } }
`,
  )
  const args = [join(SERVER, 'bin', 'picket.mjs'), 'serve', '--config', join(folder, 'picket.yml')]
  const one = spawn(process.execPath, args, { stdio: 'ignore' })
  const ended = new Promise<void>((resolve) => one.once('exit', () => resolve()))
  stop = async () => {
    one.kill('SIGTERM')
    await ended
  }
  const socket = controlSocket(join(folder, 'data'))
  const first = join(folder, 'data', 'first-run.json')
  for (let tries = 0; tries < 400; tries += 1) {
    if (existsSync(first) && (await isServed(socket))) break
    await sleep(50)
  }
  return (JSON.parse(readFileSync(first, 'utf8')) as { url: string }).url
}

/** Ids of opened alerts, as one stream shows them. */
function follow(url: string, headers: Record<string, string>, seen: string[]): void {
  get(`${url}/api/v1/alerts/stream`, { agent: false, headers }, (response) => {
    let rest = ''
    response.setEncoding('utf8')
    response.on('data', (text: string) => {
      const parts = (rest + text).split('\n\n')
      rest = parts.pop() ?? ''
      for (const part of parts) {
        const data = /^data: (.*)$/m.exec(part)?.[1]
        if (data === undefined) continue
        const alert = JSON.parse(data) as { id: string; revision: number }
        seen.push(`${alert.id} ${alert.revision}`)
      }
    })
  }).on('error', () => undefined)
}

describe.skipIf(!built && !required)(
  'many readers under load (needs the compiled program: npm run build)',
  () => {
    test('see every alert, and hold nothing up', async () => {
      const url = await start()
      const server = createSocketClient(controlSocket(join(folder, 'data')))
      const made = await server.post('/api/v1/tokens', { name: 'crowd', roles: ['analyst'] })
      const headers = { authorization: `Bearer ${(made as { text: string }).text}` }
      const streams = Array.from({ length: CLIENTS }, (): string[] => [])
      for (const seen of streams) follow(url, headers, seen)
      const statuses: number[] = []
      let reading = true
      const readers = streams.map(async () => {
        while (reading) {
          const answer = await fetch(`${url}/api/v1/alerts?limit=20`, { headers })
          await answer.text()
          statuses.push(answer.status)
          await sleep(50)
        }
      })
      await sleep(500)
      let written = 0
      for (let step = 0; step < STEPS; step += 1) {
        const lines = Array.from({ length: PER_STEP }, () => line((written += 1)))
        appendFileSync(join(folder, 'in.log'), lines.join(''))
        await sleep(20)
      }
      const alerts = written / MARK_EVERY
      const opened = (seen: readonly string[]): number =>
        new Set(seen.map((one) => one.split(' ')[0])).size
      for (let tries = 0; tries < 300; tries += 1) {
        if (streams.every((seen) => opened(seen) === alerts)) break
        await sleep(100)
      }
      reading = false
      await Promise.all(readers)
      expect(streams.map(opened)).toEqual(streams.map(() => alerts))
      for (const seen of streams) expect(new Set(seen).size).toBe(seen.length)
      expect(statuses.length).toBeGreaterThan(CLIENTS)
      expect(new Set(statuses)).toEqual(new Set([200]))
      const metrics = await (await fetch(`${url}/metrics`)).text()
      expect(metrics).toContain(`picket_source_events_total{source="in"} ${written}`)
    }, 90_000)
  },
)
