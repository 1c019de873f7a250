/** API tokens at the listeners: role, scope, revocation at once, last use. */
import { afterEach, describe, expect, test } from 'vitest'
import { MetricsRegistry } from '../base/metrics.ts'
import { decoders } from '../decode/registry.ts'
import { createPreparer } from '../ingest/prepare.ts'
import { createToken, type NewToken } from '../people/accounts.ts'
import { senderToken } from '../people/sender-tokens.ts'
import { listTokens, stampToken } from '../state/sessions.ts'
import type { State } from '../state/state.ts'
import { describeEngines } from '../state/testing/engines.ts'
import { createSource, sourceKinds } from '../source/registry.ts'
import { testDeps } from '../source/testing/file-world.ts'
import { freePort } from '../source/testing/free-port.ts'
import { datasetsOf } from './sources.ts'
import { RecordSink } from '../source/testing/record-sink.ts'

const clock = { now: () => 1_795_301_345_000 }
const undo: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step()
})

/** One request to each listener, as its senders make it. */
const REQUESTS: readonly {
  readonly kind: 'hec' | 'elastic' | 'http' | 'firehose' | 'otlp'
  readonly path: string
  readonly body: string
  readonly headers: (token: string) => Record<string, string>
  /** Status of a token that is unknown, revoked, and of another role. */
  readonly refusals: readonly [number, number, number]
}[] = [
  {
    kind: 'hec',
    path: '/services/collector',
    body: '{"event":{"a":1}}',
    headers: (token) => ({ authorization: `Splunk ${token}` }),
    refusals: [403, 403, 403],
  },
  {
    kind: 'elastic',
    path: '/elastic/logs/_bulk',
    body: '{"create":{}}\n{"a":1}\n',
    headers: (token) => ({
      authorization: `ApiKey ${Buffer.from(`id:${token}`).toString('base64')}`,
    }),
    refusals: [401, 401, 403],
  },
  {
    kind: 'http',
    path: '/api/v1/events',
    body: '{"a":1}',
    headers: (token) => ({ authorization: `Bearer ${token}` }),
    refusals: [401, 401, 403],
  },
  {
    kind: 'firehose',
    path: '/firehose',
    body: '{"requestId":"r","timestamp":1,"records":[{"data":"eyJhIjoxfQ=="}]}',
    headers: (token) => ({
      'x-amz-firehose-request-id': 'r',
      'x-amz-firehose-access-key': token,
      'content-type': 'application/json',
    }),
    refusals: [401, 401, 403],
  },
  {
    kind: 'otlp',
    path: '/v1/logs',
    body: '{"resourceLogs":[{"scopeLogs":[{"logRecords":[{}]}]}]}',
    headers: (token) => ({ authorization: `Bearer ${token}`, 'content-type': 'application/json' }),
    refusals: [401, 401, 403],
  },
]

