/** A broker that breaks the rules, on purpose or because it breaks: bounded, with a reason, and survived. */
import fc from 'fast-check'
import { generate } from 'mqtt-packet'
import { afterEach, describe, expect, test } from 'vitest'
import { MetricsRegistry } from '../../base/metrics.ts'
import type { Source } from '../../model/source.ts'
import { createSource, sourceKinds } from '../registry.ts'
import { testDeps } from '../testing/file-world.ts'
import { RecordSink, until } from '../testing/record-sink.ts'
import { ScriptedBroker } from '../testing/scripted-broker.ts'
import { MqttConnection } from './connection.ts'

const clock = { now: () => Date.now() }
const sources: Source[] = []
const brokers: ScriptedBroker[] = []
afterEach(async () => {
  for (const source of sources.splice(0)) await source.stop()
  for (const broker of brokers.splice(0)) await broker.close()
})

async function makeBroker(): Promise<ScriptedBroker> {
  const broker = new ScriptedBroker()
  brokers.push(broker)
  await broker.listen()
  return broker
}

const optionsFor = (port: number, given: Record<string, unknown>) =>
  sourceKinds.mqtt.options.parse({
    broker: `mqtt://127.0.0.1:${port}`,
    topics: ['fleet/#'],
    protocol: '3.1.1',
    message_bytes_max: '8KiB',
    reconnect_max: '500ms',
    ...given,
  })

async function begin(broker: ScriptedBroker, given: Record<string, unknown> = {}) {
  const metrics = new MetricsRegistry()
  const sink = new RecordSink()
  const source = createSource('mqtt', optionsFor(broker.port, given), testDeps('/', clock, metrics))
  sources.push(source)
  await source.start(sink)
  const failed = (reason: string): number =>
    metrics.value('picket_source_errors_total', { source: 'test', reason }) ?? 0
  return { sink, source, metrics, failed }
}

async function beginSubscribed(broker: ScriptedBroker, given: Record<string, unknown> = {}) {
  const world = await begin(broker, given)
  await until('connected', () => world.sink.states.at(-1)?.state === 'connected')
  return world
}

describe('what the broker sends is not MQTT as it should be', () => {
  const publish = (over: object): Buffer =>
    generate({
      cmd: 'publish',
      topic: 'fleet/a',
      payload: 'x',
      qos: 0,
      dup: false,
      retain: false,
      ...over,
    })

  test.each<readonly [string, Buffer]>([
    ['a length of five bytes', Buffer.from([0x30, 0xff, 0xff, 0xff, 0xff, 0xff])],
    ['QoS 2, which was not asked for', publish({ qos: 2, messageId: 7 })],
    ['QoS 3, which does not exist', Buffer.from([0x36, 0x05, 0x00, 0x01, 0x61, 0x00, 0x01])],
    ['a topic longer than its packet', Buffer.from([0x30, 0x03, 0xff, 0xff, 0x61])],
    ['a message without a topic', Buffer.from([0x30, 0x03, 0x00, 0x00, 0x61])],
    ['a packet of type 0', Buffer.from([0x00, 0x00])],
    [
      'CONNECT',
      generate({ cmd: 'connect', protocolId: 'MQTT', clientId: 'b', clean: true, keepalive: 1 }),
    ],
    ['PINGREQ', generate({ cmd: 'pingreq' })],
    ['HTTP', Buffer.from(`HTTP/1.1 400 Bad Request\r\n\r\n${' '.repeat(200)}`)],
  ])('%s ends the connection as «protocol», and it comes again', async (_name, bytes) => {
    const broker = await makeBroker()
    const { sink, failed } = await beginSubscribed(broker)
    broker.write(bytes)
    await until('it is down', () => failed('protocol') === 1)
    expect(sink.states.at(-1)?.state).toBe('down')
    await until('it is back', () => sink.states.at(-1)?.state === 'connected')
    broker.publish(1, 'after')
    await until('it hears again', () => sink.texts.includes('after'))
  })

  test('any bytes after the subscription: nothing throws, nothing is held but what is allowed', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 5 }),
        fc.constantFrom('3.1.1', '5'),
        (chunks, protocol) => {
          const ends: string[] = []
          const events = {
            newSession: () => Promise.resolve(),
            subscribed: () => undefined,
            message: () => undefined,
            ended: (kind: string) => void ends.push(kind),
          }
          const login = { clientId: 'x', password: undefined, tls: {} }
          const url = 'mqtt://127.0.0.1:1'
          const connection = new MqttConnection(url, optionsFor(1, { protocol }), login, events)
          for (const chunk of chunks) connection.receive(Buffer.from(chunk))
          connection.end('stopped', 'enough')
          expect(ends).toHaveLength(1)
        },
      ),
      { numRuns: 500 },
    )
  })

  test('a topic that is not UTF-8 is kept, marked and counted, and its message acknowledged', async () => {
    const broker = await makeBroker()
    const { sink, failed } = await beginSubscribed(broker)
    const bytes = generate({
      ...{ cmd: 'publish', topic: 'fleet/zz', payload: 'x', qos: 1 },
      ...{ messageId: 9, dup: false, retain: false },
    })
    bytes.set([0xff, 0xfe], bytes.indexOf('zz'))
    broker.write(bytes)
    await until('it is acknowledged', () => broker.acknowledged.includes(9))
    expect(sink.items[0]?.facts?.['topic']).toBe('fleet/\u{fffd}\u{fffd}')
    expect(failed('topic_invalid')).toBe(1)
  })
})

