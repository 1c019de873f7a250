/**
 * Requests as Amazon documents them for Data Firehose, made by curl: to an HTTP endpoint
 * (https://docs.aws.amazon.com/firehose/latest/dev/httpdeliveryrequestresponse.html) and to Splunk.
 */
import { execFile, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'
import { afterEach, describe, expect, test } from 'vitest'
import { MetricsRegistry } from '../../src/base/metrics.ts'
import { createSource, sourceKinds } from '../../src/source/registry.ts'
import { testDeps } from '../../src/source/testing/file-world.ts'
import { freePort } from '../../src/source/testing/free-port.ts'
import { RecordSink, until } from '../../src/source/testing/record-sink.ts'

const run = promisify(execFile)
const isHere = spawnSync('curl', ['--version'], { stdio: 'ignore' }).status === 0
const mustRun = process.env['REQUIRE_SERVICES'] === '1'
const KEY = 'access-key-of-the-stream'
const CHANNEL = '0aeeac95-ac74-4aa9-b30d-6c4c0ac581ba'
const REQUEST = 'ed4acda5-034f-9f42-bba1-f29aea6d7d8f'

if (!isHere) {
  test.skipIf(!mustRun)('curl is not installed', () => expect(isHere).toBe(true))
}

describe.skipIf(!isHere)('curl', () => {
  const undo: (() => unknown)[] = []
  afterEach(async () => {
    for (const step of undo.splice(0).reverse()) await step()
  })

  async function begin(kind: 'firehose' | 'hec' | 'otlp', given: object = {}) {
    const port = await freePort()
    const sink = new RecordSink()
    const options = sourceKinds[kind].options.parse({
      ...{ listen: `127.0.0.1:${port}`, tokens: { stream: { env: 'K' } } },
      ...given,
    })
    const deps = testDeps('/', { now: () => Date.now() }, new MetricsRegistry())
    const secret = (): Promise<string> => Promise.resolve(KEY)
    const source = createSource(kind, options as never, { ...deps, secret })
    undo.push(() => source.stop())
    await source.start(sink)
    const folder = mkdtempSync(join(tmpdir(), 'picket-curl-'))
    undo.push(() => rmSync(folder, { recursive: true, force: true }))
    const curl = async (path: string, body: Uint8Array | string, words: readonly string[]) => {
      const file = join(folder, 'body')
      writeFileSync(file, body)
      const url = `http://127.0.0.1:${port}${path}`
      const all = ['-sS', '-i', '--max-time', '20', '--data-binary', `@${file}`, ...words, url]
      const { stdout } = await run('curl', all)
      const [head = '', text = ''] = stdout.split('\r\n\r\n').slice(-2)
      return { status: Number(head.split(' ')[1]), head: head.toLowerCase(), body: text }
    }
    return { sink, curl }
  }

  const headers = (more: Readonly<Record<string, string>> = {}): string[] => {
    const common = { commonAttributes: { 'deployment-context': 'pre-prod', fleet: 'meters' } }
    const all = {
      'X-Amz-Firehose-Protocol-Version': '1.0',
      'X-Amz-Firehose-Request-Id': REQUEST,
      'X-Amz-Firehose-Source-Arn': 'arn:aws:firehose:us-east-1:123456789:deliverystream/testStream',
      'X-Amz-Firehose-Access-Key': KEY,
      'X-Amz-Firehose-Common-Attributes': JSON.stringify(common),
      'Content-Type': 'application/json',
      'User-Agent': 'Amazon Kinesis Data Firehose Agent/1.0',
      ...more,
    }
    return Object.entries(all).flatMap(([name, value]) => ['-H', `${name}: ${value}`])
  }
  const request = (texts: readonly string[], requestId = REQUEST): string => {
    const records = texts.map((text) => ({ data: Buffer.from(text).toString('base64') }))
    return JSON.stringify({ requestId, timestamp: 1_578_090_901_599, records })
  }

  test.each([false, true])('an HTTP endpoint delivery, gzip %s', async (isGzip) => {
    const { sink, curl } = await begin('firehose')
    const body = request(['{"a":1}{"a":2}', '{"a":3}\n', 'a line'])
    const coded = isGzip ? { 'Content-Encoding': 'gzip' } : {}
    const sent = await curl(
      '/firehose',
      isGzip ? gzipSync(body) : body,
      headers(coded as Record<string, string>),
    )
    expect(sent.status).toBe(200)
    expect(sent.head).toContain('content-type: application/json\r\n')
    const answer = JSON.parse(sent.body) as { requestId: string; timestamp: number }
    expect(answer).toEqual({ requestId: REQUEST, timestamp: expect.any(Number) })
    expect(sink.texts).toEqual(['{"a":1}', '{"a":2}', '{"a":3}', 'a line'])
    expect(sink.items[0]?.facts).toMatchObject({
      'field.fleet': 'meters',
      source_arn: expect.stringContaining('testStream'),
      request_id: REQUEST,
    })
    // Firehose tries for up to two hours: the same request again is answered, and not taken again.
    expect((await curl('/firehose', body, headers())).status).toBe(200)
    expect(sink.texts).toHaveLength(4)
  })

  test('a wrong key, a full journal, a body that comes slowly', async () => {
    const { sink, curl } = await begin('firehose', { request_timeout: '10s' })
    const body = request(['{"a":1}'])
    const wrong = await curl('/firehose', body, headers({ 'X-Amz-Firehose-Access-Key': 'x' }))
    expect([wrong.status, JSON.parse(wrong.body)]).toMatchObject([401, { requestId: REQUEST }])
    sink.failures.push('busy')
    const busy = await curl('/firehose', body, headers())
    expect([busy.status, JSON.parse(busy.body)]).toMatchObject([503, { errorMessage: 'full' }])
    expect(busy.head).toContain('retry-after: 1')
    const long = request([JSON.stringify({ a: 'x'.repeat(30_000) })])
    expect((await curl('/firehose', long, [...headers(), '--limit-rate', '20k'])).status).toBe(200)
    expect(sink.items).toHaveLength(1)
  })

  test.each(['firehose', 'otlp'] as const)('%s: too much under way is told, 429', async (kind) => {
    const { sink, curl } = await begin(kind, { pending_bytes_max: '40KiB' })
    const json = { 'Content-Type': 'application/json' }
    const own = kind === 'otlp' ? { ...json, Authorization: `Bearer ${KEY}` } : {}
    const logs = (text: string): string => {
      const logRecords = [{ body: { stringValue: text } }]
      return JSON.stringify({ resourceLogs: [{ scopeLogs: [{ logRecords }] }] })
    }
    const body = (text: string): string => (kind === 'otlp' ? logs(text) : request([text]))
    const path = kind === 'otlp' ? '/v1/logs' : '/firehose'
    sink.hold()
    const first = curl(path, body('x'.repeat(20_000)), headers(own))
    await until('the first is under way', () => sink.open === 1)
    const second = await curl(path, body('y'.repeat(25_000)), headers(own))
    expect([second.status, second.head.includes('retry-after: 1')]).toEqual([429, true])
    sink.release()
    expect((await first).status).toBe(200)
    expect((await curl(path, body('y'.repeat(25_000)), headers(own))).status).toBe(200)
    expect(sink.items).toHaveLength(2)
  })

  test("Firehose's way to Splunk: the probe, a batch, its acknowledgement", async () => {
    const { sink, curl } = await begin('hec', { acknowledgement: true })
    const splunk = [
      ...['-H', `Authorization: Splunk ${KEY}`, '-H', `X-Splunk-Request-Channel: ${CHANNEL}`],
      ...['-H', 'Content-Type: application/json'],
    ]
    const probe = await curl('/services/collector/event', '', splunk)
    expect([probe.status, JSON.parse(probe.body)]).toEqual([400, { text: 'No data', code: 5 }])
    const events = '{"sourcetype":"s","event":{"a":1}}{"sourcetype":"s","event":{"a":2}}'
    const sent = await curl('/services/collector/event', events, splunk)
    expect(JSON.parse(sent.body)).toEqual({ text: 'Success', code: 0, ackId: 0 })
    const raw = `/services/collector/raw?channel=${CHANNEL}&sourcetype=aws:iot&index=iot`
    expect(JSON.parse((await curl(raw, 'one\ntwo', splunk)).body)).toMatchObject({ ackId: 1 })
    const asked = await curl(
      `/services/collector/ack?channel=${CHANNEL}`,
      '{"acks":[0,1,2]}',
      splunk,
    )
    expect(JSON.parse(asked.body)).toEqual({ acks: { '0': true, '1': true, '2': false } })
    // Its acknowledgement timer ran out: the same bytes on the same channel.
    expect((await curl('/services/collector/event', events, splunk)).status).toBe(200)
    expect(sink.texts).toEqual(['{"a":1}', '{"a":2}', 'one', 'two'])
  })
})
