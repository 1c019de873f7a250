/** A mapping file of a fleet engineer's own, in the real program: its lines raise the alert of a rule of their own. */
import { type ChildProcess, spawn } from 'node:child_process'
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import type { AlertRecord } from '../../src/model/alert.ts'

const SERVER = join(import.meta.dirname, '..', '..')
const PROGRAM = join(SERVER, 'bin', 'picket.mjs')
const MAPPING = join(SERVER, '..', 'content', 'mappings', 'acme-gateway.yml')
const built = existsSync(join(SERVER, 'dist', 'main.js'))
const mustRun = process.env['REQUIRE_SERVICES'] === '1'
const ATTEMPTS = 6

const RULE = `title: Refused logins at a gateway
id: 6f1c1f0e-9a5c-4c0e-8a52-1f7f3d7f0001
name: refused_login
status: test
logsource: {product: picket}
detection:
  selection:
    event.action: api-call
    event.outcome: failure
  condition: selection
level: high
---
title: Many refused logins at a gateway
id: 6f1c1f0e-9a5c-4c0e-8a52-1f7f3d7f0002
status: test
correlation:
  type: event_count
  rules: [refused_login]
  group-by: [user.name]
  timespan: 10m
  condition: {gte: ${ATTEMPTS}}
level: high
`

const programs: ChildProcess[] = []
let folder = ''

afterEach(async () => {
  for (const program of programs.splice(0)) {
    if (program.exitCode !== null) continue
    const exited = new Promise((resolve) => program.once('exit', resolve))
    program.kill('SIGTERM')
    await exited
  }
  if (folder !== '') await rm(folder, { recursive: true, force: true })
})

async function until(what: string, holds: () => boolean, errors: () => string): Promise<void> {
  for (let turn = 0; turn < 600; turn++) {
    if (holds()) return
    if (programs.some(({ exitCode }) => exitCode !== null)) break
    await new Promise((wake) => setTimeout(wake, 50))
  }
  throw new Error(`never happened: ${what}; ${errors().slice(-2_000)}`)
}

function alertsIn(path: string): AlertRecord[] {
  const text = existsSync(path) ? readFileSync(path, 'utf8') : ''
  const lines = text.split('\n').filter((line) => line !== '')
  return lines.map((line) => JSON.parse(line) as AlertRecord)
}

/** `2026-07-01 12:00:00` of a moment, in UTC. */
const stamp = (ms: number): string => new Date(ms).toISOString().slice(0, 19).replace('T', ' ')

test.skipIf(!built && !mustRun)(
  'a custom mapping in serve (needs a build)',
  async () => {
    folder = await mkdtemp(join(tmpdir(), 'picket-custom-'))
    const log = join(folder, 'gateway.log')
    writeFileSync(log, '')
    writeFileSync(join(folder, 'rule.yml'), RULE)
    // The zone of the example is Berlin's; the lines here are stamped in UTC.
    const text = readFileSync(MAPPING, 'utf8').replace(/^zone: .*$/m, 'zone: UTC')
    writeFileSync(join(folder, 'gateway.yml'), text.slice(0, text.indexOf('\ntests:') + 1))
    const settings = {
      api: { listen: '127.0.0.1:0' },
      outputs: { terminal: false, json_lines: { path: 'alerts.jsonl' } },
      detection: { rules: [join(folder, 'rule.yml')] },
      sources: {
        gateway: {
          type: 'file',
          decoder: 'custom',
          decoder_options: { mapping: 'gateway.yml' },
          paths: [log],
        },
      },
    }
    const config = join(folder, 'picket.yml')
    writeFileSync(config, JSON.stringify(settings))
    const program = spawn(process.execPath, [PROGRAM, 'serve', '--config', config], {
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    programs.push(program)
    let errors = ''
    program.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()))
    await until(
      'it is up',
      () => errors.includes('Picket is up'),
      () => errors,
    )
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const at = stamp(Date.now())
      appendFileSync(log, `${at} harbour/gw7 LOGIN user=admin ip=10.0.0.9 result=denied why="no"\n`)
    }
    const alerts = join(folder, 'alerts.jsonl')
    await until(
      'the alert',
      () => alertsIn(alerts).length > 0,
      () => errors,
    )
    const [alert] = alertsIn(alerts).filter(({ rule }) => rule.name.startsWith('Many refused'))
    expect(alert).toMatchObject({ severity: 'high', group: { 'user.name': 'admin' } })
  },
  40_000,
)
