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
import { RecordSink, until } from '../testing/record-sink.ts'
import { readEnvelopes, readTime } from './envelopes.ts'

const clock = { now: () => Date.now() }
const TOKEN = 'secret-of-HEC'
/** One more than is taken. */
const MANY_FIELDS = Array.from({ length: 201 }, (_, n) => `"f${n}":1`).join(',')
const CHANNEL = '0aeeac95-ac74-4aa9-b30d-6c4c0ac581ba'

function make(port: number, metrics: MetricsRegistry, given: Record<string, unknown> = {}): Source {
  const options = sourceKinds.hec.options.parse({
    listen: `127.0.0.1:${port}`,
    text_bytes_max: '8KiB',
    tokens: { fleet: { env: 'HEC' } },
    ...given,
  })
  const deps = testDeps('/', clock, metrics)
  const secret = (ref: object): Promise<string> =>
    Promise.resolve(`secret-of-${String(Reflect.get(ref, 'env'))}`)
  return createSource('hec', options, { ...deps, secret })
}

describeSource(
  'hec',
  () =>
    httpWorld({
      create: (port, metrics) => make(port, metrics),
      request: (texts) => ({
        path: '/services/collector/event',
        body: texts.map((event) => JSON.stringify({ event })).join(''),
        headers: { authorization: `Splunk ${TOKEN}` },
      }),
    }),
  () => new MetricsRegistry(),
)

