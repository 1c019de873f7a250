import { execFile, execFileSync, spawnSync } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect as tlsConnect } from 'node:tls'
import fc from 'fast-check'
import { afterEach, describe, expect, test } from 'vitest'
import { MetricsRegistry } from '../../base/metrics.ts'
import type { Source } from '../../model/source.ts'
import { createSource, type SourceOptions, sourceKinds } from '../registry.ts'
import { kernelDrops } from '../datagrams.ts'
import { describeSource, type SourceWorld } from '../testing/describe-source.ts'
import { freePort } from '../testing/free-port.ts'
import { testDeps } from '../testing/file-world.ts'
import { RecordSink, until } from '../testing/record-sink.ts'
import { SyslogFramer } from './framer.ts'

const clock = { now: () => Date.now() }

function optionsOf(given: Record<string, unknown>): SourceOptions<'syslog'> {
  return sourceKinds.syslog.options.parse({ message_bytes_max: '8KiB', ...given })
}

/** Whether a program is there; with REQUIRE_SERVICES=1 its absence fails the test instead. */
function has(program: string): boolean {
  if (process.env['REQUIRE_SERVICES'] === '1') return true
  return spawnSync(program, ['--version'], { stdio: 'ignore' }).error === undefined
}

type Frame = (text: string) => string
const byLine: Frame = (text) => `${text}\n`
const byCount: Frame = (text) => `${Buffer.byteLength(text)} ${text}`

async function tcpWorld(frame: Frame): Promise<SourceWorld> {
  const port = await freePort()
  const options = optionsOf({ listen: `127.0.0.1:${port}`, transports: ['tcp'] })
  let socket: Socket | undefined
  return {
    create: (metrics) => createSource('syslog', options, testDeps('/', clock, metrics)),
    send: async (texts) => {
      if (socket === undefined || socket.destroyed) {
        socket = connect(port, '127.0.0.1')
        socket.on('error', () => undefined)
        await new Promise<void>((resolve, reject) => {
          socket?.once('connect', resolve).once('error', reject)
        })
      }
      socket.write(texts.map(frame).join(''))
    },
    replays: false,
    textBytesMax: 8_192,
    deliveriesMax: 1,
    end: async () => void socket?.destroy(),
  }
}

async function udpWorld(): Promise<SourceWorld> {
  const port = await freePort()
  const options = optionsOf({ listen: `127.0.0.1:${port}`, transports: ['udp'] })
  const socket = createSocket('udp4')
  return {
    create: (metrics) => createSource('syslog', options, testDeps('/', clock, metrics)),
    send: async (texts) => {
      for (const text of texts) {
        await new Promise((resolve) => socket.send(text, port, '127.0.0.1', resolve))
      }
    },
    replays: false,
    textBytesMax: 8_192,
    deliveriesMax: 1,
    end: () => new Promise<void>((resolve) => void socket.close(() => resolve())),
  }
}

describeSource(
  'syslog over TCP, by line',
  () => tcpWorld(byLine),
  () => new MetricsRegistry(),
)
describeSource(
  'syslog over TCP, by octets',
  () => tcpWorld(byCount),
  () => new MetricsRegistry(),
)
describeSource('syslog over UDP', udpWorld, () => new MetricsRegistry())

