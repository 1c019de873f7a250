/**
 * Goal: a hunt through a running server's API, with a token, tells what the same hunt beside the server
 * does; what its thread may not do, it does not, and the server goes on.
 */
import { execFile, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { HuntJob } from '../../src/hunt/job.ts'
import type { AlertRecord } from '../../src/model/alert.ts'

const SERVER = join(import.meta.dirname, '..', '..')
const DIST = join(SERVER, 'dist')
const BIN = join(SERVER, 'bin', 'picket.mjs')
const built = existsSync(join(DIST, 'hunt', 'worker.js'))
const required = process.env['REQUIRE_SERVICES'] === '1'
const HOUR_MS = 3_600_000
const START_MS = Math.floor(Date.now() / HOUR_MS) * HOUR_MS - 5 * HOUR_MS

/** One that the server runs; each of its alerts is of one device. */
const runningRule = `title: Failed\nid: failed-of-device\nlogsource: { category: mqtt }
detection: { it: { event.outcome: failure }, condition: it }
`

let folder = ''
let child: ReturnType<typeof spawn> | undefined
let base = ''
let token = ''

async function start(): Promise<void> {
  folder = mkdtempSync(join(tmpdir(), 'picket-hunts-'))
  const lines = Array.from({ length: 300 }, (_, at) => {
    const event = {
      '@timestamp': new Date(START_MS + at * 30_000).toISOString(),
      event: {
        id: `e${at}`,
        action: 'mqtt-connect',
        outcome: at % 7 === 0 ? 'failure' : 'success',
      },
      source: { ip: `192.0.2.${at % 3}` },
      device: { id: `d${at % 5}` },
    }
    return `${JSON.stringify(event)}\n`
  })
  writeFileSync(join(folder, 'in.ndjson'), lines.join(''))
  writeFileSync(join(folder, 'running.yml'), runningRule)
  const settings = {
    data: join(folder, 'data'),
    api: { listen: '127.0.0.1:0' },
    outputs: { terminal: false },
    detection: { rules: ['builtin', join(folder, 'running.yml')] },
    sources: { lines: { type: 'file', decoder: 'json', paths: [join(folder, 'in.ndjson')] } },
  }
  writeFileSync(join(folder, 'picket.yml'), JSON.stringify(settings))
  const args = [BIN, 'serve', '--config', join(folder, 'picket.yml')]
  child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] })
  await new Promise<void>((resolve, reject) => {
    let said = ''
    child?.stderr?.on('data', (chunk: Buffer) => {
      said += chunk.toString()
      if (said.includes('Picket is up')) resolve()
    })
    child?.once('exit', () => reject(new Error(`it did not start: ${said.slice(-2_000)}`)))
  })
  const first = JSON.parse(readFileSync(join(folder, 'data', 'first-run.json'), 'utf8'))
  base = String(first.url).replace(/\/$/, '')
}

interface Ran {
  readonly out: string
  readonly err: string
  readonly code: number
}

function picket(...args: string[]): Promise<Ran> {
  const env = { ...process.env, PICKET_TOKEN: token }
  return new Promise((resolve) => {
    execFile(process.execPath, [BIN, ...args], { env, maxBuffer: 2 ** 26 }, (error, out, err) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 1
      resolve({ out, err, code })
    })
  })
}

async function tokenOf(body: object): Promise<string> {
  const { user, password } = JSON.parse(
    readFileSync(join(folder, 'data', 'first-run.json'), 'utf8'),
  ) as { user: string; password: string }
  const json = { 'content-type': 'application/json' }
  const login = await fetch(`${base}/api/v1/session`, {
    method: 'POST',
    headers: json,
    body: JSON.stringify({ user, password }),
  })
  const cookie = login.headers.getSetCookie()[0]?.split(';')[0] ?? ''
  const { csrf } = (await login.json()) as { csrf: string }
  const headers = { ...json, cookie, 'x-csrf-token': csrf }
  const post = (path: string, sent: object): Promise<Response> =>
    fetch(base + path, { method: 'POST', headers, body: JSON.stringify(sent) })
  await post('/api/v1/session/password', { old: password, new: 'a long password for hunts' })
  const made = await post('/api/v1/tokens', body)
  return ((await made.json()) as { text: string }).text
}