describe('the broker does not answer', () => {
  test('refused logins and subscriptions are named, and tried again ever more slowly', async () => {
    const broker = await makeBroker()
    broker.connack = { returnCode: 5, sessionPresent: false }
    const { sink, failed } = await begin(broker)
    await until('refused twice', () => failed('refused') === 2)
    expect(sink.states.at(-1)?.detail).toContain('refused the connection (code 5)')
    broker.connack = { returnCode: 0, sessionPresent: true }
    broker.granted = 0x80
    await until('refused otherwise', () => failed('subscription_refused') === 1)
    broker.granted = 1
    await until('all is well', () => sink.states.at(-1)?.state === 'connected')
  })

  test('a port where nobody listens is unreachable', async () => {
    const broker = await makeBroker()
    const { port } = broker
    await broker.close()
    const { failed, sink } = await begin(Object.assign(broker, { port }))
    await until('noticed', () => failed('unreachable') >= 1)
    expect(sink.states.at(-1)?.state).toBe('down')
  })

  test('half open: no byte comes, or one now and then, and the connection is given up', async () => {
    const broker = await makeBroker()
    broker.isAnsweringPings = false
    const { failed } = await beginSubscribed(broker, { keepalive: '1s' })
    const drip = setInterval(() => broker.write(Buffer.from([0x30])), 200)
    await until('given up', () => failed('silent') === 1).finally(() => clearInterval(drip))
  })

  test('pings that are answered keep it', async () => {
    const broker = await makeBroker()
    const { failed } = await beginSubscribed(broker, { keepalive: '1s' })
    await until('some pings', () => broker.count('pingreq') >= 5)
    expect(failed('silent')).toBe(0)
  })

  test('the next broker of the list is tried', async () => {
    const [first, second] = [await makeBroker(), await makeBroker()]
    first.connack = { returnCode: 3, sessionPresent: false }
    const further = [`mqtt://127.0.0.1:${second.port}`]
    const { sink } = await begin(first, { further_brokers: further })
    await until('the second took it', () => sink.states.at(-1)?.state === 'connected')
    first.connack = { returnCode: 0, sessionPresent: true }
    second.drop()
    await until('back at the first', () => first.count('subscribe') === 1)
  })
})

