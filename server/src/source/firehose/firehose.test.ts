import { sign } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import { afterEach, describe, expect, test } from 'vitest'
import { MetricsRegistry } from '../../base/metrics.ts'
import type { Source } from '../../model/source.ts'
import { sourceKinds } from '../registry.ts'
import { describeSource } from '../testing/describe-source.ts'
import { testDeps } from '../testing/file-world.ts'
import { freePort } from '../testing/free-port.ts'
import { httpWorld } from '../testing/http-world.ts'
import { makeCertificate } from '../testing/make-certificate.ts'
import { RecordSink } from '../testing/record-sink.ts'
import type { FetchText } from './fetch-text.ts'
import { createFirehose } from './firehose.ts'
import { readSnsMessage, signedText } from './sns-message.ts'

const clock = { now: () => Date.now() }
const KEY = 'secret-of-FH'
const TOPIC = 'arn:aws:sns:eu-central-1:123456789012:fleet'
const HOST = 'https://sns.eu-central-1.amazonaws.com'
const CERT_URL = `${HOST}/SimpleNotificationService-0123456789abcdef0123456789abcdef.pem`
const CONFIRM = `${HOST}/?Action=ConfirmSubscription&TopicArn=${TOPIC}&Token=t`
const certificate = makeCertificate(Date.now() - 60_000, Date.now() + 86_400_000)
const over = makeCertificate(Date.now() - 86_400_000, Date.now() - 60_000)
const offline: FetchText = () => Promise.reject(new Error('offline'))

function make(
  port: number,
  metrics: MetricsRegistry,
  given: Record<string, unknown> = {},
  fetchText: FetchText = offline,
): Source {
  const options = sourceKinds.firehose.options.parse({
    listen: `127.0.0.1:${port}`,
    text_bytes_max: '8KiB',
    body_bytes_max: '128KiB',
    tokens: { stream: { env: 'FH' } },
    topics: [TOPIC],
    ...given,
  })
  const secret = (ref: object): Promise<string> =>
    Promise.resolve(`secret-of-${String(Reflect.get(ref, 'env'))}`)
  return createFirehose(options, { ...testDeps('/', clock, metrics), secret }, fetchText)
}

const base64 = (text: string | Buffer): string => Buffer.from(text).toString('base64')

function requestOf(requestId: string, records: readonly (string | Buffer)[]): string {
  const data = records.map((record) => ({ data: base64(record) }))
  return JSON.stringify({ requestId, timestamp: 1_578_090_901_599, records: data })
}

let requests = 0
describeSource(
  'firehose',
  () =>
    httpWorld({
      create: (port, metrics) => make(port, metrics),
      request: (texts) => {
        requests += 1
        const headers = {
          'x-amz-firehose-request-id': `r-${requests}`,
          'x-amz-firehose-access-key': KEY,
        }
        return { path: '/firehose', body: requestOf(`r-${requests}`, texts), headers }
      },
    }),
  () => new MetricsRegistry(),
)

const started: Source[] = []
afterEach(async () => {
  for (const source of started.splice(0)) await source.stop()
})

async function begin(
  given: Record<string, unknown> = {},
  sink = new RecordSink(),
  fetchText: FetchText = offline,
) {
  const port = await freePort()
  const metrics = new MetricsRegistry()
  const source = make(port, metrics, given, fetchText)
  started.push(source)
  await source.start(sink)
  const post = async (
    path: string,
    body: string | Uint8Array<ArrayBuffer>,
    headers: Record<string, string>,
  ): Promise<{ status: number; headers: Headers; said: Record<string, unknown> }> => {
    const url = `http://127.0.0.1:${port}${path}`
    const answer = await fetch(url, { method: 'POST', body, headers })
    const text = await answer.text()
    const said = (text === '' ? {} : JSON.parse(text)) as Record<string, unknown>
    return { status: answer.status, headers: answer.headers, said }
  }
  const send = (body: string | Uint8Array<ArrayBuffer>, headers: Record<string, string> = {}) => {
    const own = { 'x-amz-firehose-request-id': 'r1', 'x-amz-firehose-access-key': KEY }
    return post('/firehose', body, { ...own, ...headers })
  }
  const errors = (reason: string): number =>
    metrics.value('picket_source_errors_total', { source: 'test', reason }) ?? 0
  return { post, send, sink, source, errors }
}

