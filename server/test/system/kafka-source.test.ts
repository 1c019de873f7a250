/** The source `kafka` with a real broker: the contract, restarts of either side, TLS and SASL. */
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import zlib from 'node:zlib'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { MetricsRegistry } from '../../src/base/metrics.ts'
import type { Source } from '../../src/model/source.ts'
import { createSource, sourceKinds } from '../../src/source/registry.ts'
import { describeSource } from '../../src/source/testing/describe-source.ts'
import { testDeps } from '../../src/source/testing/file-world.ts'
import { RecordSink, until } from '../../src/source/testing/record-sink.ts'
import { type BrokerCertificate, canRunKafka, KafkaRig } from './kafka-rig.ts'

const mustRun = process.env['REQUIRE_SERVICES'] === '1'
const PASSWORD = 'let me in'

let rig: KafkaRig
let topics = 0

function make(
  metrics: MetricsRegistry,
  topic: string,
  given: Record<string, unknown> = {},
): Source {
  const options = sourceKinds.kafka.options.parse({
    brokers: [rig.address],
    topics: [topic],
    group: `group-${topic}`,
    session_timeout: '6s',
    message_bytes_max: '97KiB',
    reconnect_max: '1s',
    ...given,
  })
  const deps = testDeps(rig.folder, { now: () => Date.now() }, metrics)
  return createSource('kafka', options, { ...deps, secret: async () => PASSWORD })
}

async function newTopic(partitions = 1, configs: Record<string, string> = {}): Promise<string> {
  const name = `t${(topics += 1)}`
  await rig.createTopic(name, partitions, configs)
  return name
}

const texts = (from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_, at) => `m${from + at}`)

const dropsOf = (sink: RecordSink, reason: string): number =>
  sink.drops.reduce((sum, drop) => sum + (drop.reason === reason ? drop.count : 0), 0)

function certificate(folder: string): BrokerCertificate {
  const at = (name: string): string => join(folder, name)
  const openssl = (...args: string[]): unknown =>
    execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' })
  openssl(
    ...'req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 2 -subj /CN=ca'.split(
      ' ',
    ),
  )
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1']
  openssl('req', '-newkey', 'rsa:2048', '-nodes', '-keyout', 'b.key', '-out', 'b.csr', ...subject)
  openssl(
    ...'x509 -req -in b.csr -CA ca.pem -CAkey ca.key -CAcreateserial -copy_extensions copy'.split(
      ' ',
    ),
    ...'-days 2 -out b.pem'.split(' '),
  )
  return { cert: at('b.pem'), key: at('b.key'), ca: at('ca.pem') }
}

if (!canRunKafka) {
  test.skipIf(!mustRun)('a Kafka broker (needs Java, and its jars in .cache/kafka/jars)', () => {
    expect(canRunKafka).toBe(true)
  })
}

