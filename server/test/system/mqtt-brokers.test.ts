/** The source `mqtt` among real brokers: shared subscriptions, a bridge, a broker that restarts, several of them. */
import { afterEach, describe, expect, test } from 'vitest'
import { MetricsRegistry } from '../../src/base/metrics.ts'
import type { Source } from '../../src/model/source.ts'
import { createSource, sourceKinds } from '../../src/source/registry.ts'
import { testDeps } from '../../src/source/testing/file-world.ts'
import { freePort } from '../../src/source/testing/free-port.ts'
import { RecordSink, until } from '../../src/source/testing/record-sink.ts'
import { findBrokers, MosquittoRig, type RigOptions } from './mosquitto-rig.ts'

const [mosquitto] = findBrokers()
const mustRun = process.env['REQUIRE_SERVICES'] === '1'

describe.skipIf(!mustRun && mosquitto === undefined)(
  'among Mosquittos (apt-get install mosquitto)',
  () => {
    const rigs: MosquittoRig[] = []
    const sources: Source[] = []
    afterEach(async () => {
      for (const source of sources.splice(0)) await source.stop()
      for (const rig of rigs.splice(0)) await rig.stop()
    })

    async function broker(over: RigOptions = {}): Promise<MosquittoRig> {
      const rig = await MosquittoRig.start(mosquitto!, 'iso', { isOpen: true, ...over })
      rigs.push(rig)
      return rig
    }

    async function begin(rig: MosquittoRig, sink: RecordSink, given: object = {}): Promise<Source> {
      const options = sourceKinds.mqtt.options.parse({
        ...{ broker: `mqtt://127.0.0.1:${rig.port}`, topics: ['fleet/{device.id}/t'] },
        ...{ reconnect_max: '1s', ...given },
      })
      const deps = testDeps(rig.folder, { now: () => Date.now() }, new MetricsRegistry())
      const source = createSource('mqtt', options, deps)
      sources.push(source)
      const before = sink.states.length
      await source.start(sink)
      await until('connected', () => sink.states.slice(before).at(-1)?.state === 'connected')
      return source
    }

    async function publish(rig: MosquittoRig, from: number, to: number): Promise<void> {
      const client = await rig.connect({ clientId: 'publisher' })
      if (typeof client === 'string') throw new Error(client)
      const numbers = Array.from({ length: to - from }, (_, at) => from + at)
      await Promise.all(
        numbers.map((number) => client.publishAsync('fleet/d/t', `m${number}`, { qos: 1 })),
      )
      await client.endAsync()
    }

    const texts = (from: number, to: number): string[] =>
      Array.from({ length: to - from }, (_, at) => `m${from + at}`)

    test.each(['3.1.1', '5'])(
      'MQTT %s: two share a subscription: each message goes to one of them, none is lost when one leaves',
      async (protocol) => {
        const rig = await broker()
        const [one, other] = [new RecordSink(), new RecordSink()]
        const first = await begin(rig, one, { protocol, share: 'pickets', client_id: 'first' })
        await begin(rig, other, { protocol, share: 'pickets', client_id: 'second' })
        await publish(rig, 0, 2_000)
        await until('all are there', () => one.items.length + other.items.length >= 2_000)
        expect([...one.texts, ...other.texts].toSorted()).toEqual(texts(0, 2_000).toSorted())
        expect(Math.min(one.items.length, other.items.length)).toBeGreaterThan(500)
        await first.stop()
        await publish(rig, 2_000, 2_100)
        // What the broker gave to the one that left waits for it.
        await begin(rig, one, { protocol, share: 'pickets', client_id: 'first' })
        await until('all are there', () => one.items.length + other.items.length >= 2_100)
        expect(new Set([...one.texts, ...other.texts]).size).toBe(2_100)
      },
      30_000,
    )

    test('through a bridge: what devices say at one broker is heard at the other', async () => {
      const central = await broker()
      const bridge = ['connection up', `address 127.0.0.1:${central.port}`, 'topic fleet/# out 1']
      const settings = ['cleansession false', 'remote_clientid site-7', 'restart_timeout 1']
      const site = await broker({ last: [...bridge, ...settings] })
      const sink = new RecordSink()
      await begin(central, sink)
      await publish(site, 0, 1_000)
      await until('all are there', () => sink.items.length >= 1_000)
      expect(sink.texts).toEqual(texts(0, 1_000))
      expect(sink.items[0]?.facts).toMatchObject({ topic: 'fleet/d/t', 'ecs.device.id': 'd' })
    }, 60_000)

    test('what comes while nobody listens waits, also over a restart of the broker', async () => {
      const rig = await broker({ more: ['persistence true', 'autosave_interval 1'] })
      const sink = new RecordSink()
      const source = await begin(rig, sink)
      await publish(rig, 0, 100)
      await until('all are there', () => sink.items.length === 100)
      await source.stop()
      await publish(rig, 100, 400)
      await rig.restart()
      await begin(rig, sink)
      await until('the rest is there', () => sink.items.length >= 400)
      expect(sink.texts).toEqual(texts(0, 400))
    }, 60_000)

    test('a broker that restarts under us: it comes back, and nothing is lost or doubled', async () => {
      const rig = await broker({ more: ['persistence true', 'autosave_interval 1'] })
      const sink = new RecordSink()
      await begin(rig, sink)
      await publish(rig, 0, 100)
      await until('all are there', () => sink.items.length === 100)
      await rig.restart()
      await until('it is back', () => sink.states.at(-1)?.state === 'connected')
      await publish(rig, 100, 300)
      await until('the rest is there', () => sink.items.length >= 300)
      expect(sink.texts).toEqual(texts(0, 300))
      expect(sink.states.map(({ state }) => state)).toEqual([
        'down',
        'connected',
        'down',
        'connected',
      ])
    }, 60_000)

    test('several brokers are several sources; another address takes over from one that is gone', async () => {
      const [one, other] = [await broker(), await broker()]
      const [here, there] = [new RecordSink(), new RecordSink()]
      const nobody = `mqtt://127.0.0.1:${await freePort()}`
      await begin(one, here, { broker: nobody, further_brokers: [`mqtt://127.0.0.1:${one.port}`] })
      await begin(other, there)
      await publish(one, 0, 10)
      await publish(other, 10, 20)
      await until('all are there', () => here.items.length + there.items.length === 20)
      expect(here.texts).toEqual(texts(0, 10))
      expect(there.texts).toEqual(texts(10, 20))
    })
  },
)