describe('the framer', () => {
  const message = fc
    .uint8Array({ maxLength: 60 })
    .map((bytes) => Buffer.concat([Buffer.from('<13>'), Buffer.from(bytes)]))
    // Line framing cannot carry a line feed, and what stands at the end is its line end.
    .map((bytes) => Buffer.from(bytes.filter((byte) => ![0x0a, 0x0d, 0].includes(byte))))

  test('messages of both framings in one stream, cut into any chunks, come out whole', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(message, fc.boolean()), { maxLength: 20 }),
        fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1 }),
        (messages, cuts) => {
          const stream = Buffer.concat(
            messages.map(([bytes, counted]) =>
              counted
                ? Buffer.concat([Buffer.from(`${bytes.length} `), bytes])
                : Buffer.concat([bytes, Buffer.from('\n')]),
            ),
          )
          const framer = new SyslogFramer(1_000)
          const seen: Buffer[] = []
          for (let at = 0, turn = 0; at < stream.length; turn++) {
            const size = cuts[turn % cuts.length] ?? 1
            seen.push(...framer.push(stream.subarray(at, at + size)).frames.map((f) => f.bytes))
            at += size
          }
          seen.push(...framer.end().frames.map((f) => f.bytes))
          expect(seen.map(String)).toEqual(messages.map(([bytes]) => String(bytes)))
        },
      ),
      { numRuns: 500 },
    )
  })

  test('any bytes: no throw, and never more than the limit is kept of a message', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 20 }), (chunks) => {
        const framer = new SyslogFramer(100)
        for (const chunk of chunks) {
          const { frames, fault } = framer.push(Buffer.from(chunk))
          expect(frames.every((frame) => frame.bytes.length <= 100)).toBe(true)
          if (fault !== undefined) return
        }
        expect(framer.end().frames.length).toBeLessThanOrEqual(1)
      }),
      { numRuns: 500 },
    )
  })

  test.each([
    ['12345678901234567890 x', 'frame_length'],
    ['99 half', 'frame_incomplete'],
  ])('%j ends as %s', (text, fault) => {
    const framer = new SyslogFramer(100)
    const pushed = framer.push(Buffer.from(text))
    expect(pushed.fault ?? framer.end().fault).toBe(fault)
  })

  test('an octet count of a gigabyte is read past without keeping it', () => {
    const framer = new SyslogFramer(100)
    framer.push(Buffer.from('99999999 '))
    const chunk = Buffer.alloc(999_999, 0x78)
    for (let turn = 0; turn < 100; turn++) framer.push(chunk)
    const { frames } = framer.push(Buffer.from('x'.repeat(99) + '3 <1>'))
    expect(frames[0]).toMatchObject({ cutFrom: 99_999_999 })
    expect(frames[0]?.bytes.length).toBe(100)
    expect(frames[1]?.bytes.toString()).toBe('<1>')
  })
})