describe.skipIf(!canRunKafka)('reading from a real Kafka', { timeout: 60_000 }, () => {
  const sources: Source[] = []
  let authority = ''

  beforeAll(async () => {
    const { mkdtempSync } = await import('node:fs')
    const { tmpdir } = await import('node:os')
    const made = certificate(mkdtempSync(join(tmpdir(), 'picket-kafka-ca-')))
    authority = made.ca
    rig = await KafkaRig.start(made)
  }, 90_000)
  afterAll(async () => rig?.end(), 30_000)
  afterEach(async () => {
    for (const source of sources.splice(0)) await source.stop()
  })

  async function begin(
    sink: RecordSink,
    topic: string,
    given = {},
    metrics = new MetricsRegistry(),
  ) {
    const source = make(metrics, topic, given)
    sources.push(source)
    await source.start(sink)
    return source
  }

  describeSource(
    'kafka',
    async () => {
      const topic = await newTopic()
      return {
        create: (metrics) => make(metrics, topic),
        send: (all) => rig.produce(topic, all),
        replays: true,
        keepsKeys: true,
        textBytesMax: 97 * 1_024,
        deliveriesMax: 1,
        end: async () => undefined,
      }
    },
    () => new MetricsRegistry(),
  )

  test.each(['none', 'gzip', 'snappy', 'lz4'] as const)('reads %s', async (compression) => {
    const topic = await newTopic()
    await rig.produce(topic, texts(0, 300), { compression })
    const sink = new RecordSink()
    await begin(sink, topic)
    await until('they arrive', () => sink.items.length >= 300)
    expect(sink.texts).toEqual(texts(0, 300))
    expect(sink.items[0]?.facts).toEqual({
      transport: 'kafka',
      topic,
      partition: '0',
      offset: '0',
      message_key: 'k',
    })
  })

  test('reads zstd where Node can (22.15), and says where it cannot', async () => {
    const topic = await newTopic(1, { 'compression.type': 'zstd' })
    await rig.produce(topic, texts(0, 30))
    const sink = new RecordSink()
    await begin(sink, topic)
    if ('zstdDecompressSync' in zlib) {
      await until('they arrive', () => sink.items.length >= 30)
      expect(sink.texts).toEqual(texts(0, 30))
    } else {
      await until('it is said', () => sink.states.some((one) => /zstd/.test(one.detail ?? '')))
      expect(sink.items).toEqual([])
    }
  })

  test('20,000 messages of four partitions, each in its order, with a cursor of its own', async () => {
    const topic = await newTopic(4)
    for (const partition of [0, 1, 2, 3]) {
      await rig.produce(topic, texts(0, 5_000), { partition })
    }
    const sink = new RecordSink()
    await begin(sink, topic)
    await until('they arrive', () => sink.items.length >= 20_000)
    for (const partition of ['0', '1', '2', '3']) {
      const own = sink.items.filter(({ facts }) => facts?.['partition'] === partition)
      expect(own.map(({ text }) => text)).toEqual(texts(0, 5_000))
    }
    expect([...sink.cursors().keys()].sort()).toEqual([0, 1, 2, 3].map((n) => `${topic}/${n}`))
  })

  test('a message journalled but not committed is recognised when it comes again', async () => {
    const topic = await newTopic()
    await rig.produce(topic, texts(0, 50))
    const sink = new RecordSink()
    const first = await begin(sink, topic)
    await until('they arrive', () => sink.items.length >= 50)
    await first.stop()
    // Another group has no offsets: the broker gives everything again.
    await begin(sink, topic, { group: 'another' })
    await rig.produce(topic, texts(50, 60))
    await until('the rest arrives', () => sink.items.length >= 60)
    expect(sink.texts).toEqual(texts(0, 60))
    expect(dropsOf(sink, 'redelivered')).toBe(50)
  })

  test('a topic that was deleted and made anew is read from its beginning', async () => {
    const topic = await newTopic()
    await rig.produce(topic, texts(0, 20))
    const sink = new RecordSink()
    const first = await begin(sink, topic)
    await until('they arrive', () => sink.items.length >= 20)
    await first.stop()
    await rig.deleteTopic(topic)
    await new Promise((wake) => setTimeout(wake, 500))
    await rig.createTopic(topic)
    await rig.produce(topic, texts(20, 30))
    await begin(sink, topic)
    await until('the new ones arrive', () => sink.items.length >= 30)
    expect(sink.texts).toEqual(texts(0, 30))
  })

  test('what retention took before it was read is counted, and reading goes on behind it', async () => {
    const topic = await newTopic()
    await rig.produce(topic, texts(0, 10))
    const sink = new RecordSink()
    const first = await begin(sink, topic)
    await until('they arrive', () => sink.items.length >= 10)
    await first.stop()
    await rig.produce(topic, texts(10, 40))
    await rig.forget(topic, 30n)
    await begin(sink, topic)
    await until('the rest arrives', () => sink.items.length >= 20)
    expect(sink.texts).toEqual([...texts(0, 10), ...texts(30, 40)])
    expect(dropsOf(sink, 'retention')).toBe(20)
  })

  test('tombstones are let go and counted; bytes that are no UTF-8 are kept', async () => {
    const topic = await newTopic()
    await rig.produce(topic, ['a', null, 'b'])
    const sink = new RecordSink()
    await begin(sink, topic)
    await until('they arrive', () => sink.items.length >= 2)
    expect(sink.texts).toEqual(['a', 'b'])
    expect(dropsOf(sink, 'tombstone')).toBe(1)
  })

  test('over TLS with a login; a wrong password is said and not shown', async () => {
    const topic = await newTopic()
    await rig.produce(topic, texts(0, 10))
    const secure = {
      brokers: [`127.0.0.1:${rig.securePort}`],
      tls: { ca_file: authority },
      sasl: { mechanism: 'PLAIN', username: 'picket', password: { env: 'PASSWORD' } },
    }
    const sink = new RecordSink()
    await begin(sink, topic, secure)
    await until('they arrive', () => sink.items.length >= 10)
    const refused = new RecordSink()
    await begin(refused, topic, { ...secure, sasl: { ...secure.sasl, username: 'nobody' } })
    await until('it is refused', () =>
      refused.states.some((one) => /uthenticat/.test(one.detail ?? '')),
    )
    expect(JSON.stringify(refused.states)).not.toContain(PASSWORD)
    const untrusted = new RecordSink()
    await begin(untrusted, topic, { ...secure, tls: {} })
    await until('it is not trusted', () =>
      untrusted.states.some((one) => /certificate/.test(one.detail ?? '')),
    )
    expect(untrusted.items).toEqual([])
  })

  test('goes on after the broker was killed and started again', async () => {
    const topic = await newTopic()
    await rig.produce(topic, texts(0, 10))
    const sink = new RecordSink()
    await begin(sink, topic)
    await until('they arrive', () => sink.items.length >= 10)
    await rig.stop('SIGKILL')
    await until('it is down', () => sink.states.at(-1)?.state === 'down')
    await rig.run()
    await rig.produce(topic, texts(10, 20))
    await until('the rest arrives', () => sink.items.length >= 20)
    expect(sink.texts).toEqual(texts(0, 20))
  })
})
