import fc from 'fast-check'
import { connect } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { MetricsRegistry } from '../../base/metrics.ts'
import type { Source } from '../../model/source.ts'
import { createSource, sourceKinds } from '../registry.ts'
import { describeSource } from '../testing/describe-source.ts'
import { testDeps } from '../testing/file-world.ts'
import { freePort } from '../testing/free-port.ts'
import { httpWorld } from '../testing/http-world.ts'
import { RecordSink, until } from '../testing/record-sink.ts'
import { readBulk } from './bulk.ts'

const clock = { now: () => Date.now() }

function make(port: number, metrics: MetricsRegistry, given: Record<string, unknown> = {}): Source {
  const options = sourceKinds.elastic.options.parse({
    listen: `127.0.0.1:${port}`,
    text_bytes_max: '8KiB',
    ...given,
  })
  const secret = (): Promise<string> => Promise.resolve('key-1')
  return createSource('elastic', options, { ...testDeps('/', clock, metrics), secret })
}

describeSource(
  'elastic',
  () =>
    httpWorld({
      create: (port, metrics) => make(port, metrics),
      request: (texts) => ({
        path: '/_bulk',
        body: texts.map((text) => `{"create":{"_index":"logs"}}\n${text}\n`).join(''),
      }),
    }),
  () => new MetricsRegistry(),
)