describe('POST /firehose', () => {
  test('records with lines, objects without separators and gzip; attributes become facts', async () => {
    const { send, sink } = await begin()
    const records = [
      '{"a":"} {"}{"b":2}\n{"c":3}\n',
      'one\r\ntwo\n\n',
      gzipSync('{"d":4}'),
      '{"e":5} tail\nof text',
    ]
    const { status, headers, said } = await send(requestOf('r1', records), {
      'x-amz-firehose-common-attributes': '{"commonAttributes":{"site":"ber","n":7}}',
    })
    expect([status, headers.get('content-type')]).toEqual([200, 'application/json'])
    expect(said).toEqual({ requestId: 'r1', timestamp: expect.any(Number) as number })
    expect(sink.texts).toEqual([
      ...['{"a":"} {"}', '{"b":2}', '{"c":3}', 'one', 'two', '{"d":4}'],
      ...['{"e":5}', 'tail', 'of text'],
    ])
    expect(sink.items[0]?.facts).toEqual({
      ...{ peer: '127.0.0.1', transport: 'firehose', request_id: 'r1', 'field.site': 'ber' },
    })
  })

  test('a record as one event where that is configured', async () => {
    const { send, sink } = await begin({ split: 'record' })
    await send(requestOf('r1', ['one\ntwo', '{"a":1}{"b":2}']))
    expect(sink.texts).toEqual(['one\ntwo', '{"a":1}{"b":2}'])
  })

  test('the same request is taken once, also after a restart', async () => {
    const { send, sink, source } = await begin()
    const both = await Promise.all([send(requestOf('r1', ['a'])), send(requestOf('r1', ['a']))])
    expect(both.map(({ status }) => status)).toEqual([200, 200])
    await source.stop()
    const again = await begin({}, sink)
    expect((await again.send(requestOf('r1', ['a']))).status).toBe(200)
    expect(again.errors('repeated_request')).toBe(1)
    expect((await again.send(requestOf('r1', ['other']))).status).toBe(200)
    expect(sink.texts).toEqual(['a', 'other'])
  })

  test.each([
    ['wrong key', requestOf('r1', ['a']), { 'x-amz-firehose-access-key': 'x' }, 401],
    ['no id', requestOf('', ['a']), { 'x-amz-firehose-request-id': '' }, 400],
    ['another id', requestOf('r2', ['a']), {}, 400],
    ['half a body', requestOf('r1', ['a']).slice(0, -9), {}, 400],
    ['no base64', '{"requestId":"r1","records":[{"data":"a!"}]}', {}, 400],
    ['no records', '{"requestId":"r1"}', {}, 400],
    ['no data', '{"requestId":"r1","records":[{}]}', {}, 400],
    ['oversize', 'x'.repeat(140_000), {}, 413],
    ['brotli', 'x', { 'content-encoding': 'br' }, 415],
    ['no gzip', 'x', { 'content-encoding': 'gzip' }, 400],
    ['a bomb in a record', requestOf('r1', [gzipSync(Buffer.alloc(5_000_000))]), {}, 413],
    [
      'a bomb of many records',
      requestOf(
        'r1',
        [1, 2, 3].map(() => gzipSync(Buffer.alloc(60_000))),
      ),
      {},
      413,
    ],
  ])('%s: refused with a reason in its form', async (_, body, headers, status) => {
    const { send, sink } = await begin()
    const answer = await send(body, headers)
    expect(answer.status).toBe(status)
    expect(answer.said).toEqual({
      requestId: 'x-amz-firehose-request-id' in headers ? '' : 'r1',
      timestamp: expect.any(Number) as number,
      errorMessage: expect.any(String) as string,
    })
    expect(sink.items).toEqual([])
  })

  test('gzip is read, a bomb is not; a full journal says when to come again', async () => {
    const { send, sink, errors } = await begin()
    const gzip = { 'content-encoding': 'gzip' }
    sink.failures.push('busy')
    const full = await send(requestOf('r1', ['a']))
    expect([full.status, full.headers.get('retry-after')]).toEqual([503, '1'])
    expect(full.said).toMatchObject({ requestId: 'r1', errorMessage: 'full' })
    expect((await send(new Uint8Array(gzipSync(requestOf('r1', ['a']))), gzip)).status).toBe(200)
    const bomb = new Uint8Array(gzipSync(Buffer.alloc(9_000_000)))
    const answer = await send(bomb, gzip).catch(() => undefined)
    expect(answer?.status ?? 413).toBe(413)
    expect(errors('body_too_large')).toBe(1)
    expect(sink.texts).toEqual(['a'])
  })
})