describe('the broker sends too much', () => {
  test('a flood stays at the broker while nothing becomes durable, QoS 0 as well', async () => {
    const broker = await makeBroker()
    const { sink } = await beginSubscribed(broker, { in_flight_max: 100 })
    sink.hold()
    let asked = 0
    sink.onDeliver = (batch) => void (asked += batch.items.length)
    const payload = Buffer.alloc(1_000, 0x61)
    const message = generate({
      ...{ cmd: 'publish', topic: 'fleet/a', payload, qos: 0, dup: false, retain: false },
    })
    const many = Buffer.concat(Array.from({ length: 1_000 }, () => message))
    for (let left = 0; left < 40; left += 1) broker.write(many)
    await until('it began', () => asked > 0)
    let stuck = 0
    for (let left = Number.POSITIVE_INFINITY; broker.unsent > 0 && stuck < 50;) {
      stuck = broker.unsent < left ? 0 : stuck + 1
      left = broker.unsent
      await new Promise((wake) => setTimeout(wake, 20))
    }
    expect(broker.unsent).toBeGreaterThan(20_000_000)
    sink.release()
    await until('all arrives', () => sink.items.length === 40_000)
  }, 60_000)

  test('a broker that sends reports and reads no answers is not read either', async () => {
    const broker = await makeBroker()
    const given = {
      answer_reports: true,
      report_interval_min: '0s',
      topics: ['$aws/things/+/defender/metrics/json'],
    }
    const { sink, metrics } = await beginSubscribed(broker, given)
    const topic = '$aws/things/t/defender/metrics/json'
    const payload = '{"header":{"report_id":1,"version":"1.0"},"metrics":{}}'
    const one = { cmd: 'publish', topic, payload, qos: 0, dup: false, retain: false } as const
    const many = Buffer.concat(Array.from({ length: 5_000 }, () => generate(one)))
    broker.pauseReading()
    for (let left = 0; left < 20; left += 1) broker.write(many)
    await until('it is held back', () => broker.unsent > 0 && sink.items.length > 1_000)
    let before = -1
    await until('no more is read', () => {
      const isStill = before === sink.items.length
      before = sink.items.length
      return isStill
    })
    await new Promise((wake) => setTimeout(wake, 300))
    expect(sink.items.length).toBeLessThan(100_000)
    broker.resumeReading()
    await until('all is read', () => sink.items.length === 100_000)
    const labels = { source: 'test', status: 'accepted' }
    await until(
      'and answered',
      () => metrics.value('picket_mqtt_replies_total', labels) === 100_000,
    )
  }, 60_000)
})

describe('a session that the broker has forgotten', () => {
  test('is counted; a used id with the same content is then a new message', async () => {
    const broker = await makeBroker()
    const { sink, failed, source } = await beginSubscribed(broker)
    broker.publish(1, 'same')
    await until('durable', () => broker.acknowledged.length === 1)
    broker.connack = { returnCode: 0, sessionPresent: false }
    broker.drop()
    await until('it is back', () => broker.count('subscribe') === 2)
    expect(failed('session_lost')).toBe(1)
    // A message of the new session, whose first sending was lost on the way.
    broker.publish(1, 'same', true)
    await until('durable too', () => sink.items.length === 2)
    await source.stop()
  })

  test('and that holds after a crash of ours', async () => {
    const broker = await makeBroker()
    const { sink, source } = await beginSubscribed(broker)
    broker.publish(1, 'same')
    await until('durable', () => broker.acknowledged.length === 1)
    broker.connack = { returnCode: 0, sessionPresent: false }
    broker.drop()
    await until('it is back', () => broker.count('subscribe') === 2)
    await source.stop()
    broker.connack = { returnCode: 0, sessionPresent: true }
    const options = optionsFor(broker.port, {})
    const again = createSource('mqtt', options, testDeps('/', clock, new MetricsRegistry()))
    sources.push(again)
    await again.start(sink)
    await until('it is back again', () => broker.count('subscribe') === 3)
    broker.publish(1, 'same', true)
    await until('durable too', () => sink.items.length === 2)
  })

  test('what was received of QoS 0 when the connection broke is delivered; at a stop it is counted', async () => {
    const broker = await makeBroker()
    const { sink, source } = await beginSubscribed(broker)
    sink.hold()
    broker.publish(1, 'first')
    await until('under way', () => sink.open === 1)
    for (const payload of ['a', 'b', 'c']) {
      broker.send({ cmd: 'publish', topic: 'fleet/a', payload, qos: 0, dup: false, retain: false })
    }
    broker.drop()
    await until('noticed', () => sink.states.at(-1)?.state === 'down')
    sink.release()
    await until('all are there', () => sink.items.length === 4)
    await until('it is back', () => sink.states.at(-1)?.state === 'connected')
    sink.hold()
    for (const payload of ['d', 'e']) {
      broker.send({ cmd: 'publish', topic: 'fleet/a', payload, qos: 0, dup: false, retain: false })
    }
    await until('under way', () => sink.open === 1)
    sink.failures.push(new Error('gone'), new Error('gone'))
    await source.stop()
    sink.release()
    await until('counted', () => sink.drops.reduce((sum, { count }) => sum + count, 0) === 2)
    expect(sink.drops.every(({ reason }) => reason === 'stopped')).toBe(true)
  }, 60_000)
})

