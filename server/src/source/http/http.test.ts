import { connect } from 'node:net'
import { gzipSync } from 'node:zlib'
import { afterEach, describe, expect, test } from 'vitest'
import { MetricsRegistry } from '../../base/metrics.ts'
import type { Source } from '../../model/source.ts'
import { createSource, sourceKinds } from '../registry.ts'
import { describeSource } from '../testing/describe-source.ts'
import { testDeps } from '../testing/file-world.ts'
import { freePort } from '../testing/free-port.ts'
import { httpWorld } from '../testing/http-world.ts'
import { RecordSink, until } from '../testing/record-sink.ts'

const clock = { now: () => Date.now() }
const PATH = '/api/v1/events'

function make(port: number, metrics: MetricsRegistry, given: Record<string, unknown> = {}): Source {
  const options = sourceKinds.http.options.parse({
    listen: `127.0.0.1:${port}`,
    text_bytes_max: '8KiB',
    body_bytes_max: '64KiB',
    ...given,
  })
  return createSource('http', options, testDeps('/', clock, metrics))
}

describeSource(
  'http',
  () =>
    httpWorld({
      create: (port, metrics) => make(port, metrics),
      request: (texts) => ({ path: PATH, body: texts.join('\n') }),
    }),
  () => new MetricsRegistry(),
)