describeEngines('tokens of senders', (engine) => {
  async function open(name: string): Promise<{
    state: State
    make: (given: Partial<NewToken>) => Promise<{ id: string; text: string }>
  }> {
    const state = await engine.open(name)
    undo.push(() => state.close())
    const make = async (given: Partial<NewToken>) => {
      const wanted = { name: 't', roles: ['ingest'] as const, ...given }
      const { token, text } = await createToken({ state, clock }, wanted, 'local')
      return { id: token.id, text }
    }
    return { state, make }
  }

  test.each(REQUESTS)('$kind: role, revocation, last use', async ({ kind, ...request }) => {
    const { state, make } = await open(`sender_${kind}`)
    const good = await make({})
    const other = await make({ roles: ['analyst'] })
    const elsewhere = await make({ visibility: { datasets: ['mosquitto.log'] } })
    const port = await freePort()
    const sink = new RecordSink()
    const listen = `127.0.0.1:${port}`
    const options = sourceKinds[kind].options.parse({ listen, api_tokens: true })
    const apiTokens = (token: string) => senderToken({ state, clock }, token, ['json.log'])
    const deps = { ...testDeps('/', clock, new MetricsRegistry()), apiTokens }
    const source = createSource(kind, options as never, deps)
    undo.push(() => source.stop())
    await source.start(sink)
    const post = async (token: string): Promise<number> => {
      const init = { method: 'POST', body: request.body, headers: request.headers(token) }
      const answer = await fetch(`http://${listen}${request.path}`, init)
      await answer.arrayBuffer()
      return answer.status
    }
    const [unknown, revoked, forbidden] = request.refusals
    expect(await post('pkt_nonsense')).toBe(unknown)
    expect(await post(`${good.text.slice(0, -1)}_`)).toBe(unknown)
    expect(await post(other.text)).toBe(forbidden)
    expect(await post(elsewhere.text)).toBe(forbidden)
    expect(sink.items).toEqual([])
    expect(await post(good.text)).toBe(200)
    expect(sink.items).toHaveLength(1)
    const used = (await listTokens(state, state.db)).find(({ id }) => id === good.id)
    expect(used?.lastUsedMs).toBe(clock.now())
    // The connection is kept open, and the next request on it is refused.
    await state.transact((db) => stampToken(state, db, good.id, { revoked_ms: clock.now() }))
    expect(await post(good.text)).toBe(revoked)
    expect(sink.items).toHaveLength(1)
  })

  test('a token of some datasets delivers to sources of these only, by whatever name of their decoders', async () => {
    const { state, make } = await open('sender_datasets')
    const { text, id } = await make({ visibility: { datasets: ['json.log', 'mosquitto.log'] } })
    const standing = (...decoderNames: string[]) =>
      senderToken({ state, clock }, text, datasetsOf(decoderNames))
    expect(await standing('json')).toEqual({ kind: 'known', id })
    expect(await standing('json', 'eclipse-mosquitto')).toEqual({ kind: 'known', id })
    expect(await standing('json', 'zeek')).toEqual({ kind: 'forbidden' })
    expect(await standing('zeek')).toEqual({ kind: 'forbidden' })
  })

  test('a token of a site delivers nothing of another', async () => {
    const { state, make } = await open('sender_site')
    const visibility = { sites: ['ber'], deviceTypes: ['meter'] }
    const { text } = await make({ visibility })
    const port = await freePort()
    const sink = new RecordSink()
    const tokens = { own: { env: 'T' } }
    const options = sourceKinds.http.options.parse({ listen: `127.0.0.1:${port}`, tokens })
    const apiTokens = (token: string) => senderToken({ state, clock }, token, ['json.log'])
    const deps = { ...testDeps('/', clock, new MetricsRegistry()), apiTokens }
    const source = createSource('http', options, deps)
    undo.push(() => source.stop())
    await source.start(sink)
    const body = [
      '{"n":1,"iot":{"site":"ber"}}',
      '{"n":2,"iot.site":"muc"}',
      '{"n":3,"device":{"type":"meter"}}',
      '{"n":4,"device":{"type":"camera"}}',
    ].join('\n')
    const headers = { authorization: `Bearer ${text}` }
    await fetch(`http://127.0.0.1:${port}/api/v1/events`, { method: 'POST', body, headers })
    expect(sink.batches[0]?.scope).toEqual(visibility)
    const decoderSpec = decoders['json']!
    const preparer = createPreparer({ source: 's', decoderSpec, tenant: 'default' })
    const { batch } = preparer.prepare(sink.batches[0]!, clock.now())
    expect(batch.events?.map(({ doc }) => [doc['n'], doc['iot']])).toEqual([
      [1, { site: 'ber' }],
      [3, { site: 'ber' }],
    ])
    expect(batch.deadLetters?.map(({ code, message }) => [code, message])).toEqual([
      ['DECODE_FIELD', "the event is of the site muc, which the sender's token is not of"],
      [
        'DECODE_FIELD',
        "the event is of the device type camera, which the sender's token is not of",
      ],
    ])
  })
})

describe('a listener that asks for no token', () => {
  test('stays open on its own machine only', async () => {
    const options = sourceKinds.http.options.parse({ listen: '0.0.0.0:0' })
    const source = createSource('http', options, testDeps('/', clock, new MetricsRegistry()))
    await expect(source.start(new RecordSink())).rejects.toThrow('without tokens')
  })
})
