/**
 * The whole way: a real Mosquitto, attacked by real clients, its log followed by the real program with
 * the rules that come with it. Each attack must raise its alert, and quiet devices none.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import type { AlertRecord } from '../../src/model/alert.ts'
import { findBrokers, MosquittoRig, versionOf } from './mosquitto-rig.ts'

const SERVER = join(import.meta.dirname, '..', '..')
const PROGRAM = join(SERVER, 'bin', 'picket.mjs')
const mustRun = process.env['REQUIRE_SERVICES'] === '1'
// Distinct senders need the whole of 127.0.0.0/8 as own addresses, which Linux gives.
const canRun = existsSync(join(SERVER, 'dist', 'main.js')) && process.platform === 'linux'
const brokers = canRun ? findBrokers() : []

if (brokers.length === 0) {
  test.skipIf(!mustRun)('alerts from a broker (needs Mosquitto, Linux and a build)', () => {
    expect(brokers).not.toEqual([])
  })
}

/** The built program, in a folder of its own. */
class Picket {
  readonly #folder: string
  readonly #process: ChildProcess
  #errors = ''

  private constructor(folder: string, program: ChildProcess) {
    this.#folder = folder
    this.#process = program
    program.stderr?.on('data', (chunk: Buffer) => (this.#errors += chunk.toString()))
  }

  static async start(log: string): Promise<Picket> {
    const folder = await mkdtemp(join(tmpdir(), 'picket-alerts-'))
    const config = join(folder, 'picket.yml')
    const settings = {
      api: { listen: '127.0.0.1:0' },
      outputs: { terminal: false, json_lines: { path: 'alerts.jsonl' } },
      sources: { broker: { type: 'file', decoder: 'mosquitto', paths: [log] } },
    }
    // JSON is YAML.
    await writeFile(config, JSON.stringify(settings))
    const args = [PROGRAM, 'serve', '--config', config]
    const program = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] })
    const picket = new Picket(folder, program)
    await picket.until('it is up', () => picket.#errors.includes('Picket is up'))
    return picket
  }

  /** The newest revision of each alert so far. */
  get alerts(): AlertRecord[] {
    const path = join(this.#folder, 'alerts.jsonl')
    const text = existsSync(path) ? readFileSync(path, 'utf8') : ''
    const lines = text.split('\n').filter((line) => line !== '')
    const newest = new Map<string, AlertRecord>()
    for (const line of lines) {
      const alert = JSON.parse(line) as AlertRecord
      newest.set(alert.id, alert)
    }
    return [...newest.values()]
  }

  async raises(name: string): Promise<AlertRecord> {
    const find = (): AlertRecord | undefined => this.alerts.find(({ rule }) => rule.name === name)
    await this.until(name, () => find() !== undefined)
    return find()!
  }

  async until(what: string, holds: () => boolean): Promise<void> {
    for (let turn = 0; turn < 1_200; turn++) {
      if (holds()) return
      if (this.#process.exitCode !== null) break
      await new Promise((wake) => setTimeout(wake, 50))
    }
    const seen = this.alerts.map(({ rule }) => rule.name).join(', ')
    throw new Error(`never happened: ${what}; alerts: ${seen}; ${this.#errors.slice(-2_000)}`)
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode === null) {
      const exited = new Promise((resolve) => this.#process.once('exit', resolve))
      this.#process.kill('SIGTERM')
      await exited
    }
    await rm(this.#folder, { recursive: true, force: true })
  }
}

describe.each(brokers.map((binary) => [versionOf(binary), binary] as const))(
  'Mosquitto %s under attack',
  (_, binary) => {
    let rig: MosquittoRig | undefined
    let picket: Picket | undefined
    afterEach(async () => {
      await picket?.stop()
      await rig?.stop()
    })

    test('each attack raises its alert, quiet devices none', async () => {
      rig = await MosquittoRig.start(binary, 'iso')
      picket = await Picket.start(rig.log)
      const good = { username: 'sensor-001', password: 'right-1' }
      for (let device = 0; device < 12; device++) {
        const from = `127.0.1.${device + 1}`
        const client = await rig.connect({ ...good, clientId: `device-${device}` }, from)
        if (typeof client === 'string') throw new Error(client)
        await client.publishAsync('devices/one/t', '1', { qos: 1 })
      }

      for (let guess = 0; guess < 14; guess++) {
        const login = { clientId: 'guesser', username: 'sensor-001', password: `guess-${guess}` }
        await rig.connect(login, '127.66.6.6')
      }
      const brute = await picket.raises('MQTT brute force from one address')
      expect(brute.group).toEqual({ 'source.ip': '127.66.6.6' })
      expect(brute.severity).toBe('high')

      for (let turn = 0; turn < 4; turn++) {
        for (const from of ['127.0.1.1', '127.66.6.7']) {
          await rig.connect({ ...good, clientId: 'device-0' }, from)
        }
      }
      const fight = await picket.raises('Two clients fight for one MQTT client id')
      expect(Object.values(fight.group)).toContain('device-0')

      const prober = { clientId: 'prober', username: 'sensor-002', password: 'right-2' }
      const probing = await rig.connect({ ...prober, protocolVersion: 5 }, '127.66.6.8')
      if (typeof probing === 'string') throw new Error(probing)
      for (let topic = 0; topic < 8; topic++) {
        const to = `devices/one/${topic}`
        await probing.publishAsync(to, 'x', { qos: 1 }).catch(() => undefined)
      }
      const probe = await picket.raises('MQTT client tries many topics it may not use')
      expect(Object.values(probe.group)).toContain('prober')

      for (let turn = 0; turn < 8; turn++) {
        await rig.connect({ ...(await rig.tlsOptions(undefined)), ...good, clientId: `t${turn}` })
      }
      const tls = await picket.raises('TLS handshake failures in bulk')
      expect(tls.group).toEqual({ 'source.ip': '127.0.0.1' })

      const attackers = new Set(['127.66.6.6', '127.0.0.1', 'device-0', 'prober', 'guesser'])
      const others = picket.alerts.filter(({ group, severity }) => {
        const isGrave = severity === 'high' || severity === 'critical'
        return isGrave && !Object.values(group).some((value) => attackers.has(value))
      })
      expect(others.map(({ rule, group }) => [rule.name, group])).toEqual([])
    }, 120_000)
  },
)
