import { createServer, type Socket } from 'node:net'
import { Aedes } from 'aedes'
import fc from 'fast-check'
import mqtt from 'mqtt'
import { generate } from 'mqtt-packet'
import { afterEach, describe, expect, test } from 'vitest'
import { MetricsRegistry } from '../../base/metrics.ts'
import type { Source } from '../../model/source.ts'
import { createSource, sourceKinds } from '../registry.ts'
import { describeSource, type SourceWorld } from '../testing/describe-source.ts'
import { testDeps } from '../testing/file-world.ts'
import { freePort } from '../testing/free-port.ts'
import { RecordSink, until } from '../testing/record-sink.ts'
import { ScriptedBroker } from '../testing/scripted-broker.ts'
import { MqttFramer } from './frames.ts'
import { captured, parseTemplate } from './topics.ts'

const clock = { now: () => Date.now() }

function make(port: number, metrics: MetricsRegistry, given: Record<string, unknown> = {}): Source {
  const options = sourceKinds.mqtt.options.parse({
    broker: `mqtt://127.0.0.1:${port}`,
    topics: ['fleet/#'],
    protocol: '3.1.1',
    message_bytes_max: '8KiB',
    reconnect_max: '500ms',
    ...given,
  })
  return createSource('mqtt', options, testDeps('/', clock, metrics))
}

