/**
 * tcpdump on the port of a real Mosquitto with real clients: the capture tells the same connects, refusals,
 * denials and takeovers as the broker's own log, and the rules find the same in it.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { readFileSync, statSync } from 'node:fs'
import { PassThrough, Readable } from 'node:stream'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ManualClock } from '../../src/base/clock.ts'
import { MetricsRegistry } from '../../src/base/metrics.ts'
import { runCli } from '../../src/cli/cli.ts'
import { detectCommand } from '../../src/cli/detect.ts'
import { registerNormalize } from '../../src/cli/normalize.ts'
import { until } from '../../src/source/testing/record-sink.ts'
import { findBrokers, MosquittoRig, versionOf } from './mosquitto-rig.ts'

const RULES = join(import.meta.dirname, '../../../content/rules')
const mustRun = process.env['REQUIRE_SERVICES'] === '1'
const brokers = findBrokers()
const has = (program: string): boolean => {
  try {
    execFileSync('which', [program])
    return true
  } catch {
    return false
  }
}
const canCapture = process.getuid?.() === 0 && has('tcpdump') && has('mosquitto_pub')
const missing = !canCapture || brokers.length === 0

if (missing) {
  test.skipIf(!mustRun)('Mosquitto, its clients, tcpdump and root are needed', () => {
    expect(missing).toBe(false)
  })
}

type Doc = Record<string, Record<string, unknown>>

async function run(args: readonly string[]): Promise<{ out: Doc[]; err: string }> {
  const stdout = new PassThrough({ highWaterMark: 2 ** 26 })
  const stderr = new PassThrough({ highWaterMark: 2 ** 26 })
  const context = {
    stdin: Readable.from([]),
    ...{
      stdout,
      stderr,
      env: {},
      clock: new ManualClock(Date.now()),
      metrics: new MetricsRegistry(),
    },
    interactive: false,
    exit: () => undefined,
  }
  await runCli(args, context, [registerNormalize, detectCommand])
  const lines = String(stdout.read() ?? '')
    .split('\n')
    .filter(Boolean)
  return { out: lines.map((line) => JSON.parse(line) as Doc), err: String(stderr.read() ?? '') }
}

/** What a log or a capture tells, by kind of happening: client ids, sorted. */
function happenings(docs: readonly Doc[], named: boolean): Record<string, string[]> {
  const told: Record<string, string[]> = {}
  for (const { event = {}, iot = {} } of docs) {
    const mqtt = iot['mqtt'] as Record<string, unknown> | undefined
    const kind = `${String(event['action'])} ${String(event['outcome'])}`
    const isCompared = /^mqtt-(connect|takeover|publish-denied)/.test(kind)
    // The older log does not name whom it refuses.
    const id = !named && kind === 'mqtt-connect failure' ? '?' : mqtt?.['client_id']
    // What is said inside of TLS, only the broker knows.
    if (isCompared && mqtt?.['client_id'] !== 'tls-1') (told[kind] ??= []).push(String(id))
  }
  for (const list of Object.values(told)) list.sort((a, b) => (a < b ? -1 : 1))
  return told
}

