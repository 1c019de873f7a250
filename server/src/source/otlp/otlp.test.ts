import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { afterEach, describe, expect, test } from 'vitest'
import { MetricsRegistry } from '../../base/metrics.ts'
import type { Source } from '../../model/source.ts'
import { createSource, sourceKinds } from '../registry.ts'
import { describeSource } from '../testing/describe-source.ts'
import { testDeps } from '../testing/file-world.ts'
import { freePort } from '../testing/free-port.ts'
import { httpWorld } from '../testing/http-world.ts'
import { RecordSink } from '../testing/record-sink.ts'
import { SIGNALS } from './messages.ts'
import { readWire, WireFault } from './wire.ts'

const clock = { now: () => Date.now() }

function make(port: number, metrics: MetricsRegistry, given: Record<string, unknown> = {}): Source {
  const listen = `127.0.0.1:${port}`
  const options = sourceKinds.otlp.options.parse({ listen, body_bytes_max: '64KiB', ...given })
  return createSource('otlp', options, testDeps('/', clock, metrics))
}

const sized = (tag: number, ...parts: readonly Buffer[]): Buffer => {
  const content = Buffer.concat(parts)
  const length =
    content.length < 128 ? [content.length] : [(content.length & 127) | 128, content.length >> 7]
  return Buffer.concat([Buffer.from([tag, ...length]), content])
}
const text = (tag: number, value: string): Buffer => sized(tag, Buffer.from(value))
const nanos = (tag: number, value: bigint): Buffer => {
  const bytes = Buffer.alloc(9, tag)
  bytes.writeBigUInt64LE(value, 1)
  return bytes
}
const pair = (tag: number, key: string, value: Buffer): Buffer =>
  sized(tag, text(0x0a, key), sized(0x12, value))

const TRACE = '5b8efff798038103d269b633813fc60c'
const SPAN = 'eee19b7ec3c1b174'
const resource = sized(0x0a, pair(0x0a, 'service.name', text(0x0a, 'gateway')))
const scope = sized(0x0a, text(0x0a, 'lib'), text(0x12, '1.0'))
const log = sized(
  0x12,
  nanos(0x09, 1_544_712_660_300_000_001n),
  Buffer.from([0x10, 17]),
  text(0x1a, 'ERROR'),
  sized(0x2a, text(0x0a, 'door opened')),
  pair(0x32, 'device.id', text(0x0a, 'd-1')),
  pair(0x32, 'n', Buffer.from([0x18, 7])),
  sized(0x4a, Buffer.from(TRACE, 'hex')),
  sized(0x52, Buffer.from(SPAN, 'hex')),
)
const logs = sized(0x0a, resource, sized(0x12, scope, log))
const span = sized(
  0x12,
  sized(0x0a, Buffer.from(TRACE, 'hex')),
  sized(0x12, Buffer.from(SPAN, 'hex')),
  text(0x2a, 'attest'),
  nanos(0x39, 1_544_712_660_000_000_000n),
  nanos(0x41, 1_544_712_661_000_000_000n),
  sized(0x7a, Buffer.from([0x18, 2])),
)
const spans = sized(0x0a, resource, sized(0x12, scope, span))

/** The example of the specification, shortened. */
function jsonLogs(bodies: readonly string[]): string {
  const logRecords = bodies.map((stringValue) => ({
    timeUnixNano: '1544712660300000001',
    severityNumber: 17,
    severityText: 'ERROR',
    traceId: TRACE.toUpperCase(),
    spanId: SPAN,
    body: { stringValue },
    attributes: [
      { key: 'device.id', value: { stringValue: 'd-1' } },
      { key: 'n', value: { intValue: '7' } },
    ],
  }))
  const attributes = [{ key: 'service.name', value: { stringValue: 'gateway' } }]
  const scopeLogs = [{ scope: { name: 'lib', version: '1.0' }, logRecords }]
  return JSON.stringify({ resourceLogs: [{ resource: { attributes }, scopeLogs }] })
}

describeSource(
  'otlp',
  () => {
    const world = httpWorld({
      create: (port, metrics) => make(port, metrics, { text_bytes_max: '8KiB' }),
      request: (texts) => ({
        path: '/v1/logs',
        body: jsonLogs(texts),
        headers: { 'content-type': 'application/json' },
      }),
    })
    return world.then((one) => ({
      ...one,
      create: (metrics: MetricsRegistry) => bodiesOnly(one.create(metrics)),
    }))
  },
  () => new MetricsRegistry(),
)