describe('reports of Device Defender', () => {
  const given = {
    answer_reports: true,
    topics: ['$aws/things/{device.id}/defender/metrics/json'],
  }
  const topic = '$aws/things/sensor-1/defender/metrics/json'
  const report = '{"header":{"report_id":77,"version":"1.0"},"metrics":{}}'

  test('are answered when they are durable, before their acknowledgement, and not twice in 5 minutes', async () => {
    const broker = await makeBroker()
    const { sink } = await beginSubscribed(broker, given)
    sink.hold()
    broker.publish(1, report, false, topic)
    await until('under way', () => sink.open === 1)
    await new Promise((wake) => setTimeout(wake, 50))
    expect(broker.count('publish')).toBe(0)
    sink.release()
    await until('acknowledged', () => broker.acknowledged.length === 1)
    const kinds = broker.packets.map(({ cmd }) => cmd)
    expect(kinds.indexOf('publish')).toBeLessThan(kinds.indexOf('puback'))
    broker.publish(2, report, false, topic)
    broker.publish(3, 'no report', false, topic)
    await until('all are answered', () => broker.count('publish') === 3)
    const answers = broker.packets.flatMap((packet) =>
      packet.cmd === 'publish'
        ? [
            [
              packet.topic.split('/').at(-1),
              JSON.parse(String(packet.payload)).statusDetails?.ErrorCode,
            ],
          ]
        : [],
    )
    expect(answers).toEqual([
      ['accepted', undefined],
      ['rejected', 'Throttled'],
      ['rejected', 'InvalidPayload'],
    ])
    expect(sink.texts).toEqual([report, report, 'no report'])
    expect(sink.items[0]?.facts).toMatchObject({ topic, 'ecs.device.id': 'sensor-1' })
  })

  test('whose acknowledgement was lost are answered again as they were; retained ones are not', async () => {
    const broker = await makeBroker()
    const { sink } = await beginSubscribed(broker, given)
    broker.publish(1, report, false, topic)
    await until('answered', () => broker.count('publish') === 1)
    broker.publish(1, report, true, topic)
    await until('answered again', () => broker.count('publish') === 2)
    const [first, second] = broker.packets.filter(({ cmd }) => cmd === 'publish')
    expect(second).toMatchObject({ topic: first?.cmd === 'publish' ? first.topic : '' })
    expect(sink.items).toHaveLength(1)
    broker.send({
      cmd: 'publish',
      topic,
      payload: report,
      qos: 1,
      messageId: 5,
      dup: false,
      retain: true,
    })
    await until('acknowledged', () => broker.acknowledged.includes(5))
    expect(broker.count('publish')).toBe(2)
  })

  test('are not answered unless asked for', async () => {
    const broker = await makeBroker()
    await beginSubscribed(broker, { ...given, answer_reports: false })
    broker.publish(1, report, false, topic)
    await until('acknowledged', () => broker.acknowledged.length === 1)
    expect(broker.count('publish')).toBe(0)
  })
})