describe('the listener', () => {
  let source: Source | undefined
  const sink = (): RecordSink => new RecordSink()
  afterEach(() => source?.stop())

  async function begin(given: Record<string, unknown>, to: RecordSink, folder = '/') {
    const metrics = new MetricsRegistry()
    source = createSource('syslog', optionsOf(given), testDeps(folder, clock, metrics))
    await source.start(to)
    return metrics
  }

  test('an address that is taken is a problem, not a crash', async () => {
    const holder = createServer()
    await new Promise<void>((resolve) => holder.listen(0, '127.0.0.1', resolve))
    const address = holder.address()
    const port = typeof address === 'object' ? address?.port : 0
    await expect(begin({ listen: `127.0.0.1:${port}` }, sink())).rejects.toMatchObject({
      problem: { code: 'SOURCE_LISTEN' },
    })
    await new Promise((resolve) => holder.close(resolve))
  })

  test('octets that are not UTF-8 are kept, and the sender is named', async () => {
    const port = await freePort()
    const to = sink()
    await begin({ listen: `127.0.0.1:${port}` }, to)
    const socket = connect(port, '127.0.0.1')
    socket.end(Buffer.concat([Buffer.from('<13>caf'), Buffer.from([0xe9, 0x0a])]))
    await until('it arrives', () => to.items.length === 1)
    expect(to.items[0]).toMatchObject({
      text: '<13>caf\uFFFD',
      facts: { peer: '127.0.0.1', transport: 'tcp' },
    })
    expect([...(to.items[0]?.bytes ?? [])].at(-1)).toBe(0xe9)
  })

  test('a sender that we keep waiting is not closed for its silence', async () => {
    const port = await freePort()
    const to = sink()
    to.hold()
    const listen = `127.0.0.1:${port}`
    const metrics = await begin({ listen, transports: ['tcp'], idle_timeout: '1s' }, to)
    const socket = connect(port, '127.0.0.1')
    socket.write('<13>a\n')
    await until('it waits', () => to.open === 1)
    await new Promise((wake) => setTimeout(wake, 2_500))
    socket.write('<13>b\n')
    to.release()
    await until('both arrive', () => to.items.length === 2)
    await until('and then it is idle', () => {
      const labels = { source: 'test', reason: 'idle_timeout' }
      return metrics.value('picket_source_errors_total', labels) === 1
    })
    socket.destroy()
  })

  test('connections beyond the limit are closed and counted', async () => {
    const port = await freePort()
    const metrics = await begin({ listen: `127.0.0.1:${port}`, connections_max: 3 }, sink())
    const sockets = Array.from({ length: 6 }, () => connect(port, '127.0.0.1'))
    let closed = 0
    for (const socket of sockets)
      socket.on('close', () => (closed += 1)).on('error', () => undefined)
    await until('three are closed', () => closed === 3)
    const labels = { source: 'test', reason: 'connections_max' }
    expect(metrics.value('picket_source_errors_total', labels)).toBe(3)
    for (const socket of sockets) socket.destroy()
  })

  test('datagrams beyond the queue are dropped and counted, the others arrive', async () => {
    const port = await freePort()
    const to = sink()
    to.hold()
    await begin({ listen: `127.0.0.1:${port}`, udp_queue_max: 10 }, to)
    const socket = createSocket('udp4')
    for (let turn = 0; turn < 200; turn++) {
      await new Promise((resolve) => socket.send(`<13>m${turn}`, port, '127.0.0.1', resolve))
    }
    const dropped = (): number => to.drops.reduce((sum, drop) => sum + drop.count, 0)
    await until('some are dropped', () => dropped() > 0)
    to.release()
    await until('all are accounted for', () => dropped() + to.items.length === 200)
    expect(to.drops.every((drop) => drop.reason === 'udp_queue_full')).toBe(true)
    socket.close()
  })

  test('half a counted message, and a length that is none, are counted as lost', async () => {
    for (const [bytes, reason] of [
      ['100 <13>half', 'frame_incomplete'],
      ['9999999999 <13>x', 'frame_length'],
    ] as const) {
      const port = await freePort()
      const to = sink()
      const metrics = await begin({ listen: `127.0.0.1:${port}`, transports: ['tcp'] }, to)
      connect(port, '127.0.0.1').end(`6 <13>ok${bytes}`)
      await until('it is counted', () => to.drops.length > 0)
      expect([to.texts, to.drops]).toEqual([['<13>ok'], [{ reason, count: 1 }]])
      const labels = { source: 'test', reason }
      expect(metrics.value('picket_source_errors_total', labels)).toBe(1)
      await source?.stop()
    }
  })

  test.skipIf(process.platform !== 'linux')(
    'each datagram is kept, or counted where it was lost: by the kernel too (Linux)',
    async () => {
      const port = await freePort()
      const to = sink()
      const listen = `127.0.0.1:${port}`
      await begin({ listen, transports: ['udp'], udp_buffer_bytes: '4KiB' }, to)
      const socket = createSocket('udp4')
      await new Promise<void>((resolve) => socket.connect(port, '127.0.0.1', resolve))
      // In one turn of the event loop, so that nobody reads meanwhile.
      const sent = Array.from({ length: 500 }, (_, n) => {
        return new Promise((resolve) => socket.send(`<13>${n} ${'x'.repeat(500)}`, resolve))
      })
      await Promise.all(sent)
      const lost = (): number => to.drops.reduce((sum, { count }) => sum + count, 0)
      await until('some arrive', () => to.items.length > 0)
      await source?.stop()
      expect(to.drops.every(({ reason }) => reason === 'udp_kernel')).toBe(true)
      expect(lost()).toBeGreaterThan(0)
      // What was in the buffer when it was closed is in neither.
      expect(to.items.length + lost()).toBeLessThanOrEqual(500)
      socket.close()
    },
  )

  test('datagrams that were taken and could not be kept when it stops are counted', async () => {
    const port = await freePort()
    const to = sink()
    to.failures.push(...Array.from({ length: 10_000 }, () => 'busy' as const))
    await begin({ listen: `127.0.0.1:${port}`, transports: ['udp'] }, to)
    const socket = createSocket('udp4')
    for (let n = 0; n < 20; n += 1) {
      await new Promise((resolve) => socket.send(`<13>${n}`, port, '127.0.0.1', resolve))
    }
    await until('they wait', () => to.failures.length < 9_990)
    await source?.stop()
    const stopped = to.drops.filter(({ reason }) => reason === 'stopped')
    expect(stopped.reduce((sum, { count }) => sum + count, 0)).toBeGreaterThan(0)
    expect([to.items, stopped.length]).toEqual([[], to.drops.length])
    socket.close()
  })

  test.skipIf(!has('logger'))('the program logger (needs util-linux) is understood', async () => {
    const port = await freePort()
    const to = sink()
    await begin({ listen: `127.0.0.1:${port}` }, to)
    const server = ['--server', '127.0.0.1', '--port', String(port), '--tag', 'pump']
    for (const how of [
      ['--tcp', '--octet-count', '--rfc5424', 'counted'],
      ['--tcp', '--rfc3164', 'by line'],
      ['--udp', '--rfc5424', 'datagram'],
    ]) {
      await new Promise((resolve) => execFile('logger', [...server, ...how], resolve))
    }
    await until('three messages', () => to.items.length === 3)
    const [counted, lined, datagram] = to.texts
    expect(counted).toMatch(/^<13>1 .* pump .* counted$/)
    expect(lined).toMatch(/^<13>[A-Z][a-z]{2} .* pump: by line$/)
    expect(datagram).toMatch(/^<13>1 .* pump .* datagram$/)
  })

  test.skipIf(process.platform !== 'linux')('the kernel tells its drops (Linux)', async () => {
    const port = await freePort()
    await begin({ listen: `127.0.0.1:${port}`, transports: ['udp'] }, sink())
    expect(await kernelDrops(port)).toBe(0)
  })

  test.skipIf(!has('openssl'))(
    'TLS (needs openssl): a sender with a certificate of the authority is heard, one without is not',
    async () => {
      const folder = mkdtempSync(join(tmpdir(), 'picket-syslog-'))
      const openssl = (...args: string[]): void => {
        execFileSync('openssl', args, { cwd: folder, stdio: 'ignore' })
      }
      const made = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
      const out = ['-keyout', 'key.pem', '-out', 'cert.pem', '-days', '2', '-subj', '/CN=gateway-7']
      openssl('req', '-x509', ...made, ...out)
      const read = (name: string): Buffer => readFileSync(join(folder, name))
      const port = await freePort()
      const to = sink()
      const tls = {
        listen: `127.0.0.1:${port}`,
        cert_file: 'cert.pem',
        key_file: 'key.pem',
        client_ca_file: 'cert.pem',
      }
      const metrics = await begin({ transports: [], tls }, to, folder)
      const stranger = tlsConnect({ port, host: '127.0.0.1', rejectUnauthorized: false })
      stranger.on('error', () => undefined).write('<13>from a stranger\n')
      const labels = { source: 'test', reason: 'tls_handshake' }
      await until('it is refused', () => metrics.value('picket_source_errors_total', labels) === 1)
      const own = { cert: read('cert.pem'), key: read('key.pem'), ca: read('cert.pem') }
      const known = tlsConnect({ port, host: '127.0.0.1', rejectUnauthorized: false, ...own })
      known.end('18 <13>from a gateway')
      await until('it is heard', () => to.items.length > 0)
      expect(to.texts).toEqual(['<13>from a gateway'])
      expect(to.items[0]?.facts).toMatchObject({ transport: 'tls', peer_name: 'gateway-7' })
      rmSync(folder, { recursive: true })
    },
  )
})
