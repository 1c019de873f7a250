/** The shipped rules on packet captures: what they find in a file of tcpdump, by the command that users call. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough, Readable } from 'node:stream'
import { afterAll, describe, expect, test } from 'vitest'
import { ManualClock } from '../src/base/clock.ts'
import { MetricsRegistry } from '../src/base/metrics.ts'
import { runCli } from '../src/cli/cli.ts'
import { detectCommand } from '../src/cli/detect.ts'
import {
  pcapngOf,
  pcapOf,
  WireConnection,
  type WireSegment,
} from '../src/decode/testing/capture-wire.ts'
import type { AlertRecord } from '../src/model/alert.ts'

const RULES = join(import.meta.dirname, '../../content/rules')
const T = Date.UTC(2026, 10, 22, 10)
const folder = mkdtempSync(join(tmpdir(), 'picket-captures-'))
afterAll(() => rmSync(folder, { recursive: true }))

async function alertsOf(segments: readonly WireSegment[], ng = false): Promise<string[]> {
  const path = join(folder, 'c.pcap')
  const sorted = segments.toSorted((a, b) => a.timeMs - b.timeMs)
  writeFileSync(path, Buffer.concat(ng ? pcapngOf(sorted) : pcapOf(sorted)))
  const stdout = new PassThrough()
  const stderr = new PassThrough()
  const exits: number[] = []
  const context = {
    ...{ stdin: Readable.from([]), stdout, stderr, env: {}, clock: new ManualClock(0) },
    ...{
      metrics: new MetricsRegistry(),
      interactive: false,
      exit: (code: number) => void exits.push(code),
    },
  }
  const args = ['detect', '--rules', RULES, '--decoder', 'mqtt-pcap', '--strict', path]
  await runCli(args, context, [detectCommand])
  expect(exits).toEqual([])
  return String(stdout.read() ?? '')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as AlertRecord)
    .map(
      ({ rule, severity, group }) => `${severity}: ${rule.name} (${Object.values(group)[0] ?? ''})`,
    )
    .sort()
}

const wire = (given: object): WireConnection => new WireConnection({ timeMs: T, ...given }).open()
const password = Buffer.from('guess')

describe('the shipped rules on captures', () => {
  test.each([false, true])('a brute force of one client id (pcapng: %s)', async (ng) => {
    const guesses = Array.from({ length: 12 }, (_, at) => {
      const place = {
        timeMs: T + at * 900 + ((at * 7) % 5) * 150,
        port: 50_000 + at,
        client: '203.0.113.7',
      }
      return wire(place)
        .connect('pump-1', { username: 'pump', password })
        .connack(5)
        .close('server').segments
    })
    expect(await alertsOf(guesses.flat(), ng)).toEqual([
      'high: MQTT brute force from one address (203.0.113.7)',
    ])
  })

  test('two clients that fight for one id', async () => {
    const segments: WireSegment[] = []
    let before: WireConnection | undefined
    for (let turn = 0; turn < 5; turn++) {
      const client = turn % 2 === 0 ? '10.1.0.7' : '203.0.113.9'
      const one = wire({ timeMs: T + turn * 5_000, port: 50_000 + turn, client }).connect('dup')
      if (before !== undefined) {
        before.timeMs = one.timeMs
        before.fin('server')
      }
      before = one.connack()
      segments.push(...one.segments)
    }
    expect(await alertsOf(segments)).toEqual([
      'high: Two clients fight for one MQTT client id (dup)',
      'medium: MQTT client id taken over soon after it connected (dup)',
    ])
  })

  test('a device that retries one wrong password is named as that', async () => {
    const tries = Array.from({ length: 30 }, (_, at) => {
      const place = { timeMs: T + at * 30_000, port: 50_000 + at }
      return wire(place)
        .connect('pump-7', { username: 'pump', password })
        .connack(5)
        .close('server').segments
    })
    expect(await alertsOf(tries.flat())).toEqual(['low: Credential misconfiguration (10.1.0.7)'])
  })

  test('a slow flood, a denied topic', async () => {
    const slow = Array.from({ length: 25 }, (_, at) => {
      const one = wire({ timeMs: T + at * 100, port: 50_000 + at, client: '203.0.113.8' })
      for (const byte of [0x10, 0x40, 0, 4, 77]) one.wait(4_000).bytes('client', Buffer.of(byte))
      return one.segments
    })
    const five = wire({ client: '10.1.0.9' })
      .connect('lock-2', { protocolVersion: 5 })
      .connack(0, 5)
    five.publish('other/t', 'x', { qos: 1, messageId: 3 }, 5)
    five.say('server', { cmd: 'puback', messageId: 3, reasonCode: 0x87 }, 5)
    expect(await alertsOf([...slow.flat(), ...five.segments])).toEqual([
      'high: Flood of MQTT connections that never finish, or break the protocol (10.1.0.1)',
      'medium: MQTT topic access denied (lock-2)',
    ])
  })

  test('honest life gives none', async () => {
    const lives = Array.from({ length: 20 }, (_, at) => {
      const one = wire({ timeMs: T + at * 1_000, client: `10.1.1.${at}` })
        .connect(`pump-${at}`)
        .connack()
      for (let turn = 0; turn < 20; turn++) one.wait(30_000).publish(`pump-${at}/t`, '21.5')
      return one.say('client', { cmd: 'disconnect' }).close().segments
    })
    expect(await alertsOf(lives.flat())).toEqual([])
  })
})