describe('a sender of Elasticsearch documents', () => {
  let source: Source | undefined
  afterEach(() => source?.stop())

  async function begin(given: Record<string, unknown> = {}) {
    const port = await freePort()
    const sink = new RecordSink()
    source = make(port, new MetricsRegistry(), given)
    await source.start(sink)
    const ask = async (
      method: string,
      path: string,
      body?: string,
      headers: Record<string, string> = {},
    ): Promise<[number, Record<string, unknown>]> => {
      const url = `http://127.0.0.1:${port}${path}`
      const answer = await fetch(url, { method, headers, ...(body === undefined ? {} : { body }) })
      expect(answer.headers.get('x-elastic-product')).toBe('Elasticsearch')
      const text = await answer.text()
      return [answer.status, text === '' ? {} : (JSON.parse(text) as Record<string, unknown>)]
    }
    return { sink, ask }
  }

  test('finds a cluster and sets itself up, at the root and under /elastic', async () => {
    const { ask } = await begin()
    for (const at of ['', '/elastic']) {
      expect(await ask('GET', `${at}/`)).toMatchObject([200, { version: { number: '8.17.0' } }])
      expect(await ask('HEAD', `${at}/`)).toEqual([200, {}])
      expect(await ask('GET', `${at}/_license`)).toMatchObject([
        200,
        { license: { type: 'basic' } },
      ])
      expect(await ask('GET', `${at}/_xpack`)).toMatchObject([200, {}])
      expect(await ask('GET', `${at}/_cluster/health`)).toMatchObject([200, { status: 'green' }])
      for (const kind of ['_index_template', '_ilm/policy', '_ingest/pipeline', '_template']) {
        expect(await ask('PUT', `${at}/${kind}/beat`, '{}')).toEqual([200, { acknowledged: true }])
        expect((await ask('GET', `${at}/${kind}/beat`))[0]).toBe(200)
      }
      expect((await ask('HEAD', `${at}/filebeat-8`))[0]).toBe(200)
      expect((await ask('GET', `${at}/_search`))[0]).toBe(404)
    }
  })

  test('a sender that does not read a long answer is let go', async () => {
    const port = await freePort()
    const metrics = new MetricsRegistry()
    const limits = { request_timeout: '2s', body_bytes_max: '16MiB' }
    source = make(port, metrics, limits)
    await source.start(new RecordSink())
    const socket = connect(port, '127.0.0.1').on('error', () => undefined)
    socket.pause()
    const body = '{"create":{"_index":"logs"}}\n{}\n'.repeat(100_000)
    socket.write(`POST /_bulk HTTP/1.1\r\nhost: a\r\ncontent-length: ${body.length}\r\n\r\n${body}`)
    const labels = { source: 'test', reason: 'idle_timeout' }
    await until('it is let go', () => metrics.value('picket_source_errors_total', labels) === 1)
    const parts: Buffer[] = []
    const closed = new Promise((resolve) => socket.once('close', resolve))
    socket.on('data', (part: Buffer) => void parts.push(part)).resume()
    await closed
    const answer = Buffer.concat(parts).toString('latin1')
    const length = Number(/content-length: (\d+)/i.exec(answer)?.[1])
    expect(answer.length).toBeLessThan(length)
  })

  test('bulk: a status for each action, and a reason where it is not taken', async () => {
    const { sink, ask } = await begin()
    const deliver = sink.deliver.bind(sink)
    sink.deliver = async (batch) => {
      const refused = [
        { key: batch.items[1]?.key ?? '', code: 'DECODE_SYNTAX', message: 'no JSON' },
      ]
      const delivery = await deliver(batch)
      return delivery.kind === 'durable' ? { ...delivery, rejects: 1, refused } : delivery
    }
    const body = [
      '{"create":{"_id":"a"}}',
      '{"message":"one"}',
      '{"index":{"_index":"other"}}',
      'nonsense',
      '{"delete":{"_id":"a"}}',
      '{"update":{"_id":"a"}}',
      '{"doc":{}}',
      '',
    ].join('\n')
    const [status, answer] = await ask('POST', '/logs-iot/_bulk?filter_path=errors', body)
    expect([status, answer]).toMatchObject([
      200,
      {
        errors: true,
        items: [
          { create: { _index: 'logs-iot', _id: 'a', status: 201, result: 'created' } },
          { index: { _index: 'other', status: 400, error: { reason: 'DECODE_SYNTAX: no JSON' } } },
          { delete: { status: 400 } },
          { update: { status: 400 } },
        ],
      },
    ])
    expect(sink.texts).toEqual(['{"message":"one"}', 'nonsense'])
    expect(sink.items[0]).toMatchObject({ key: 'logs-iot:a', facts: { index: 'logs-iot' } })
  })

  test('single documents', async () => {
    const { sink, ask } = await begin()
    expect(await ask('POST', '/logs/_doc', '{"a":1}')).toMatchObject([201, { result: 'created' }])
    expect(await ask('PUT', '/logs/_create/7', '{"a":2}')).toMatchObject([201, { _id: '7' }])
    expect(sink.items[1]?.key).toBe('logs:7')
  })

  test('429 while the journal is full; 400 for a body that is no bulk request', async () => {
    const { sink, ask } = await begin()
    sink.failures.push('busy')
    const body = '{"create":{"_index":"x"}}\n{}\n'
    expect(await ask('POST', '/_bulk', body)).toMatchObject([
      429,
      { error: { type: 'es_rejected_execution_exception' }, status: 429 },
    ])
    for (const wrong of ['', 'x\n', '{"create":{}}\n{}\n', '{"create":{"_index":"x"}}\n']) {
      expect((await ask('POST', '/_bulk', wrong))[0]).toBe(400)
    }
    expect(sink.items).toEqual([])
  })

  test('an API key, a password or a bearer token', async () => {
    const { ask } = await begin({ tokens: { beats: { env: 'KEY' } } })
    const base64 = (text: string): string => Buffer.from(text).toString('base64')
    const tried = async (authorization: string): Promise<number> =>
      (await ask('GET', '/', undefined, { authorization }))[0]
    expect((await ask('GET', '/'))[0]).toBe(401)
    expect(await tried(`ApiKey ${base64('id:key-1')}`)).toBe(200)
    expect(await tried(`Basic ${base64('elastic:key-1')}`)).toBe(200)
    expect(await tried('Bearer key-1')).toBe(200)
    expect(await tried(`Basic ${base64('elastic:wrong')}`)).toBe(401)
  })
})

test('a bulk body has so many actions and no more', () => {
  const most = '{"create":{"_index":"a"}}\n{}\n'.repeat(100_000)
  expect(readBulk(most, undefined)).toMatchObject({ ok: true })
  expect(readBulk(`${most}{"create":{"_index":"a"}}\n{}\n`, undefined)).toEqual({
    ...{ ok: false, message: 'more than 100000 actions' },
  })
})

test('any bulk body: no throw, and every document that is taken was sent', () => {
  const line = fc.constantFrom(
    '{"create":{"_index":"x"}}',
    '{"index":{"_id":1}}',
    '{"delete":{}}',
    '{"a":1}',
    '',
    '{',
    'null',
  )
  fc.assert(
    fc.property(fc.array(line, { maxLength: 12 }), (lines) => {
      const read = readBulk(lines.join('\n'), 'fallback')
      if (!read.ok) return
      for (const entry of read.entries) {
        if ('document' in entry) expect(lines).toContain(entry.document)
      }
    }),
    { numRuns: 500 },
  )
})
