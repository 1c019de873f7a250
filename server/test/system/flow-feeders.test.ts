/**
 * Real exporters feed the source `flow`: softflowd in versions 5, 9 and 10 from a capture, nfreplay from what nfcapd
 * took. Every flow that nfdump reads of the same datagrams must be an event, with its ends, packets and bytes.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { MetricsRegistry } from '../../src/base/metrics.ts'
import { decoders } from '../../src/decode/registry.ts'
import { pcapOf, WireConnection } from '../../src/decode/testing/capture-wire.ts'
import { createPreparer } from '../../src/ingest/prepare.ts'
import { fieldOf, type SecurityEvent } from '../../src/model/event.ts'
import { createSource, sourceKinds } from '../../src/source/registry.ts'
import { testDeps } from '../../src/source/testing/file-world.ts'
import { freePort } from '../../src/source/testing/free-port.ts'
import { RecordSink, until } from '../../src/source/testing/record-sink.ts'

const PROGRAMS = ['/usr/sbin/softflowd', '/usr/bin/nfcapd', '/usr/bin/nfdump', '/usr/bin/nfreplay']
const isHere = PROGRAMS.every((path) => existsSync(path))
const mustRun = process.env['REQUIRE_SERVICES'] === '1'
const CONNECTIONS = 40
/** Before the exporters start: their clocks of 32 bits stand before zero then. */
const STARTED_MS = Date.now() - 60_000

if (!isHere) {
  test.skipIf(!mustRun)(
    'softflowd and nfdump are not installed (apt-get install softflowd nfdump)',
    () => {
      expect(isHere).toBe(true)
    },
  )
}

/** Connections over IPv4 and, each fourth, IPv6; all of different length. */
function traffic(startMs: number): Buffer {
  const segments = Array.from({ length: CONNECTIONS }, (_, at) => {
    const ends =
      at % 4 === 3 ? { client: 'fd00::7', server: 'fd00::1' } : { client: `10.2.0.${at + 1}` }
    const one = new WireConnection({
      timeMs: startMs + at * 100,
      port: 30_000 + at,
      ...ends,
    }).open()
    one
      .bytes('client', Buffer.alloc(100 + at * 10))
      .bytes('server', Buffer.alloc(500))
      .close()
    return one.segments
  })
  return Buffer.concat(pcapOf(segments.flat().sort((a, b) => a.timeMs - b.timeMs)))
}

/** Of a flow: its ends, packets and bytes. */
type FlowLine = string

function eventLine({ doc }: SecurityEvent): FlowLine {
  const ends = ['source.ip', 'source.port', 'destination.ip', 'destination.port']
  const told = [...ends, 'source.packets', 'source.bytes'].map((path) => fieldOf(doc, path))
  return told.map(String).join(' ')
}

/** When the connection of a flow began in the capture. */
function beganMs({ doc }: SecurityEvent): number {
  const ports = [Number(fieldOf(doc, 'source.port')), Number(fieldOf(doc, 'destination.port'))]
  return STARTED_MS + (Math.max(...ports) - 30_000) * 100
}

/** What nfdump reads of a folder of nfcapd's files. */
function nfdumpLines(folder: string): FlowLine[] {
  const csv = execFileSync('nfdump', ['-R', folder, '-q', '-6', '-o', 'csv'], {
    encoding: 'utf8',
    env: { ...process.env, TZ: 'UTC' },
  })
  return csv
    .split('\n')
    .filter((line) => /^\d{4}-/.test(line))
    .map((line) => {
      const column = line.split(',').map((text) => text.trim())
      return [3, 5, 4, 6, 11, 12].map((at) => column[at]).join(' ')
    })
    .sort()
}