describe('POST /api/v1/events', () => {
  let source: Source | undefined
  afterEach(() => source?.stop())

  async function begin(given: Record<string, unknown> = {}) {
    const port = await freePort()
    const metrics = new MetricsRegistry()
    const sink = new RecordSink()
    source = make(port, metrics, given)
    await source.start(sink)
    const post = (
      body: string | Uint8Array<ArrayBuffer>,
      headers: Record<string, string> = {},
    ): Promise<Response> =>
      fetch(`http://127.0.0.1:${port}${PATH}`, { method: 'POST', body, headers })
    const errors = (reason: string): number =>
      metrics.value('picket_source_errors_total', { source: 'test', reason }) ?? 0
    return { port, sink, post, errors }
  }

  test('a connection that is kept open and not used again ends without a failure', async () => {
    const { port, sink, errors } = await begin()
    const socket = connect(port, '127.0.0.1').resume()
    const closed = new Promise((resolve) => socket.once('close', resolve))
    socket.write(`POST ${PATH} HTTP/1.1\r\nhost: a\r\ncontent-length: 7\r\n\r\n{"a":1}`)
    await closed
    expect(sink.texts).toEqual(['{"a":1}'])
    expect(errors('idle_timeout')).toBe(0)
  }, 60_000)

  test('lines, a list, and the three forms of CloudEvents', async () => {
    const { sink, post } = await begin()
    expect(await (await post('{"a":1}\r\n\n{"a":2}')).json()).toEqual({
      accepted: 2,
      rejected: 0,
      results: [],
    })
    await post('[{"a":3},{"a":4}]')
    const cloud = { specversion: '1.0', id: '7', source: '/x', type: 't', data: { b: 1 } }
    await post(JSON.stringify(cloud, null, 2), { 'content-type': 'application/cloudevents+json' })
    await post(JSON.stringify([cloud]), { 'content-type': 'application/cloudevents-batch+json' })
    const headers = { 'ce-specversion': '1.0', 'ce-id': '8', 'ce-source': '/a%20b', 'ce-type': 't' }
    await post('{"b":2}', { ...headers, 'content-type': 'application/json' })
    expect(sink.texts.slice(0, 4)).toEqual(['{"a":1}', '{"a":2}', '{"a":3}', '{"a":4}'])
    expect(sink.texts.slice(4, 6).map((text) => JSON.parse(text) as unknown)).toEqual([
      cloud,
      cloud,
    ])
    expect(JSON.parse(sink.texts[6] ?? '')).toMatchObject({
      id: '8',
      source: '/a b',
      data: { b: 2 },
    })
  })

  test('says which lines could not be read', async () => {
    const { sink, post } = await begin()
    const deliver = sink.deliver.bind(sink)
    sink.deliver = async (batch) => {
      const refused = [
        { key: batch.items[1]?.key ?? '', code: 'DECODE_SYNTAX', message: 'no JSON' },
      ]
      const delivery = await deliver(batch)
      return delivery.kind === 'durable' ? { ...delivery, rejects: 1, refused } : delivery
    }
    expect(await (await post('{}\nnonsense\n{}')).json()).toEqual({
      accepted: 2,
      rejected: 1,
      results: [{ line: 2, status: 'rejected', code: 'DECODE_SYNTAX', message: 'no JSON' }],
    })
  })

  test('is not answered before the events are durable', async () => {
    const { sink, post } = await begin()
    sink.hold()
    let isAnswered = false
    const answer = post('{}').then((response) => {
      isAnswered = true
      return response
    })
    await until('a delivery is asked for', () => sink.open === 1)
    await new Promise((wake) => setTimeout(wake, 50))
    expect(isAnswered).toBe(false)
    sink.release()
    expect((await answer).status).toBe(200)
  })

  test('503 with Retry-After while the journal is full, 429 while too much is under way', async () => {
    const { sink, post } = await begin({ pending_bytes_max: '1KiB' })
    sink.failures.push('busy')
    const full = await post('{}')
    expect([full.status, full.headers.get('retry-after')]).toEqual([503, '1'])
    sink.hold()
    const first = post(`{"a":"${'x'.repeat(700)}"}`)
    await until('it is under way', () => sink.open === 1)
    const second = await post(`{"a":"${'x'.repeat(700)}"}`)
    expect([second.status, second.headers.get('retry-after')]).toEqual([429, '1'])
    sink.release()
    expect((await first).status).toBe(200)
    expect((await post(`{"a":"${'x'.repeat(700)}"}`)).status).toBe(200)
  })

  test('gzip is read, a bomb is not', async () => {
    const { sink, post, errors } = await begin()
    const gzip = { 'content-encoding': 'gzip' }
    expect((await post(new Uint8Array(gzipSync('{"a":1}')), gzip)).status).toBe(200)
    const bomb = await post(new Uint8Array(gzipSync(Buffer.alloc(50_000_000))), gzip).catch(
      () => undefined,
    )
    expect(bomb?.status).toBe(413)
    expect(errors('body_too_large')).toBe(1)
    expect((await post('not gzip', gzip)).status).toBe(400)
    expect((await post('x', { 'content-encoding': 'br' })).status).toBe(415)
    expect(sink.texts).toEqual(['{"a":1}'])
  })

  test('a token is asked for; without one the network is not listened to', async () => {
    const { post, port } = await begin({ tokens: { gateway: { env: 'GATEWAY' } } })
    expect((await post('{}')).status).toBe(401)
    expect((await post('{}', { authorization: 'Bearer wrong' })).status).toBe(401)
    // The test's secrets are fixed texts; a header cannot hold their spaces.
    expect((await post('{}', { authorization: 'Bearer secret' })).status).toBe(401)
    await expect(
      make(port, new MetricsRegistry(), { listen: '0.0.0.0:0' }).start(new RecordSink()),
    ).rejects.toMatchObject({ problem: { code: 'CONFIG_INVALID' } })
  })

  test.each([
    ['GET', PATH, 405],
    ['POST', '/other', 404],
    ['POST', `${PATH}/`, 400],
  ])('%s %s is %i', async (method, path, status) => {
    const { port } = await begin()
    const answer = await fetch(`http://127.0.0.1:${port}${path}`, { method })
    expect(answer.status).toBe(status)
  })

  test('half a request is closed after its time; others are served meanwhile', async () => {
    const { port, post } = await begin({ request_timeout: '500ms' })
    const slow = connect(port, '127.0.0.1')
    let isClosed = false
    slow.on('close', () => (isClosed = true)).on('error', () => undefined)
    slow.write(`POST ${PATH} HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{"a`)
    expect((await post('{}')).status).toBe(200)
    await until('it is closed', () => isClosed)
  })

  test('what is no HTTP is closed and counted', async () => {
    const { port, errors } = await begin()
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => undefined).write('\x16\x03\x01 nonsense\r\n\r\n')
    await until('it is counted', () => errors('request_malformed') === 1)
    socket.destroy()
  })
})