describe('POST /sns', () => {
  interface Given {
    readonly version?: string
    readonly key?: typeof certificate.key
    readonly [name: string]: unknown
  }

  function messageOf({ version = '2', key = certificate.key, ...given }: Given = {}): string {
    const message = {
      Type: 'Notification',
      MessageId: 'm1',
      TopicArn: TOPIC,
      Subject: 'audit',
      Message: '{"a":1}',
      Timestamp: '2026-11-22T12:00:00.000Z',
      SignatureVersion: version,
      SigningCertURL: CERT_URL,
      Signature: '',
      ...given,
    }
    const read = readSnsMessage(JSON.stringify(message))
    const text = read === undefined ? '' : signedText(read)
    const signed = sign(version === '1' ? 'sha1' : 'sha256', Buffer.from(text), key)
    return JSON.stringify({ ...message, Signature: signed.toString('base64') })
  }

  async function withSns(given: Record<string, unknown> = {}, pem = certificate.pem) {
    const fetched: string[] = []
    const begun = await begin(given, new RecordSink(), (url) => {
      fetched.push(url)
      return Promise.resolve({ status: 200, text: url === CERT_URL ? pem : '<ok/>' })
    })
    const send = (body: string, headers: Record<string, string> = {}) =>
      begun.post('/sns', body, { 'content-type': 'text/plain; charset=UTF-8', ...headers })
    return { ...begun, send, fetched }
  }

  test('what is signed is in the order that the vendor documents', () => {
    const read = readSnsMessage(messageOf({ Subject: undefined }))
    expect(read === undefined ? '' : signedText(read)).toBe(
      `Message\n{"a":1}\nMessageId\nm1\nTimestamp\n2026-11-22T12:00:00.000Z\n` +
        `TopicArn\n${TOPIC}\nType\nNotification\n`,
    )
  })

  test('a signed message of either version is passed on once; the certificate is kept', async () => {
    const { send, sink, fetched } = await withSns()
    expect((await send(messageOf())).status).toBe(200)
    expect((await send(messageOf())).status).toBe(200)
    expect((await send(messageOf({ version: '1', MessageId: 'm2' }))).status).toBe(200)
    expect(sink.texts).toEqual(['{"a":1}', '{"a":1}'])
    expect(sink.items[0]?.facts).toEqual({
      ...{ peer: '127.0.0.1', transport: 'sns', topic_arn: TOPIC, subject: 'audit' },
      ...{ message_type: 'Notification', message_id: 'm1' },
    })
    expect(fetched).toEqual([CERT_URL])
  })

  const confirmation = { Type: 'SubscriptionConfirmation', Token: 't', SubscribeURL: CONFIRM }

  test('a subscription is confirmed where SNS says, its end is noted', async () => {
    const { send, sink, fetched } = await withSns()
    expect((await send(messageOf(confirmation))).status).toBe(200)
    expect(fetched).toEqual([CERT_URL, new URL(CONFIRM).href])
    const end = { ...confirmation, Type: 'UnsubscribeConfirmation' }
    expect((await send(messageOf(end))).status).toBe(200)
    expect(fetched).toHaveLength(2)
    expect(sink.items).toEqual([])
  })

  const evil = `${HOST}.evil.example/?Action=ConfirmSubscription&TopicArn=${TOPIC}`
  test.each([
    ['topic', messageOf({ TopicArn: `${TOPIC}-other` }), 403, 0],
    ['certificate_url', messageOf({ SigningCertURL: CERT_URL.replace('com', 'co') }), 403, 0],
    ['certificate_url', messageOf({ SigningCertURL: CERT_URL.replace('https', 'http') }), 403, 0],
    [
      'certificate_url',
      messageOf({ SigningCertURL: CERT_URL.replace('.com/', '.com:8443/') }),
      403,
      0,
    ],
    ['certificate_url', messageOf({ SigningCertURL: CERT_URL.replace('//', '//user@') }), 403, 0],
    ['certificate_url', messageOf({ SigningCertURL: `${CERT_URL}?x=1` }), 403, 0],
    // SNS hosts what others put there too: only its own certificates count.
    ['certificate_url', messageOf({ SigningCertURL: `${HOST}/bucket/own.pem` }), 403, 0],
    ['certificate_url', messageOf({ SigningCertURL: CERT_URL.replace('sns.', 'x.sns.') }), 403, 0],
    ['signature', messageOf().replace('a\\":1', 'a\\":2'), 403, 1],
    ['signature', messageOf({ key: over.key }), 403, 1],
    ['subscribe_url', messageOf({ ...confirmation, SubscribeURL: evil }), 403, 1],
    ['subscribe_url', messageOf({ ...confirmation, SubscribeURL: `${HOST}/?Action=X` }), 403, 1],
    [
      'subscribe_url',
      messageOf({ ...confirmation, SubscribeURL: `${CONFIRM}`.replace(':fleet&', ':other&') }),
      403,
      1,
    ],
  ])('%s: refused, and nothing else is fetched', async (reason, body, status, fetches) => {
    const { send, sink, fetched, errors } = await withSns()
    const answer = await send(body)
    expect([answer.status, errors(`sns_${reason}`)]).toEqual([status, 1])
    expect(fetched).toHaveLength(fetches)
    expect(sink.items).toEqual([])
  })

  test('an old certificate, an unreachable one, no message, raw delivery, no topics', async () => {
    const old = await withSns({}, over.pem)
    expect((await old.send(messageOf({ key: over.key }))).status).toBe(403)
    expect(old.errors('sns_certificate')).toBe(1)
    const gone = await withSns({}, 'no certificate')
    expect((await gone.send(messageOf())).status).toBe(503)
    expect((await gone.send(messageOf().slice(0, -5))).status).toBe(400)
    expect((await gone.send('x', { 'x-amz-sns-rawdelivery': 'true' })).status).toBe(400)
    const without = await withSns({ topics: [] })
    expect((await without.send(messageOf())).status).toBe(404)
  })
})