describe.skipIf(!isHere)('flow exporters (need softflowd and nfdump)', () => {
  const undo: (() => Promise<unknown> | undefined)[] = []
  afterEach(async () => {
    for (const step of undo.splice(0).reverse()) await step()
  })

  async function listen(): Promise<{ port: number; events: SecurityEvent[]; rejects: unknown[] }> {
    const port = await freePort()
    const sink = new RecordSink()
    const options = sourceKinds.flow.options.parse({ listen: [`127.0.0.1:${port}`] })
    const deps = testDeps('/', { now: () => Date.now() }, new MetricsRegistry())
    const source = createSource('flow', options, deps)
    const preparer = createPreparer({
      source: 'flows',
      decoderSpec: decoders['netflow']!,
      tenant: 'default',
    })
    const events: SecurityEvent[] = []
    const rejects: unknown[] = []
    sink.onDeliver = (batch) => {
      const { batch: made } = preparer.prepare(batch, Date.now())
      events.push(...(made.events ?? []))
      rejects.push(...(made.deadLetters ?? []))
    }
    undo.push(() => source.stop())
    await source.start(sink)
    return { port, events, rejects }
  }

  async function collector(folder: string, port: number): Promise<() => Promise<void>> {
    const child: ChildProcess = spawn(
      'nfcapd',
      ['-b', '127.0.0.1', '-p', String(port), '-w', folder, '-t', '3600'],
      { stdio: 'ignore' },
    )
    const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()))
    const stop = async (): Promise<void> => {
      child.kill('SIGTERM')
      await gone
    }
    undo.push(async () => {
      child.kill('SIGKILL')
      await gone
    })
    await until('nfcapd is up', () => readdirSync(folder).some((name) => name.includes('current')))
    return stop
  }

  async function makeFolder(): Promise<string> {
    const folder = await mkdtemp(join(tmpdir(), 'picket-flows-'))
    undo.push(() => rm(folder, { recursive: true, force: true }))
    await mkdir(join(folder, 'out'))
    await writeFile(join(folder, 'in.pcap'), traffic(STARTED_MS))
    return folder
  }

  test.each([
    ['5', 'v5', CONNECTIONS * 1.5],
    ['9', 'v9', CONNECTIONS * 2],
    ['10', 'ipfix', CONNECTIONS * 2],
  ])(
    'softflowd, version %s: the flows that nfdump reads',
    async (version, code, count) => {
      const folder = await makeFolder()
      const out = join(folder, 'out')
      const { port, events, rejects } = await listen()
      const other = await freePort()
      const stop = await collector(out, other)
      const to = `127.0.0.1:${port},127.0.0.1:${other}`
      // Without a control socket: at the end of a capture it waits for one for ever.
      const own = ['-d', '-c', 'none', '-p', join(folder, 'pid')]
      execFileSync('softflowd', ['-r', join(folder, 'in.pcap'), '-n', to, '-v', version, ...own], {
        ...{ stdio: 'ignore', timeout: 10_000 },
      })
      const flows = (): SecurityEvent[] =>
        events.filter(({ doc }) => fieldOf(doc, 'event.action') === 'network-flow')
      await until('all came', () => flows().length >= count)
      await new Promise((wake) => setTimeout(wake, 300))
      await stop()
      expect(flows().map(eventLine).sort()).toEqual(nfdumpLines(out))
      expect(flows()).toHaveLength(count)
      expect(new Set(flows().map(({ doc }) => fieldOf(doc, 'event.code')))).toEqual(new Set([code]))
      expect(new Set(flows().map(({ doc }) => String(fieldOf(doc, 'observer.ip'))))).toEqual(
        new Set(['127.0.0.1']),
      )
      expect(rejects).toEqual([])
      // nfdump is no judge of times here: it reads versions 9 and 10 of an uptime before zero 49 days ahead.
      const late = flows().map(
        (event) => Date.parse(String(fieldOf(event.doc, 'event.start'))) - beganMs(event),
      )
      expect(Math.max(...late.map(Math.abs))).toBeLessThan(1_100)
      // What nfcapd took is sent once more, in nfdump's own writing of versions 9 and 5.
      const again = await listen()
      const replayed = version === '5' ? '5' : '9'
      execFileSync(
        'nfreplay',
        [
          '-H',
          '127.0.0.1',
          '-p',
          String(again.port),
          '-v',
          replayed,
          '-d',
          '1000',
          '-r',
          fileIn(out),
        ],
        {
          ...{ stdio: 'ignore', timeout: 10_000 },
        },
      )
      await until('all came again', () => again.events.length >= count)
      expect(again.events.map(eventLine).sort()).toEqual(nfdumpLines(out))
      expect(again.rejects).toEqual([])
    },
    40_000,
  )
})

function fileIn(folder: string): string {
  const name = readdirSync(folder).find((one) => /^nfcapd\.\d+$/.test(one))
  if (name === undefined) throw new Error('nfcapd wrote nothing')
  return join(folder, name)
}