const RANGE = [
  '--from',
  new Date(START_MS).toISOString(),
  '--to',
  new Date(START_MS + 4 * HOUR_MS).toISOString(),
]
const FAILED = ['--eql', 'any where event.outcome == "failure"']
const alertsOf = (out: string): AlertRecord[] =>
  out
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as AlertRecord)
const summaryOf = (err: string): Record<string, unknown> =>
  (JSON.parse(err.trim().split('\n').at(-1) ?? '') as { summary: Record<string, unknown> }).summary

describe.skipIf(!built && !required)(
  'hunts of a running server (needs the compiled program)',
  () => {
    beforeAll(async () => {
      await start()
      token = await tokenOf({ name: 'hunter', roles: ['analyst'] })
      // Until the store has them all.
      const counts = `${base}/api/v1/search/templates/counts`
      const range = { from: RANGE[1], to: RANGE[3], values: {} }
      for (let turn = 0; turn < 1_000; turn += 1) {
        const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
        const asked = await fetch(counts, { method: 'POST', headers, body: JSON.stringify(range) })
        const { rows = [] } = (await asked.json()) as { rows?: (readonly unknown[])[] }
        if (rows.reduce((sum, row) => sum + Number(row.at(-1)), 0) === 300) break
        await new Promise((wake) => setTimeout(wake, 200))
      }
    }, 240_000)
    afterAll(async () => {
      if (child !== undefined && child.exitCode === null) {
        const ended = new Promise((resolve) => child?.once('exit', resolve))
        child.kill('SIGTERM')
        await ended
      }
      rmSync(folder, { recursive: true, force: true })
    }, 30_000)

    test('the server tells what the command beside it does', { timeout: 240_000 }, async () => {
      const rule = join(folder, 'brute.yml')
      writeFileSync(
        rule,
        `title: Failed\nid: failed\nlogsource: { category: x }
detection: { it: { event.outcome: failure }, condition: it }
---
title: Brute\nid: brute
correlation: { type: event_count, rules: [failed], group-by: [source.ip], timespan: 30m, condition: { gte: 3 } }\n`,
      )
      const sigma = ['--pipeline', 'none', '--ignore-logsource']
      const data = ['--data', join(folder, 'data')]
      for (const more of [[], ['--against', rule]]) {
        const query = ['hunt', '--rules', rule, ...sigma, ...more, ...RANGE]
        const [beside, asked] = await Promise.all([
          picket(...query, ...data),
          picket(...query, '--url', base),
        ])
        expect([asked.code, beside.code]).toEqual([0, 0])
        expect(asked.out.length).toBeGreaterThan(100)
        // Who may see what is told inside alone.
        const inside = ({ scope: _scope, ...alert }: AlertRecord): object => alert
        const shown = (out: string): object[] =>
          alertsOf(out).map((one) =>
            'change' in one ? { ...one, alert: inside((one as never)['alert']) } : inside(one),
          )
        expect(shown(asked.out)).toEqual(shown(beside.out))
        const { elapsedMs: _, ...summary } = summaryOf(asked.err)
        expect(summaryOf(beside.err)).toMatchObject(
          Object.fromEntries(Object.entries(summary).filter(([name]) => name !== 'alerts')),
        )
      }
    })

    test(
      'pipes apply, and a rule that is wrong is told with its place',
      { timeout: 240_000 },
      async () => {
        const head = await picket('hunt', '--eql', `${FAILED[1]} | head 2`, ...RANGE, '--url', base)
        expect(alertsOf(head.out)).toHaveLength(2)
        const wrong = await picket('hunt', '--eql', 'any where where', ...RANGE, '--url', base)
        expect([wrong.code, wrong.out]).toEqual([2, ''])
        expect(wrong.err).toContain('QUERY_SYNTAX')
      },
    )

    test(
      'within the memory it is given, with a pipeline of ones own, against the running rules',
      { timeout: 240_000 },
      async () => {
        const little = ['--memory-max', '64MiB', '--url', base]
        const ran = await picket('hunt', ...FAILED, ...RANGE, ...little)
        expect([ran.code, alertsOf(ran.out).length]).toEqual([0, 43])
        const pipeline = join(folder, 'pipeline.yml')
        const step = '{ id: a, type: field_name_mapping, mapping: { Result: event.outcome } }'
        writeFileSync(pipeline, `name: ours\ntransformations: [${step}]\n`)
        const rule = join(folder, 'mapped.yml')
        const detection = 'detection: { it: { Result: failure }, condition: it }'
        writeFileSync(rule, `title: Mapped\nid: mapped\nlogsource: { category: x }\n${detection}\n`)
        const mapped = ['hunt', '--sigma', rule, '--pipeline', pipeline, ...RANGE]
        const asked = await picket(...mapped, '--ignore-logsource', '--url', base)
        expect([asked.code, alertsOf(asked.out).length]).toEqual([0, 43])
        // The running rule as it would be, by its id; and one that runs nowhere.
        const proposed = join(folder, 'proposed.yml')
        const but =
          '{ it: { event.outcome: failure }, not_it: { device.id: d0 }, condition: it and not not_it }'
        writeFileSync(proposed, runningRule.replace(/\{ it: .*\}/, but))
        const against = ['--against', 'current', ...RANGE]
        const places = [
          ['--url', base],
          ['--data', join(folder, 'data'), '--config', join(folder, 'picket.yml')],
        ]
        const ways = places.map(async (where) => {
          const changed = await picket('hunt', '--rules', proposed, ...against, ...where)
          const anew = await picket('hunt', '--sigma', rule, ...against, ...where)
          return { changed, anew }
        })
        for (const { changed, anew } of await Promise.all(ways)) {
          expect([changed.code, anew.code]).toEqual([0, 0])
          const { added, gone, same } = summaryOf(changed.err)
          expect([added, gone, same]).toEqual([0, 9, 34])
          expect(changed.err).not.toContain('RULE_UNKNOWN')
          expect(anew.err).toContain('RULE_UNKNOWN: No rule of the id "mapped" is running')
        }
      },
    )

    test('nobody without a token, nor with one that is wrong', { timeout: 240_000 }, async () => {
      const query = ['hunt', ...FAILED, ...RANGE, '--url']
      const wrong = join(folder, 'wrong-token')
      writeFileSync(wrong, 'pkt_wrong_token\n')
      const own = token
      token = ''
      const without = picket(...query, base)
      token = own
      const ran = await Promise.all([
        without,
        picket(...query, base, '--token-file', wrong),
        picket(...query, 'http://192.0.2.1:8600'),
        picket(...query, base, '--data', 'x'),
        picket(...query, 'http://127.0.0.1:9'),
      ])
      expect(ran.map(({ code, out }) => [code, out])).toEqual(ran.map(() => [2, '']))
      const said = ['PICKET_TOKEN', 'API_UNAUTHENTICATED', 'https', '--data', 'API_SOCKET']
      for (const [at, { err }] of ran.entries()) expect(err).toContain(said[at])
    })

    test('the thread ends at its limits of memory and of time, and when it is called off', async () => {
      const { startHuntThread } = (await import(
        join(DIST, 'hunt', 'thread.js')
      )) as typeof import('../../src/hunt/thread.ts')
      const job: HuntJob = {
        rules: { eql: 'any where true', pipeline: 'none', ignoreLogsource: false, adHoc: true },
        ...{ fromMs: 0, toMs: 1, nowMs: 1, alertsMax: 10 },
      }
      // Nobody answers there.
      const pass = { url: 'http://127.0.0.1:9', username: 'x', password: 'x' }
      const signal = new AbortController().signal
      const how = { memoryBytesMax: 2 ** 28, timeMsMax: 60_000, signal }
      await expect(
        startHuntThread(job, pass, { ...how, memoryBytesMax: 4 * 2 ** 20 }),
      ).rejects.toMatchObject({
        problem: { code: 'HUNT_LIMIT', message: 'The hunt holds more than 4 MiB.' },
      })
      await expect(startHuntThread(job, pass, { ...how, timeMsMax: 1 })).rejects.toMatchObject({
        problem: { code: 'HUNT_LIMIT' },
      })
      await expect(
        startHuntThread(job, pass, { ...how, signal: AbortSignal.abort() }),
      ).rejects.toMatchObject({
        problem: { code: 'STORE_CANCELLED' },
      })
      const running = await startHuntThread(job, pass, how)
      const news = []
      for await (const one of running.news()) news.push(one)
      expect(news.at(-1)).toMatchObject({ kind: 'failed', problem: { code: 'STORE_UNAVAILABLE' } })
    })
  },
)
