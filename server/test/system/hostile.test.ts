/**
 * Hostile input at every listener: refused or bounded, counted under a reason, and the listeners, that one
 * included, go on serving others. PICKET_CONNECTIONS=10000 makes the flood as large as the issue asks.
 */
import { spawn } from 'node:child_process'
import { connect } from 'node:net'
import { deflateSync, gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { MetricsRegistry } from '../../src/base/metrics.ts'
import type { Source } from '../../src/model/source.ts'
import { createSource, sourceKinds } from '../../src/source/registry.ts'
import { testDeps } from '../../src/source/testing/file-world.ts'
import { freePort } from '../../src/source/testing/free-port.ts'
import { RecordSink, until } from '../../src/source/testing/record-sink.ts'

const CONNECTIONS = Number(process.env['PICKET_CONNECTIONS'] ?? 1_000)
const CONNECTIONS_MAX = 40
const BODY_MAX = 65_536

interface Http {
  readonly kind: 'hec' | 'elastic' | 'http' | 'firehose' | 'otlp'
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  /** A good body that carries this text, which is JSON and stands in a JSON text where it must. */
  body(value: string): string
}

const HTTP: readonly Http[] = [
  {
    kind: 'hec',
    path: '/services/collector',
    headers: {},
    body: (value) => `{"event":{"a":${value}}}`,
  },
  {
    kind: 'elastic',
    path: '/elastic/logs/_bulk',
    headers: {},
    body: (value) => `{"create":{}}\n{"a":${value}}\n`,
  },
  { kind: 'http', path: '/api/v1/events', headers: {}, body: (value) => `{"a":${value}}` },
  {
    kind: 'firehose',
    path: '/firehose',
    headers: { 'x-amz-firehose-request-id': 'r' },
    body: (value) => {
      const data = Buffer.from(`{"a":${value}}`, 'latin1').toString('base64')
      return JSON.stringify({ requestId: 'r', timestamp: 1, records: [{ data }] })
    },
  },
  {
    kind: 'otlp',
    path: '/v1/logs',
    headers: { 'content-type': 'application/json' },
    body: (value) => {
      const attribute = `{"key":"a","value":{"stringValue":${JSON.stringify(value)}}}`
      return `{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"attributes":[${attribute}]}]}]}]}`
    },
  },
]

interface Listening {
  readonly name: string
  readonly port: number
  readonly sink: RecordSink
  readonly source: Source
  readonly errors: (reason: string) => number
}

const all = new Map<string, Listening>()

async function listen(kind: Http['kind'] | 'syslog', given: object): Promise<void> {
  const port = await freePort()
  const sink = new RecordSink()
  const metrics = new MetricsRegistry()
  const options = sourceKinds[kind].options.parse({
    ...{ listen: `127.0.0.1:${port}`, connections_max: CONNECTIONS_MAX },
    ...given,
  })
  const deps = testDeps('/', { now: () => Date.now() }, metrics)
  const source = createSource(kind, options as never, deps)
  await source.start(sink)
  const errors = (reason: string): number =>
    metrics.value('picket_source_errors_total', { source: 'test', reason }) ?? 0
  all.set(kind, { name: kind, port, sink, source, errors })
}

beforeAll(async () => {
  const given = { request_timeout: '700ms', body_bytes_max: '64KiB', pending_bytes_max: '1MiB' }
  for (const { kind } of HTTP) await listen(kind, given)
  await listen('syslog', { transports: ['tcp'], idle_timeout: '1s', message_bytes_max: '8KiB' })
})
afterAll(async () => {
  for (const { source } of all.values()) await source.stop()
})

/** Everything that comes back until the other end closes. */
async function exchange(port: number, parts: readonly (string | Uint8Array)[]): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  const got: Uint8Array[] = []
  socket.on('data', (chunk: Buffer) => got.push(chunk))
  socket.on('error', () => undefined)
  const closed = new Promise((resolve) => socket.once('close', resolve))
  for (const part of parts) socket.write(part)
  await closed
  return Buffer.concat(got).toString('latin1')
}

async function post(
  of: Http,
  body: string | Uint8Array,
  headers: Record<string, string> = {},
): Promise<number> {
  const { port } = all.get(of.kind)!
  const bytes = typeof body === 'string' ? body : new Uint8Array(body)
  const init = { method: 'POST', body: bytes, headers: { ...of.headers, ...headers } }
  const answer = await fetch(`http://127.0.0.1:${port}${of.path}`, init)
  await answer.arrayBuffer()
  return answer.status
}