describe('the collector', () => {
  const started: Source[] = []
  afterEach(async () => {
    for (const source of started.splice(0)) await source.stop()
  })

  async function begin(given: Record<string, unknown> = {}, sink = new RecordSink()) {
    const port = await freePort()
    const source = make(port, new MetricsRegistry(), given)
    started.push(source)
    await source.start(sink)
    const send = async (
      body: string | Uint8Array<ArrayBuffer>,
      headers: Record<string, string> = {},
      path = '',
    ): Promise<[number, unknown]> => {
      const answer = await fetch(`http://127.0.0.1:${port}/services/collector${path}`, {
        method: 'POST',
        body,
        headers: { authorization: `Splunk ${TOKEN}`, ...headers },
      })
      return [answer.status, await answer.json()]
    }
    return { port, sink, send, source }
  }

  test('objects one after the other, with their metadata, on every path', async () => {
    const { sink, send } = await begin()
    const body =
      '{"time":1447828325.123,"host":"h1","source":"s","sourcetype":"mosquitto","index":"iot",' +
      '"event":"a } text \\" {","fields":{"site":"ber","n":[1,2]}}{"event":{"a":1}}\n {"event":7}'
    for (const path of ['', '/event', '/event/1.0', '/1.0']) {
      expect(await send(body, {}, path)).toEqual([200, { text: 'Success', code: 0 }])
    }
    expect(sink.items).toHaveLength(12)
    expect(sink.texts.slice(0, 3)).toEqual(['a } text " {', '{"a":1}', '7'])
    expect(sink.items[0]?.facts).toEqual({
      peer: '127.0.0.1',
      transport: 'hec',
      time: '1447828325123',
      host: 'h1',
      source: 's',
      sourcetype: 'mosquitto',
      index: 'iot',
      'field.site': 'ber',
      'field.n': '1,2',
    })
    expect(sink.items[1]?.facts).toMatchObject({ host: 'h1', index: 'iot' })
  })

  test('raw: lines, their metadata in the query', async () => {
    const { sink, send } = await begin()
    const path = '/raw?sourcetype=mosquitto&host=broker-1&time=1447828325'
    expect(await send('one\r\ntwo\n\nthree', {}, path)).toEqual([200, { text: 'Success', code: 0 }])
    expect(sink.texts).toEqual(['one', 'two', 'three'])
    expect(sink.items[2]?.facts).toMatchObject({ sourcetype: 'mosquitto', time: '1447828325000' })
  })

  test.each([
    ['', {}, '', 400, 5, undefined],
    ['  ', {}, '', 400, 5, undefined],
    ['{"event":"a"}nonsense', {}, '', 400, 6, 1],
    ['[{"event":"a"}]', {}, '', 400, 6, 0],
    ['{"host":"x"}', {}, '', 400, 12, 0],
    ['{"event":"a"}{"event":""}', {}, '', 400, 13, 1],
    ['{"event":"a","fields":{"x":{"y":1}}}', {}, '', 400, 15, 0],
    [`{"event":"a","fields":{${MANY_FIELDS}}}`, {}, '', 400, 15, 0],
    ['{"event":"a","index":"other"}', {}, '', 400, 7, 0],
    ['{"event":"a"}', { authorization: 'Splunk wrong' }, '', 403, 4, undefined],
    ['{"event":"a"}', { authorization: 'Digest x' }, '', 401, 3, undefined],
    ['{"event":"a"}', { 'x-splunk-request-channel': 'x' }, '', 400, 11, undefined],
    ['{"acks":[0]}', { 'x-splunk-request-channel': CHANNEL }, '/ack', 400, 14, undefined],
  ])('%j %j %s is %i, code %i', async (body, headers, path, status, code, at) => {
    const { send } = await begin({ indexes: ['iot'] })
    const [gotStatus, answer] = await send(body, headers, path)
    expect([gotStatus, answer]).toMatchObject([status, { code }])
    if (at !== undefined) expect(answer).toMatchObject({ 'invalid-event-number': at })
  })

  test('tokens: missing, in the query, as a password', async () => {
    const { port, sink } = await begin()
    const open = await begin({ query_token: true })
    const post = async (to: number, query: string, headers: Record<string, string>) => {
      const url = `http://127.0.0.1:${to}/services/collector${query}`
      const answer = await fetch(url, { method: 'POST', body: '{"event":"a"}', headers })
      return ((await answer.json()) as { code: number }).code
    }
    expect(await post(port, '', {})).toBe(2)
    expect(await post(port, `?token=${TOKEN}`, {})).toBe(16)
    expect(await post(open.port, `?token=${TOKEN}`, {})).toBe(0)
    const basic = Buffer.from(`any:${TOKEN}`).toString('base64')
    expect(await post(port, '', { authorization: `Basic ${basic}` })).toBe(0)
    expect(sink.items).toHaveLength(1)
  })

  test('acknowledgement: a channel is needed, ids are handed out once durable', async () => {
    const { sink, send } = await begin({ acknowledgement: true })
    expect(await send('{"event":"a"}')).toMatchObject([400, { code: 10 }])
    const channel = { 'x-splunk-request-channel': CHANNEL }
    expect(await send('{"event":"a"}', channel)).toMatchObject([200, { code: 0, ackId: 0 }])
    expect(await send('{"event":"b"}', channel)).toMatchObject([200, { code: 0, ackId: 1 }])
    expect(sink.items).toHaveLength(2)
    expect(await send('{"acks":[0,1]}', channel, '/ack')).toEqual([
      200,
      { acks: { '0': true, '1': true } },
    ])
    // Neither was told: no id of this channel, and none of the other.
    expect(await send('{"acks":[2,-1,"x"]}', channel, '/ack')).toEqual([
      200,
      { acks: { '2': false, '-1': false, x: false } },
    ])
    const other = { 'x-splunk-request-channel': CHANNEL.replace('0', '1') }
    expect(await send('{"acks":[0]}', other, '/ack')).toEqual([200, { acks: { '0': false } }])
    expect(await send('{"acks":7}', channel, '/ack')).toMatchObject([400, { code: 6 }])
    const many = JSON.stringify({ acks: Array.from({ length: 10_001 }, (_, n) => n) })
    expect(await send(many, channel, '/ack')).toMatchObject([400, { code: 6 }])
    // Firehose asks whether anyone is there with an empty body.
    expect(await send('', channel)).toMatchObject([400, { code: 5 }])
  })

  test('ids that were told are acknowledged after a restart too', async () => {
    const { sink, send, source } = await begin({ acknowledgement: true })
    const channel = { 'x-splunk-request-channel': CHANNEL }
    await send('{"event":"a"}', channel)
    expect(await send('{"event":"b"}', channel)).toMatchObject([200, { ackId: 1 }])
    await source.stop()
    const again = await begin({ acknowledgement: true }, sink)
    expect(await again.send('{"acks":[0,1,2]}', channel, '/ack')).toEqual([
      200,
      { acks: { '0': true, '1': true, '2': false } },
    ])
    // A body that comes again is not taken again, and gets an id of its own.
    expect(await again.send('{"event":"b"}', channel)).toMatchObject([200, { ackId: 2 }])
    expect(sink.texts).toEqual(['a', 'b'])
  })

  test('metadata in the query; a time that is none stays as it was said', async () => {
    const { sink, send } = await begin()
    const query = '?index=iot&host=h&source=s&sourcetype=st&channel=' + CHANNEL
    await send('{"event":{"a":1},"time":"soon"}{"event":"b","host":"own"}', {}, query)
    expect(sink.items[0]?.facts).toMatchObject({
      index: 'iot',
      sourcetype: 'st',
      unread_time: 'soon',
    })
    expect(sink.items[1]?.facts).toMatchObject({ host: 'own', source: 's' })
    expect(sink.items.map(({ plain }) => plain)).toEqual([undefined, true])
    await send('line', {}, `/raw${query}`)
    expect(sink.items[2]).toMatchObject({
      plain: true,
      facts: { index: 'iot', host: 'h', source: 's' },
    })
  })

  test('more events than a request may have: none is taken', async () => {
    const { sink, send } = await begin({ body_bytes_max: '16MiB' })
    const refused = [413, { text: 'More than 200000 events', code: 413 }]
    expect(await send('{"event":1}'.repeat(200_001))).toEqual(refused)
    expect(await send('x\n'.repeat(200_001), {}, '/raw')).toEqual(refused)
    expect(sink.batches).toEqual([])
  })

  test("Docker's log driver asks whether anyone is there", async () => {
    const { port } = await begin()
    const url = `http://127.0.0.1:${port}/services/collector/event/1.0`
    expect((await fetch(url, { method: 'OPTIONS' })).status).toBe(200)
  })

  test('our own fault is code 8', async () => {
    const { sink, send } = await begin()
    sink.failures.push(new Error('no disk'))
    expect(await send('{"event":"a"}')).toEqual([500, { text: 'Internal server error', code: 8 }])
  })

  test('the same body on the same channel is taken once, also after a crash', async () => {
    const { sink, send, source } = await begin()
    const channel = { 'x-splunk-request-channel': CHANNEL }
    sink.hold()
    const twice = [send('{"event":"a"}', channel), send('{"event":"a"}', channel)]
    await until('one is under way', () => sink.open === 1)
    sink.release()
    expect(await Promise.all(twice)).toMatchObject([
      [200, {}],
      [200, {}],
    ])
    expect(sink.texts).toEqual(['a'])
    await source.stop()
    const again = await begin({}, sink)
    expect(await again.send('{"event":"a"}', channel)).toMatchObject([200, { code: 0 }])
    expect(await again.send('{"event":"b"}', channel)).toMatchObject([200, { code: 0 }])
    expect(await again.send('{"event":"a"}')).toMatchObject([200, { code: 0 }])
    expect(sink.texts).toEqual(['a', 'b', 'a'])
  })

  test('busy, and its health', async () => {
    const { port, sink, send } = await begin()
    const health = async (): Promise<unknown> =>
      (await fetch(`http://127.0.0.1:${port}/services/collector/health`)).json()
    expect(await health()).toMatchObject({ code: 17 })
    const withToken = await fetch(`http://127.0.0.1:${port}/services/collector/health/1.0`, {
      headers: { authorization: 'Splunk wrong' },
    })
    expect([withToken.status, await withToken.json()]).toMatchObject([400, { code: 21 }])
    sink.failures.push('busy')
    expect(await send('{"event":"a"}')).toMatchObject([503, { code: 9 }])
    expect(await health()).toMatchObject({ code: 18 })
    expect(
      await send(new Uint8Array(gzipSync('{"event":"z"}')), { 'content-encoding': 'gzip' }),
    ).toMatchObject([200, {}])
    expect(sink.texts).toEqual(['z'])
  })
})