describe.skipIf(missing).each(brokers.map((binary) => [versionOf(binary), binary] as const))(
  'a capture of Mosquitto %s (needs tcpdump and root)',
  (version, binary) => {
    const namesRefused = !/^2\.0\.([0-9]|1[0-4])$/.test(version)
    let rig: MosquittoRig
    let tcpdump: ChildProcess | undefined
    let capture = ''
    let fromCapture: { out: Doc[]; err: string }
    let fromLog: { out: Doc[]; err: string }

    beforeAll(async () => {
      rig = await MosquittoRig.start(binary, 'epoch')
      capture = rig.path('loopback.pcap')
      const filter = `tcp port ${rig.port} or tcp port ${rig.tlsPort}`
      tcpdump = spawn(
        'tcpdump',
        ['-i', 'lo', '--immediate-mode', '-U', '-Z', 'root', '-w', capture, filter],
        { stdio: 'ignore' },
      )
      await until('tcpdump writes', () => sizeOf(capture) >= 24)
      await live(rig)
      // Its end is in the capture once that of the last client is.
      await until('the last client is captured', () => readFileSync(capture).includes('lock-2'))
      await new Promise((wake) => setTimeout(wake, 500))
      tcpdump.kill('SIGINT')
      await new Promise((done) => tcpdump?.once('exit', done))
      const own = ['--decoder', 'mqtt-pcap', '--option', `tls_ports=${rig.tlsPort}`]
      fromCapture = await run(['normalize', ...own, capture])
      fromLog = await run(['normalize', '--decoder', 'mosquitto', rig.log])
    }, 60_000)

    afterAll(async () => {
      tcpdump?.kill('SIGKILL')
      await rig?.stop()
    })

    test('tells the same connects, refusals, denials and takeovers as the log', () => {
      const seen = happenings(fromCapture.out, namesRefused)
      expect(seen).toEqual(happenings(fromLog.out, namesRefused))
      expect(seen['mqtt-connect failure']).toHaveLength(16)
      expect(seen['mqtt-takeover success']).toHaveLength(5)
      expect(seen['mqtt-publish-denied failure']).toEqual(['lock-2'])
      const { summary } = JSON.parse(fromCapture.err.trim().split('\n').at(-1) ?? '{}')
      expect(summary.rejects).toBe(0)
    })

    test('names the refused, where the older log does not, and keeps no password', () => {
      const ids = fromCapture.out
        .filter(
          ({ event }) => event?.['action'] === 'mqtt-connect' && event['outcome'] === 'failure',
        )
        .map(({ iot }) => (iot?.['mqtt'] as Doc | undefined)?.['client_id'])
      expect(new Set(ids).size).toBe(16)
      const text = JSON.stringify(fromCapture.out)
      expect(text).not.toContain('guess-')
      expect(text).not.toContain('right-1')
    })

    test('tells how TLS handshakes end, from outside', () => {
      const shakes = fromCapture.out.filter(({ event }) => event?.['action'] === 'tls-handshake')
      const ends = shakes.map(({ event, tls }) => [event?.['outcome'], tls?.['version']].join(' '))
      expect(ends).toEqual(['success 1.3', 'failure 1.3', 'failure 1.3', 'failure 1.2'])
      const names = shakes.map(({ tls }) => (tls?.['client'] as Doc | undefined)?.['server_name'])
      expect(names[0]).toBe('localhost')
      const inLog = fromLog.out.filter(({ event }) => event?.['action'] === 'tls-handshake')
      expect(inLog).toHaveLength(3)
    })

    test('lets the rules find the brute force and the fight for one client id', async () => {
      const { out } = await run(['detect', '--rules', RULES, '--decoder', 'mqtt-pcap', capture])
      const names = out.map(({ rule }) => rule?.['name'])
      expect(names).toContain('MQTT brute force from one address')
      expect(names).toContain('Two clients fight for one MQTT client id')
      expect(names).toContain('MQTT topic access denied')
    })

    test.skipIf(!has('tshark'))('agrees with tshark on packets (needs tshark)', () => {
      const fields = ['-T', 'fields', '-e', 'mqtt.msgtype']
      const as = ['-d', `tcp.port==${rig.port},mqtt`]
      const read = execFileSync('tshark', ['-r', capture, ...as, '-Y', 'mqtt', ...fields], {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      })
      const types = read.split(/[\n,]/).filter(Boolean)
      const count = (type: string): number => types.filter((one) => one === type).length
      const told = (action: string): number =>
        fromCapture.out.filter(({ event }) => event?.['action'] === action).length
      expect(told('mqtt-connect')).toBe(count('2'))
      const sent = fromCapture.out.map(
        ({ iot }) => (iot?.['mqtt'] as Doc | undefined)?.['traffic'] ?? {},
      )
      const messages = sent.reduce(
        (sum, { sent: up = 0, received: down = 0 }) => sum + Number(up) + Number(down),
        0,
      )
      expect(messages).toBe(count('3'))
    })
  },
)

function sizeOf(path: string): number {
  try {
    return statSync(path).size
  } catch {
    return 0
  }
}

/** Sixteen refusals, five takeovers, a denied publish, and honest work by two kinds of clients. */
async function live(rig: MosquittoRig): Promise<void> {
  const pub = (login: readonly string[], ...more: readonly string[]): void => {
    const to = ['-h', '127.0.0.1', '-p', String(rig.port), '-t', 'devices/one/t', '-m', '21.5']
    try {
      execFileSync('mosquitto_pub', [...login, ...to, ...more], { stdio: 'ignore' })
    } catch {
      // It exits with an error where it is refused: that is what is wanted here.
    }
  }
  const right = ['-u', 'sensor-001', '-P', 'right-1']
  for (const [turn, version] of ['mqttv31', 'mqttv311', 'mqttv5'].entries()) {
    pub([...right, '-V', version], '-i', `cli-${turn}`, '-q', String(turn))
  }
  for (let turn = 0; turn < 15; turn++) {
    const version = turn % 2 === 0 ? 'mqttv311' : 'mqttv5'
    pub(['-u', 'sensor-001', '-P', `guess-${turn}`, '-V', version], '-i', `bad-${turn}`)
  }
  await rig.connect({ clientId: 'anon-1' })
  const good = { clientId: 'pump-1', username: 'sensor-001', password: 'right-1' }
  for (let turn = 0; turn < 6; turn++) {
    const client = await rig.connect({ ...good, protocolVersion: turn % 2 === 0 ? 4 : 5 })
    if (typeof client === 'string') throw new Error(client)
    await client.subscribeAsync('devices/one/#')
    await client.publishAsync('devices/one/t', 'y'.repeat(100_000), { qos: 1 })
  }
  const secure = { clientId: 'tls-1', ...good, servername: 'localhost' }
  const inside = await rig.connect({
    ...(await rig.tlsOptions('device')),
    ...secure,
    clientId: 'tls-1',
  })
  if (typeof inside !== 'string') await inside.endAsync()
  await rig.connect({ ...(await rig.tlsOptions(undefined)), ...secure })
  await rig.connect({ ...(await rig.tlsOptions('stranger')), ...secure })
  await rig.connect({ ...(await rig.tlsOptions('stranger')), ...secure, maxVersion: 'TLSv1.2' })
  const other = await rig.connect({
    ...{ clientId: 'lock-2', username: 'sensor-002', password: 'right-2', protocolVersion: 5 },
  })
  if (typeof other === 'string') throw new Error(other)
  await other.publishAsync('devices/one/secret', 'x', { qos: 1 }).catch(() => undefined)
  await other.endAsync()
  await until('the log tells it', () =>
    readFileSync(rig.log, 'utf8').includes('Client lock-2 disconnected'),
  )
}