let line = 0
/** Every listener takes a good request. */
async function unharmed(): Promise<void> {
  for (const of of HTTP) {
    const { sink } = all.get(of.kind)!
    const before = sink.items.length
    // Firehose's requests are told apart by their content.
    line += 1
    expect(await post(of, of.body(String(line)))).toBe(200)
    expect(sink.items.length).toBe(before + 1)
  }
  const { port, sink } = all.get('syslog')!
  const before = sink.items.length
  const socket = connect(port, '127.0.0.1')
  socket.end('<13>hello\n')
  await until('syslog takes it', () => sink.items.length === before + 1)
}

const head = (of: Http, more: readonly string[]): string => {
  const own = Object.entries(of.headers).map(([name, value]) => `${name}: ${value}`)
  return [`POST ${of.path} HTTP/1.1`, 'Host: x', ...own, ...more, '', ''].join('\r\n')
}
const chunk = (text: string): string => `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`

describe.each(HTTP)('$kind', (of) => {
  const self = (): Listening => all.get(of.kind)!
  const good = of.body('0')

  test('half open, half a head, half a body: closed after their time, others served meanwhile', async () => {
    const { port, errors } = self()
    const before = errors('request_timeout')
    const broken = errors('body_broken')
    const ends = Promise.all([
      exchange(port, []),
      exchange(port, [`POST ${of.path} HTTP/1.1\r\nHost: x\r\nX-Slow: `]),
      exchange(port, [head(of, [`Content-Length: ${good.length}`]), good.slice(0, 3)]),
    ])
    await unharmed()
    await ends
    expect(
      errors('request_timeout') - before + errors('body_broken') - broken,
    ).toBeGreaterThanOrEqual(2)
    await unharmed()
  })

  test('a head and a body that are too large', async () => {
    const { port, errors } = self()
    const huge = head(of, [`X-Long: ${'x'.repeat(200_000)}`])
    expect(await exchange(port, [huge])).not.toContain(' 200 ')
    expect(errors('headers_too_large')).toBe(1)
    expect(await post(of, 'x'.repeat(BODY_MAX + 1))).toBe(413)
    expect(await exchange(port, [head(of, ['Content-Length: 99999999999'])])).toContain(' 413 ')
    const endless = [head(of, ['Transfer-Encoding: chunked']), chunk('x'.repeat(BODY_MAX * 2))]
    expect(await exchange(port, endless)).toContain(' 413 ')
    expect(errors('body_too_large')).toBe(3)
    await unharmed()
  })

  test.each([
    ['a length and chunks', ['Content-Length: 5', 'Transfer-Encoding: chunked'], chunk(good)],
    ['two lengths', ['Content-Length: 5', 'Content-Length: 6'], good],
    ['a length that is none', ['Content-Length: five'], good],
    ['a chunk of a wrong length', ['Transfer-Encoding: chunked'], `2\r\n${good}\r\n0\r\n\r\n`],
    ['a chunk whose length is none', ['Transfer-Encoding: chunked'], `zz\r\n${good}\r\n0\r\n\r\n`],
  ])('%s: refused, nothing is taken', async (_, headers, body) => {
    const { port, sink, errors } = self()
    const before = sink.items.length
    const counted = errors('request_malformed') + errors('body_broken')
    expect(await exchange(port, [head(of, headers), body])).not.toContain(' 200 ')
    expect(sink.items.length).toBe(before)
    await until(
      'it is counted',
      () => errors('request_malformed') + errors('body_broken') > counted,
    )
    await unharmed()
  })

  test('compression bombs, and what is not what it says', async () => {
    const { sink, errors } = self()
    const before = sink.items.length
    const zeros = Buffer.alloc(200 * 2 ** 20)
    const peak = process.memoryUsage().rss
    const [tooLarge, broken] = [errors('body_too_large'), errors('body_broken')]
    expect(await post(of, gzipSync(zeros), { 'content-encoding': 'gzip' })).toBe(413)
    expect(await post(of, deflateSync(zeros), { 'content-encoding': 'deflate' })).toBe(413)
    expect(errors('body_too_large') - tooLarge).toBe(2)
    for (const encoding of ['zstd', 'br', 'gzip, gzip']) {
      expect([400, 415]).toContain(await post(of, gzipSync(good), { 'content-encoding': encoding }))
    }
    for (const bytes of [Buffer.from('not gzip'), gzipSync(good).subarray(0, -6)]) {
      expect(await post(of, bytes, { 'content-encoding': 'gzip' })).toBe(400)
    }
    expect(errors('body_broken') - broken).toBe(2)
    expect(sink.items.length).toBe(before)
    expect((process.memoryUsage().rss - peak) / 2 ** 20).toBeLessThan(100)
    await unharmed()
  })

  test('bytes that are no text, JSON that is deep: an answer that is no fault of ours', async () => {
    const bytes = Buffer.from(of.body('"\xff\xfe\x00"'), 'latin1')
    expect(await post(of, bytes)).toBeLessThan(500)
    const deep = of.body('['.repeat(15_000) + ']'.repeat(15_000))
    expect(await post(of, deep)).toBeLessThan(500)
    expect(await post(of, '['.repeat(60_000))).toBeLessThan(500)
    expect(await post(of, '['.repeat(15_000) + ']'.repeat(15_000))).toBeLessThan(500)
    const inRecord = `{"resourceLogs":[${'['.repeat(15_000) + ']'.repeat(15_000)}]}`
    expect(await post(of, inRecord)).toBeLessThan(500)
    expect(await post(of, '{"a":'.repeat(12_000))).toBeLessThan(500)
    await unharmed()
  })
})