test.each([
  [1447828325, 1447828325000],
  ['1447828325.062', 1447828325062],
  [1447828325062, 1447828325062],
  [1447828325062123, 1447828325062],
  ['1447828325062123456', 1447828325062],
  ['soon', undefined],
  [-5, undefined],
  [null, undefined],
])('the time %j', (time, ms) => {
  expect(readTime(time)).toBe(ms)
})

test('any events, with or without space between them, are read back', () => {
  const event = fc.oneof(fc.string({ minLength: 1 }), fc.object({ maxDepth: 2 }), fc.integer())
  const space = fc.constantFrom('', ' ', '\n', '\r\n\t')
  fc.assert(
    fc.property(fc.array(fc.tuple(event, space), { maxLength: 20 }), (events) => {
      const body = events.map(([one, gap]) => JSON.stringify({ event: one }) + gap).join('')
      const read = readEnvelopes(body)
      expect(read.fault).toBeUndefined()
      expect(read.events.map(({ text }) => text)).toEqual(
        events.map(([one]) => (typeof one === 'string' ? one : JSON.stringify(one))),
      )
    }),
  )
})

test('any text: no throw', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom('{', '}', '"', '\\', 'a', ':', ',', '[') }),
      (text) => {
        readEnvelopes(text)
      },
    ),
    { numRuns: 1_000 },
  )
})