/** The contract compares texts that were sent with those that came. */
function bodiesOnly(source: Source): Source {
  let frame = 0
  return {
    stop: () => source.stop(),
    start: (sink) =>
      source.start({
        cursors: () => sink.cursors(),
        dropped: (reason, count) => sink.dropped(reason, count),
        status: (state, detail) => sink.status(state, detail),
        deliver: (batch, whenFull) => {
          const items = batch.items.map((item) => {
            if (item.cut !== undefined) return { ...item, cut: { bytes: item.cut.bytes - frame } }
            const body = String(Reflect.get(JSON.parse(item.text) as object, 'message'))
            frame = item.text.length - body.length
            return { ...item, text: body }
          })
          return sink.deliver({ ...batch, items }, whenFull)
        },
      }),
  }
}

const EXPECTED_LOG = {
  '@timestamp': '2018-12-13T14:51:00.300000001Z',
  message: 'door opened',
  'log.level': 'ERROR',
  'service.name': 'gateway',
  'device.id': 'd-1',
  n: 7,
  'trace.id': TRACE,
  'span.id': SPAN,
  'otel.scope.name': 'lib',
  'otel.scope.version': '1.0',
  'otel.severity_number': 17,
}

describe('OTLP over HTTP', () => {
  let source: Source | undefined
  afterEach(() => source?.stop())

  async function begin(given: Record<string, unknown> = {}) {
    const port = await freePort()
    const sink = new RecordSink()
    source = make(port, new MetricsRegistry(), given)
    await source.start(sink)
    const post = (
      path: string,
      type: string,
      body: string | Uint8Array,
      headers: Record<string, string> = {},
    ): Promise<Response> =>
      fetch(`http://127.0.0.1:${port}${path}`, {
        method: 'POST',
        body: typeof body === 'string' ? body : new Uint8Array(body),
        headers: { 'content-type': type, ...headers },
      })
    return { sink, post }
  }
  const PROTOBUF = 'application/x-protobuf'
  const JSON_TYPE = 'application/json'

  test('a log record is the same event in both encodings, gzip or not', async () => {
    const { sink, post } = await begin()
    const binary = await post('/v1/logs', PROTOBUF, logs)
    expect([binary.status, (await binary.arrayBuffer()).byteLength]).toEqual([200, 0])
    const gzip = { 'content-encoding': 'gzip' }
    const inJson = gzipSync(jsonLogs(['door opened']))
    expect(await (await post('/v1/logs', JSON_TYPE, inJson, gzip)).json()).toEqual({})
    expect(sink.texts.map((one) => JSON.parse(one) as unknown)).toEqual([
      EXPECTED_LOG,
      EXPECTED_LOG,
    ])
  })

  test('a span', async () => {
    const { sink, post } = await begin()
    expect((await post('/v1/traces', PROTOBUF, spans)).status).toBe(200)
    expect(JSON.parse(sink.texts[0] ?? '')).toMatchObject({
      ...{ 'trace.id': TRACE, 'span.id': SPAN, 'span.name': 'attest', 'service.name': 'gateway' },
      ...{ 'event.duration': 1_000_000_000, 'event.outcome': 'failure' },
    })
  })

  test('attributes of a resource that would stand in too many records are refused', async () => {
    const { sink, post } = await begin({ body_bytes_max: '4MiB' })
    const attributes = [{ key: 'a', value: { stringValue: 'x'.repeat(1_000_000) } }]
    const logRecords = Array.from({ length: 1_000 }, () => ({ body: { stringValue: 'b' } }))
    const resourceLogs = [{ resource: { attributes }, scopeLogs: [{ logRecords }] }]
    const answer = await post('/v1/logs', JSON_TYPE, JSON.stringify({ resourceLogs }))
    expect(answer.status).toBe(400)
    expect(await answer.text()).toContain('repeat too much of what their resource')
    expect(sink.items).toEqual([])
  })

  test('partial success, full journal', async () => {
    const { sink, post } = await begin()
    const half =
      '{"resourceLogs":[{"scopeLogs":[{"logRecords":[7,{"body":{"stringValue":"a"}}]}]}]}'
    expect(await (await post('/v1/logs', JSON_TYPE, half)).json()).toEqual({
      partialSuccess: {
        rejectedLogRecords: '1',
        errorMessage: 'an element of logRecords is no object',
      },
    })
    sink.failures.push('busy')
    const full = await post('/v1/logs', PROTOBUF, logs)
    expect([full.status, full.headers.get('retry-after')]).toEqual([503, '1'])
    expect([full.headers.get('content-type'), await full.text()]).toEqual([
      PROTOBUF,
      '\x12\x04full',
    ])
    expect(sink.items.map(({ text, unreadable }) => [text, unreadable?.code])).toEqual([
      ['7', 'DECODE_FIELD'],
      ['{"message":"a"}', undefined],
    ])
  })

  const READABLE = { logRecords: [{ body: { stringValue: 'a' } }] }
  test.each([
    ['resources that are no list', '/v1/logs', { resourceLogs: 7 }, ['7']],
    [
      'a resource that is no object, beside one that is',
      '/v1/logs',
      { resourceLogs: ['x', { scopeLogs: [READABLE] }] },
      ['"x"', undefined],
    ],
    [
      'scopes that are none',
      '/v1/logs',
      { resourceLogs: [{ scopeLogs: [null, [], READABLE] }, { scopeLogs: { a: 1 } }] },
      ['null', '[]', undefined, '{"a":1}'],
    ],
    [
      'records that are no list',
      '/v1/traces',
      { resourceSpans: [{ scopeSpans: [{ spans: 'all' }] }] },
      ['"all"'],
    ],
    [
      'an event of a span',
      '/v1/traces',
      { resourceSpans: [{ scopeSpans: [{ spans: [{ name: 's', events: [{ name: 'e' }, 5] }] }] }] },
      [undefined, undefined, '5'],
    ],
    [
      'metrics without points',
      '/v1/metrics',
      {
        resourceMetrics: [
          { scopeMetrics: [{ metrics: [{ name: 'm' }, { gauge: { dataPoints: 1 } }] }] },
        ],
      },
      ['{"name":"m"}', '{"gauge":{"dataPoints":1}}'],
    ],
    [
      'the scopes of an old exporter',
      '/v1/logs',
      { resourceLogs: [{ instrumentationLibraryLogs: [READABLE] }] },
      [undefined],
    ],
  ])('%s: an item each, and nothing is stepped over', async (_, path, body, pieces) => {
    const { sink, post } = await begin()
    const answer = await post(path, JSON_TYPE, JSON.stringify(body))
    const unread = sink.items.map((item) => (item.unreadable === undefined ? undefined : item.text))
    expect(unread).toEqual(pieces)
    const { partialSuccess = {} } = (await answer.json()) as { partialSuccess?: object }
    const refused = pieces.filter((piece) => piece !== undefined).length
    const told = Object.entries(partialSuccess).find(([name]) => name.startsWith('rejected'))?.[1]
    // The event that cannot be read is of a span, and that is what the answer counts.
    expect(Number(told ?? 0)).toBe(refused)
  })

  test('odd pieces of a record stay with it', async () => {
    const { sink, post } = await begin()
    let deep: unknown = { stringValue: 'x' }
    for (let depth = 0; depth < 30; depth++) deep = { arrayValue: { values: [deep] } }
    const attributes = [7, { value: { intValue: '1' } }, { key: 'a', value: { odd: 1 } }]
    const record = { traceId: 'abc', timeUnixNano: 'soon', attributes, body: deep }
    const body = { resourceLogs: [{ resource: 3, scopeLogs: [{ logRecords: [record] }] }] }
    await post('/v1/logs', JSON_TYPE, JSON.stringify(body))
    const made = JSON.parse(sink.texts[0] ?? '') as Record<string, unknown>
    expect(made['otel.malformed']).toEqual([
      '7',
      '{"value":{"intValue":"1"}}',
      '{"odd":1}',
      expect.stringContaining('arrayValue'),
      '"soon"',
      '"abc"',
    ])
    expect(made['otel.malformed_count']).toBe(6)
  })

  test('events and links of a span, in both encodings', async () => {
    const { sink, post } = await begin()
    const other = '0123456789abcdef0123456789abcdef'
    const whole = sized(
      0x12,
      sized(0x0a, Buffer.from(TRACE, 'hex')),
      sized(0x12, Buffer.from(SPAN, 'hex')),
      text(0x2a, 'attest'),
      sized(0x5a, nanos(0x09, 1_544_712_660_500_000_000n), text(0x12, 'exception')),
      sized(0x6a, sized(0x0a, Buffer.from(other, 'hex')), sized(0x12, Buffer.from(SPAN, 'hex'))),
    )
    await post('/v1/traces', PROTOBUF, sized(0x0a, resource, sized(0x12, scope, whole)))
    const events = [{ timeUnixNano: '1544712660500000000', name: 'exception' }]
    const inJson = {
      ...{ traceId: TRACE, spanId: SPAN, name: 'attest', events },
      links: [{ traceId: other, spanId: SPAN }],
    }
    const attributes = [{ key: 'service.name', value: { stringValue: 'gateway' } }]
    const scopeSpans = [{ scope: { name: 'lib', version: '1.0' }, spans: [inJson] }]
    const request = { resourceSpans: [{ resource: { attributes }, scopeSpans }] }
    await post('/v1/traces', JSON_TYPE, JSON.stringify(request))
    const made = sink.texts.map((one) => JSON.parse(one) as unknown)
    expect(made.slice(0, 2)).toMatchObject([
      { 'span.name': 'attest', 'otel.links': [{ trace_id: other, span_id: SPAN }] },
      {
        ...{ '@timestamp': '2018-12-13T14:51:00.500000000Z', message: 'exception' },
        ...{ 'trace.id': TRACE, 'span.id': SPAN, 'service.name': 'gateway' },
      },
    ])
    expect(made.slice(2)).toEqual(made.slice(0, 2))
  })

  test('each data point of a metric', async () => {
    const { sink, post } = await begin()
    const timeUnixNano = '1544712660000000000'
    const attributes = [{ key: 'device.id', value: { stringValue: 'd-1' } }]
    const metrics = [
      {
        name: 'ports',
        unit: '1',
        gauge: { dataPoints: [{ timeUnixNano, asInt: '3', attributes }] },
      },
      { name: 'out', sum: { dataPoints: [{ asDouble: 1.5 }, { asDouble: 2 }] } },
      {
        name: 'wait',
        histogram: {
          dataPoints: [{ count: '2', sum: 9, bucketCounts: ['1', '1'], explicitBounds: [5] }],
        },
      },
    ]
    await post(
      '/v1/metrics',
      JSON_TYPE,
      JSON.stringify({ resourceMetrics: [{ scopeMetrics: [{ metrics }] }] }),
    )
    expect(sink.texts.map((one) => JSON.parse(one) as unknown)).toMatchObject([
      {
        ...{ '@timestamp': '2018-12-13T14:51:00.000000000Z', 'event.action': 'device-metrics' },
        ...{ 'iot.metric.name': 'ports', 'iot.metric.value': 3, 'device.id': 'd-1' },
      },
      { 'iot.metric.name': 'out', 'iot.metric.value': 1.5 },
      { 'iot.metric.name': 'out', 'iot.metric.value': 2 },
      { 'iot.metric.value': 9, 'otel.metric.count': 2, 'otel.metric.buckets': [1, 1] },
    ])
  })

  test.each([
    ['/v1/logs', PROTOBUF, logs.subarray(0, -3), {}, 400],
    ['/v1/logs', JSON_TYPE, '{"resourceLogs":', {}, 400],
    ['/v1/logs', 'text/plain', 'a', {}, 415],
    ['/v1/profiles', PROTOBUF, '', {}, 404],
    ['/v1/logs', JSON_TYPE, '{"resourceSpans":[]}', {}, 400],
    ['/v1/logs', PROTOBUF, '\x1a\x01a', {}, 400],
    ['/v1/logs', JSON_TYPE, 'x'.repeat(70_000), {}, 413],
    ['/v1/logs', JSON_TYPE, gzipSync(Buffer.alloc(90_000)), { 'content-encoding': 'gzip' }, 413],
  ])('%s %s refused', async (path, type, body, headers, status) => {
    const { sink, post } = await begin()
    expect((await post(path, type, body, headers)).status).toBe(status)
    expect(sink.items).toEqual([])
  })

  test('without its token nothing is taken', async () => {
    const { post } = await begin({ tokens: { collector: { env: 'T' } } })
    expect((await post('/v1/logs', PROTOBUF, logs)).status).toBe(401)
  })

  test('any bytes are read or refused, never worse', () => {
    const shape = SIGNALS.get('/v1/logs')?.request ?? { fields: {} }
    const read = (bytes: Uint8Array): void => {
      try {
        readWire(Buffer.from(bytes), shape)
      } catch (error) {
        expect(error).toBeInstanceOf(WireFault)
      }
    }
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), read))
    for (let end = 0; end < logs.length; end++) read(logs.subarray(0, end))
    let deep = text(0x0a, 'x')
    for (let depth = 0; depth < 60; depth++) deep = sized(0x2a, sized(0x0a, deep))
    const record = sized(0x0a, sized(0x12, sized(0x12, sized(0x2a, deep))))
    expect(() => readWire(record, shape)).toThrow('nested deeper')
    // Two bytes each, and an object in memory.
    const many = Buffer.alloc(2_000_002)
    for (let at = 0; at < many.length; at += 2) many[at] = 0x0a
    expect(() => readWire(many, shape)).toThrow('more than 1000000 values')
    expect(() => readWire(many.subarray(2), shape)).not.toThrow()
  })
})
