/** The sources `hec` and `elastic` with the clients that their makers publish for Node. */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { Client } from '@elastic/elasticsearch'
import { afterEach, describe, expect, test } from 'vitest'
import { MetricsRegistry } from '../../src/base/metrics.ts'
import { decoders } from '../../src/decode/registry.ts'
import { createRoutedPreparer } from '../../src/ingest/routed.ts'
import { fieldOf, type SecurityEvent } from '../../src/model/event.ts'
import { createSource, sourceKinds } from '../../src/source/registry.ts'
import { testDeps } from '../../src/source/testing/file-world.ts'
import { freePort } from '../../src/source/testing/free-port.ts'
import type { Delivery, RawBatch } from '../../src/model/source.ts'
import { RecordSink, until } from '../../src/source/testing/record-sink.ts'

/** Deeper than a document may be. */
const DEEP = JSON.parse('['.repeat(60) + ']'.repeat(60)) as unknown
const SECRET = 'f1ee7000-0000-4000-8000-00000000cafe'

/** Decodes what comes, as ingest does, and says what was refused. */
class DecodingSink extends RecordSink {
  readonly events: SecurityEvent[] = []
  readonly #preparer = createRoutedPreparer({
    source: 'test',
    decoderSpec: decoders['json']!,
    tenant: 'default',
    routes: [],
    plainSpec: decoders['text']!,
  })

  override async deliver(batch: RawBatch): Promise<Delivery> {
    const delivery = await super.deliver(batch)
    if (delivery.kind === 'busy') return delivery
    const { events = [], deadLetters = [] } = this.#preparer.prepare(batch, Date.now()).batch
    this.events.push(...events)
    const refused = deadLetters.map(({ key = '', code, message }) => ({ key, code, message }))
    return { kind: 'durable', events: events.length, rejects: refused.length, refused }
  }
}

const undo: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step()
})

async function begin(kind: 'hec' | 'elastic', given: object = {}) {
  const port = await freePort()
  const sink = new DecodingSink()
  const tokens = { fleet: { env: 'T' } }
  const options = sourceKinds[kind].options.parse({ listen: `127.0.0.1:${port}`, tokens, ...given })
  const deps = testDeps('/', { now: () => Date.now() }, new MetricsRegistry())
  const secret = (): Promise<string> => Promise.resolve(SECRET)
  const source = createSource(kind, options as never, { ...deps, secret })
  undo.push(() => source.stop())
  await source.start(sink)
  return { url: `http://127.0.0.1:${port}`, sink }
}

interface SplunkLogger {
  error: (error: Error) => void
  send(context: object, done?: (error: unknown, response: unknown, body: unknown) => void): void
  flush(done: (error: unknown, response: unknown, body: unknown) => void): void
}
type SplunkLogging = { readonly Logger: new (config: object) => SplunkLogger }

describe('splunk-logging for JavaScript', () => {
  const { Logger } = createRequire(import.meta.url)('splunk-logging') as SplunkLogging

  test('texts and objects, one by one', async () => {
    const { url, sink } = await begin('hec')
    const logger = new Logger({ token: SECRET, url, maxRetries: 0 })
    const send = (context: object): Promise<unknown> =>
      new Promise((resolve, reject) => {
        logger.error = reject
        logger.send(context, (error, _response, body) => (error ? reject(error) : resolve(body)))
      })
    const metadata = { host: 'gw-7', source: 'door', sourcetype: 'httpevent', index: 'main' }
    const body = await send({ message: 'opened', severity: 'warn', metadata })
    expect(body).toEqual({ text: 'Success', code: 0 })
    await send({ message: { badge: 42, door: { id: 7 } }, metadata })
    const [first, second] = sink.events.map(({ doc }) => doc)
    expect(fieldOf(first!, 'message')).toEqual('opened')
    expect(fieldOf(first!, 'host.name')).toBe('gw-7')
    expect(fieldOf(first!, 'labels.sourcetype')).toBe('httpevent')
    expect(JSON.stringify(second)).toContain('"badge":42')
  })

  test('a batch of 200, and again while the journal is full', async () => {
    const { url, sink } = await begin('hec')
    const logger = new Logger({
      token: SECRET,
      url,
      maxBatchCount: 0,
      batchInterval: 0,
      maxRetries: 5,
    })
    sink.failures.push('busy')
    for (let n = 0; n < 200; n++) logger.send({ message: `line ${n}` })
    const flush = (): Promise<{ code: number }> =>
      new Promise((resolve) => {
        logger.error = () => undefined
        logger.flush((_error, _response, body) => resolve(body as { code: number }))
      })
    // This client tells a refusal and forgets the batch: what it was told is exact.
    expect((await flush()).code).toBe(9)
    expect(sink.events).toEqual([])
    for (let n = 0; n < 200; n++) logger.send({ message: `line ${n}` })
    expect((await flush()).code).toBe(0)
    expect(sink.events.map(({ doc }) => fieldOf(doc, 'message'))).toEqual(
      Array.from({ length: 200 }, (_, n) => `line ${n}`),
    )
  })
})

describe("Elasticsearch's client for JavaScript", () => {
  function connect(node: string): Client {
    const client = new Client({ node, auth: { apiKey: SECRET }, maxRetries: 0 })
    undo.push(() => client.close())
    return client
  }

  test('greets as the product it is for', async () => {
    const { url } = await begin('elastic')
    const info = await connect(`${url}/elastic`).info()
    expect(info.tagline).toBe('You Know, for Search')
  })

  test('the bulk helper, with some that cannot be read', async () => {
    const { url, sink } = await begin('elastic')
    const datasource = Array.from({ length: 1_000 }, (_, n) =>
      n % 100 === 50 ? { deep: DEEP } : { '@timestamp': '2026-11-22T00:00:00Z', n },
    )
    const dropped: unknown[] = []
    const result = await connect(`${url}/elastic`).helpers.bulk({
      datasource,
      flushBytes: 10_000,
      concurrency: 3,
      retries: 0,
      onDocument: () => ({ create: { _index: 'logs-iot-default' } }),
      onDrop: (one) => void dropped.push(one.document),
    })
    expect(result).toMatchObject({ total: 1_000, successful: 990, failed: 10 })
    expect(dropped).toEqual(Array.from({ length: 10 }, () => ({ deep: DEEP })))
    const numbers = sink.events.map(({ doc }) => Number(fieldOf(doc, 'n')))
    expect(numbers.sort((a, b) => a - b)).toEqual(
      Array.from({ length: 1_000 }, (_, n) => n).filter((n) => n % 100 !== 50),
    )
  })

  test('the helper sends again what found the journal full', async () => {
    const { url, sink } = await begin('elastic')
    sink.failures.push('busy', 'busy')
    const result = await connect(url).helpers.bulk({
      datasource: Array.from({ length: 50 }, (_, n) => ({ n })),
      retries: 3,
      wait: 50,
      onDocument: () => ({ index: { _index: 'logs' } }),
    })
    expect(result).toMatchObject({ total: 50, successful: 50, failed: 0 })
    await until('all came', () => sink.events.length >= 50)
    expect(sink.events).toHaveLength(50)
  })
})

test('the clients are the published ones', () => {
  const require = createRequire(import.meta.url)
  const { license } = JSON.parse(
    readFileSync(require.resolve('splunk-logging/package.json'), 'utf8'),
  ) as { license: string }
  expect(license).toBe('Apache-2.0')
})