describe('syslog', () => {
  const self = (): Listening => all.get('syslog')!

  test.each([
    ['a count of eleven digits', '99999999999 <13>x', 'frame_length'],
    ['a count that is not reached', '500 <13>x', 'frame_incomplete'],
  ])('%s: counted, the connection ends', async (_, text, reason) => {
    const { port, errors, sink } = self()
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => undefined)
    socket.resume().end(text)
    await until('it is counted', () => errors(reason) === 1)
    expect(sink.drops.some((drop) => drop.reason === reason)).toBe(true)
    await unharmed()
  })

  test('a message without an end is cut, one of no encoding keeps its octets', async () => {
    const { port, sink } = self()
    const from = sink.items.length
    const socket = connect(port, '127.0.0.1')
    socket.write('x'.repeat(5 * 2 ** 20))
    socket.end('\n<13>\xff\xfe\n', 'latin1')
    await until('both came', () => sink.items.length === from + 2)
    expect(sink.items[from]).toMatchObject({ cut: { bytes: 5 * 2 ** 20 } })
    expect(sink.items[from]?.text.length).toBe(8_192)
    expect(Buffer.from(sink.items[from + 1]!.bytes!).toString('latin1')).toBe('<13>\xff\xfe')
  })

  test('half open: closed when idle', async () => {
    const { port, errors } = self()
    await exchange(port, ['<13>half a line'])
    expect(errors('idle_timeout')).toBe(1)
    await unharmed()
  })
})

/** Opens connections, says how many were made, and holds them until its input ends. */
const FLOOD = `
const net = require('node:net')
const [port, count] = process.argv.slice(1).map(Number)
let made = 0, failed = 0
const tell = () => { if (made + failed === count) process.stdout.write('done ' + made + '\\n') }
const next = (left) => {
  if (left === 0) return
  const socket = net.connect(port, '127.0.0.1')
  let seen = false
  const settle = (ok) => { if (!seen) { seen = true; ok ? made++ : failed++; tell(); next(left - 50) } }
  socket.on('connect', () => settle(true)).on('error', () => settle(false))
}
for (let lane = 0; lane < 50; lane++) next(count)
process.stdin.resume().on('end', () => process.exit(0))
`

describe.each([...HTTP.map(({ kind }) => kind), 'syslog'])('%s', (name) => {
  test(`${CONNECTIONS} connections at once: as many as allowed, the others refused and counted`, async () => {
    const { port, errors } = all.get(name)!
    // Those that were let in and sent nothing make room after their time.
    const settled = (): number =>
      errors('connections_max') + errors('request_timeout') + errors('idle_timeout')
    const before = settled()
    const refused = errors('connections_max')
    const memory = process.memoryUsage().rss
    const words = ['-e', FLOOD, String(port), String(CONNECTIONS)]
    const flood = spawn(process.execPath, words, { stdio: ['pipe', 'pipe', 'inherit'] })
    const gone = new Promise((resolve) => flood.once('exit', resolve))
    let told = ''
    flood.stdout.on('data', (bytes: Buffer) => (told += bytes.toString()))
    try {
      await until('all were tried', () => told.includes('done'))
      await until(
        'the others are counted',
        () => settled() - before >= CONNECTIONS - CONNECTIONS_MAX,
      )
      expect(errors('connections_max') - refused).toBeGreaterThan(CONNECTIONS / 2)
      expect((process.memoryUsage().rss - memory) / 2 ** 20).toBeLessThan(300)
      for (const of of HTTP) {
        line += 1
        if (of.kind !== name) expect(await post(of, of.body(String(line)))).toBe(200)
      }
    } finally {
      flood.stdin.end()
      await gone
    }
    await unharmed()
  })
})
