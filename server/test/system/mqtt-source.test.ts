/** The source `mqtt` with a real Mosquitto: both versions of MQTT, TLS, sessions that outlive it. */
import { execFileSync, spawnSync } from 'node:child_process'
import { afterEach, describe, expect, test } from 'vitest'
import { MetricsRegistry } from '../../src/base/metrics.ts'
import type { Source } from '../../src/model/source.ts'
import { createSource, sourceKinds } from '../../src/source/registry.ts'
import { testDeps } from '../../src/source/testing/file-world.ts'
import { RecordSink, until } from '../../src/source/testing/record-sink.ts'
import { findBrokers, MosquittoRig, versionOf } from './mosquitto-rig.ts'

const brokers = findBrokers()
const hasPub = spawnSync('mosquitto_pub', ['--help']).error === undefined
const mustRun = process.env['REQUIRE_SERVICES'] === '1'

if (brokers.length === 0) {
  test.skipIf(!mustRun)('Mosquitto is not installed (apt-get install mosquitto)', () => {
    expect(brokers).not.toEqual([])
  })
}

describe.each(brokers.map((binary) => [versionOf(binary), binary] as const))(
  'subscribed to Mosquitto %s',
  (_, binary) => {
    let rig: MosquittoRig | undefined
    const sources: Source[] = []
    afterEach(async () => {
      for (const source of sources.splice(0)) await source.stop()
      await rig?.stop()
      rig = undefined
    })

    async function begin(sink: RecordSink, given: Record<string, unknown>): Promise<Source> {
      rig ??= await MosquittoRig.start(binary, 'iso')
      const options = sourceKinds.mqtt.options.parse({
        broker: `mqtt://127.0.0.1:${rig.port}`,
        topics: ['devices/{device.id}/#'],
        username: 'sensor-001',
        password: { env: 'PASSWORD' },
        ...given,
      })
      const deps = testDeps(rig.folder, { now: () => Date.now() }, new MetricsRegistry())
      const secret = (): Promise<string> => Promise.resolve('right-1')
      const source = createSource('mqtt', options, { ...deps, secret })
      sources.push(source)
      const before = sink.states.length
      await source.start(sink)
      await until('connected or refused', () => {
        const last = sink.states.slice(before).at(-1)
        return last?.state === 'connected' || last?.detail?.includes('refused') === true
      })
      return source
    }

    async function publisher() {
      const login = { clientId: 'publisher', username: 'sensor-001', password: 'right-1' }
      const client = await rig?.connect(login)
      if (client === undefined || typeof client === 'string') throw new Error(client)
      return (from: number, to: number) =>
        Promise.all(
          Array.from({ length: to - from }, (__, at) =>
            client.publishAsync('devices/one/t', `m${from + at}`, { qos: 1 }),
          ),
        )
    }

    const texts = (from: number, to: number): string[] =>
      Array.from({ length: to - from }, (__, at) => `m${from + at}`)

    test.each(['3.1.1', '5'])(
      'MQTT %s: 5,000 messages, and what came while away',
      async (protocol) => {
        const sink = new RecordSink()
        const source = await begin(sink, { protocol })
        const publish = await publisher()
        await publish(0, 5_000)
        await until('they arrive', () => sink.items.length >= 5_000)
        await source.stop()
        await publish(5_000, 5_300)
        await begin(sink, { protocol })
        await until('the rest arrives', () => sink.items.length >= 5_300)
        expect(sink.texts).toEqual(texts(0, 5_300))
        expect(sink.items[0]?.facts).toMatchObject({ 'ecs.device.id': 'one' })
      },
    )

    test('what was not durable at a stop comes again, once', async () => {
      const sink = new RecordSink()
      const source = await begin(sink, {})
      const publish = await publisher()
      await publish(0, 100)
      await until('they arrive', () => sink.items.length === 100)
      sink.hold()
      await publish(100, 1_600)
      await until('a delivery is asked for', () => sink.open === 1)
      sink.failures.push(new Error('gone'))
      await source.stop()
      sink.release()
      await new Promise((wake) => setTimeout(wake, 50))
      sink.failures.length = 0
      await begin(sink, {})
      await until('all arrive', () => sink.items.length >= 1_600)
      expect(sink.texts).toEqual(texts(0, 1_600))
    })

    test.skipIf(!hasPub && !mustRun)(
      'what mosquitto_pub sends, version by version (needs mosquitto-clients)',
      async () => {
        const sink = new RecordSink()
        await begin(sink, {})
        const versions = ['mqttv31', 'mqttv311', 'mqttv5']
        for (const [at, version] of versions.entries()) {
          const login = '-u sensor-001 -P right-1'.split(' ')
          const to = `-p ${rig?.port} -V ${version} -i pub-${at} -q 1 -t devices/one/t -l`.split(
            ' ',
          )
          // Each line of its input is a message.
          execFileSync('mosquitto_pub', ['-h', '127.0.0.1', ...login, ...to], {
            input: texts(at * 200, at * 200 + 200)
              .map((text) => `${text}\n`)
              .join(''),
          })
        }
        await until('they arrive', () => sink.items.length >= 600)
        expect(sink.texts).toEqual(texts(0, 600))
        expect(sink.items.at(-1)?.facts).toMatchObject({ 'ecs.device.id': 'one' })
      },
      30_000,
    )

    test('over TLS with a client certificate; a wrong password is said', async () => {
      const sink = new RecordSink()
      await begin(sink, {})
      const broker = rig as MosquittoRig | undefined
      const tls = { ca_file: 'ca.crt', cert_file: 'device.crt', key_file: 'device.key' }
      const over = { broker: `mqtts://localhost:${broker?.tlsPort}`, tls, client_id: 'over-tls' }
      await begin(sink, over)
      const publish = await publisher()
      await publish(0, 1)
      await until('both hear it', () => sink.items.length === 2)
      const wrong = new RecordSink()
      await begin(wrong, { username: 'nobody', client_id: 'wrong' })
      expect(wrong.states.at(-1)?.detail).toContain('refused the connection')
    }, 60_000)
  },
)