async function brokerWorld(): Promise<SourceWorld> {
  const port = await freePort()
  const broker = await Aedes.createBroker()
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    broker.handle(socket)
  })
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  const publisher = await mqtt.connectAsync(`mqtt://127.0.0.1:${port}`)
  let isKnown = false
  broker.on('subscribe', () => (isKnown = true))
  return {
    create: (metrics) => make(port, metrics),
    send: async (texts) => {
      await until('the source has subscribed', () => isKnown)
      for (const text of texts) publisher.publish('fleet/a', text, { qos: 1 })
    },
    replays: true,
    textBytesMax: 8_192,
    deliveriesMax: 1,
    end: async () => {
      publisher.end(true)
      await new Promise<void>((resolve) => broker.close(() => resolve()))
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

describeSource('mqtt', brokerWorld, () => new MetricsRegistry())

describe('a subscriber', () => {
  const sources: Source[] = []
  let broker: ScriptedBroker | undefined
  afterEach(async () => {
    for (const source of sources.splice(0)) await source.stop()
    await broker?.close()
    broker = undefined
  })

  async function begin(sink: RecordSink, given: Record<string, unknown> = {}) {
    const scripted = broker ?? new ScriptedBroker()
    if (broker === undefined) await scripted.listen()
    broker = scripted
    const subscribed = scripted.count('subscribe')
    const source = make(scripted.port, new MetricsRegistry(), given)
    sources.push(source)
    await source.start(sink)
    await until('subscribed', () => scripted.count('subscribe') > subscribed)
    return { broker: scripted, source }
  }

  test('acknowledges nothing before it is durable, then all at once', async () => {
    const sink = new RecordSink()
    sink.hold()
    const { broker: b } = await begin(sink)
    for (let id = 1; id <= 1_200; id++) b.publish(id, `m${id}`)
    await until('a delivery is asked for', () => sink.open === 1)
    await new Promise((wake) => setTimeout(wake, 50))
    expect(b.acknowledged).toEqual([])
    sink.release()
    await until('all are acknowledged', () => b.acknowledged.length === 1_200)
    expect(b.acknowledged).toEqual(Array.from({ length: 1_200 }, (_, at) => at + 1))
    expect(sink.items).toHaveLength(1_200)
  })

  test('a message sent again is known after a lost connection and after a crash', async () => {
    const sink = new RecordSink()
    const { broker: b, source } = await begin(sink)
    b.publish(1, 'one')
    b.publish(2, 'two')
    await until('both are acknowledged', () => b.acknowledged.length === 2)
    b.drop()
    await until('it is back', () => b.count('subscribe') === 2)
    b.publish(2, 'two', true)
    await until('it is acknowledged again', () => b.acknowledged.length === 3)
    await source.stop()
    await begin(sink)
    b.publish(1, 'one', true)
    b.publish(2, 'another two', true)
    await until('both are acknowledged', () => b.acknowledged.length === 5)
    expect(sink.texts).toEqual(['one', 'two', 'another two'])
    expect(sink.batches.at(-1)?.redelivered).toBe(true)
  })

  test('a new message under a used id is no repetition', async () => {
    const sink = new RecordSink()
    const { broker: b } = await begin(sink)
    b.publish(1, 'same')
    await until('durable', () => sink.items.length === 1)
    b.publish(1, 'same')
    await until('durable too', () => sink.items.length === 2)
  })

  test('what is not durable when the connection breaks is not delivered twice', async () => {
    const sink = new RecordSink()
    sink.hold()
    const { broker: b } = await begin(sink)
    b.publish(1, 'first')
    await until('under way', () => sink.open === 1)
    b.publish(2, 'second')
    await new Promise((wake) => setTimeout(wake, 50))
    b.drop()
    sink.release()
    await until('it is back', () => b.count('subscribe') === 2)
    b.publish(1, 'first', true)
    b.publish(2, 'second', true)
    await until('both are acknowledged', () => b.acknowledged.length === 2)
    expect(sink.texts).toEqual(['first', 'second'])
  })

  test('topics name what their levels hold', async () => {
    const sink = new RecordSink()
    const topics = ['fleet/{device.id}', 'other/+/{iot.site}/#']
    const { broker: b } = await begin(sink, { topics })
    const [subscription] = b.packets.filter(({ cmd }) => cmd === 'subscribe')
    expect(subscription).toMatchObject({
      subscriptions: [{ topic: 'fleet/+' }, { topic: 'other/+/+/#' }],
    })
    b.publish(1, '{}')
    await until('it arrives', () => sink.items.length === 1)
    expect(sink.items[0]?.facts).toEqual({
      transport: 'mqtt',
      topic: 'fleet/a',
      'ecs.device.id': 'a',
    })
  })

  test('a payload of any size: the beginning is kept, the rest counted, the next one whole', async () => {
    const sink = new RecordSink()
    const { broker: b } = await begin(sink)
    b.publish(1, 'x'.repeat(5_000_000))
    b.publish(2, 'after')
    await until('both arrive', () => sink.items.length === 2)
    expect(sink.items[0]?.cut).toEqual({ bytes: 5_000_000 })
    expect(sink.items[0]?.text.length).toBe(8_192)
    expect(sink.texts[1]).toBe('after')
    await until('both are acknowledged', () => b.acknowledged.length === 2)
  })

  test('logs in again with what the password is by then, or was where it cannot be read', async () => {
    const passwords = ['first', new Error('unreadable'), 'second']
    const scripted = new ScriptedBroker()
    await scripted.listen()
    broker = scripted
    const metrics = new MetricsRegistry()
    const options = sourceKinds.mqtt.options.parse({
      broker: `mqtt://127.0.0.1:${scripted.port}`,
      ...{ topics: ['a'], protocol: '3.1.1', reconnect_max: '100ms', password: { env: 'P' } },
    })
    const secret = async (): Promise<string> => {
      const next = passwords.length > 1 ? passwords.shift()! : passwords[0]!
      if (typeof next === 'string') return next
      throw next
    }
    const source = createSource('mqtt', options, { ...testDeps('/', clock, metrics), secret })
    sources.push(source)
    await source.start(new RecordSink())
    for (const subscribed of [1, 2, 3]) {
      await until(`${subscribed} times`, () => scripted.count('subscribe') === subscribed)
      scripted.drop()
    }
    const sent = scripted.packets.flatMap((packet) =>
      packet.cmd === 'connect' ? [String(packet.password)] : [],
    )
    expect(sent).toEqual(['first', 'first', 'second'])
    const labels = { source: 'test', reason: 'login_unreadable' }
    expect(metrics.value('picket_source_errors_total', labels)).toBe(1)
  })

  test('nonsense ends the connection, and it tries again', async () => {
    const sink = new RecordSink()
    const { broker: b } = await begin(sink)
    b.write(Buffer.from([0x30, 0xff, 0xff, 0xff, 0xff, 0xff]))
    await until('it is back', () => b.count('subscribe') === 2)
    expect(sink.states.map(({ state }) => state)).toContain('down')
  })
})

test('packets come out of any chunks, and long ones are cut', () => {
  const payload = fc.nat(400_000).map((length) => Buffer.alloc(length, 0x61))
  fc.assert(
    fc.property(
      fc.array(payload, { maxLength: 6 }),
      fc.integer({ min: 1, max: 100_000 }),
      (payloads, size) => {
        const packets = payloads.map((one) =>
          generate({ cmd: 'publish', topic: 't', payload: one, qos: 0, dup: false, retain: false }),
        )
        const stream = Buffer.concat(packets)
        const framer = new MqttFramer(1_000)
        const seen: number[] = []
        for (let at = 0; at < stream.length; at += size) {
          for (const frame of framer.push(stream.subarray(at, at + size)) ?? []) {
            expect(frame.bytes.length).toBeLessThanOrEqual(1_000 + 131_072 + 5)
            const lengthBytes = [frame.bytes.length, frame.cutBytes]
            seen.push(lengthBytes[1] === 0 ? frame.bytes.length : -(lengthBytes[1] ?? 0))
          }
        }
        const kept = 1_000 + 131_072
        expect(seen).toEqual(
          payloads.map((one, at) => {
            const body = one.length + 3
            return body > kept ? kept - body : (packets[at]?.length ?? 0)
          }),
        )
      },
    ),
    { numRuns: 60 },
  )
})

test.each([
  ['a/{device.id}/b', 'a/+/b'],
  ['#', '#'],
  ['a/+/#', 'a/+/#'],
  ['a/#/b', undefined],
  ['a+/b', undefined],
  ['a/{Bad}/b', undefined],
  ['', undefined],
])('the topic filter %j', (text, filter) => {
  expect(parseTemplate(text)?.filter).toBe(filter)
})

test('the first template that fits tells', () => {
  const templates = ['x/{a}', 'y/{b}/#', 'y/+/{c}'].flatMap((text) => parseTemplate(text) ?? [])
  expect(captured(templates, 'x/1')).toEqual({ a: '1' })
  expect(captured(templates, 'y/1/2')).toEqual({ b: '1' })
  expect(captured(templates, 'z/1')).toEqual({})
  expect(captured(templates, 'x/1/2')).toEqual({})
})
