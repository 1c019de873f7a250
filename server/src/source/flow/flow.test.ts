import { createSocket, type Socket } from 'node:dgram'
import { afterEach, describe, expect, test } from 'vitest'
import { MetricsRegistry } from '../../base/metrics.ts'
import type { Source } from '../../model/source.ts'
import { DatagramListener } from '../datagrams.ts'
import { sourceCounters } from '../define.ts'
import { Delivering } from '../delivering.ts'
import { createSource, sourceKinds } from '../registry.ts'
import { describeSource, type SourceWorld } from '../testing/describe-source.ts'
import { testDeps } from '../testing/file-world.ts'
import { freePort } from '../testing/free-port.ts'
import { RecordSink, until } from '../testing/record-sink.ts'

const clock = { now: () => Date.now() }
const optionsOf = (given: object) => sourceKinds.flow.options.parse(given)
const send = (socket: Socket, bytes: string | Buffer, port: number): Promise<unknown> =>
  new Promise((resolve) => socket.send(bytes, port, '127.0.0.1', resolve))

async function world(): Promise<SourceWorld> {
  const port = await freePort()
  const options = optionsOf({ listen: [`127.0.0.1:${port}`] })
  const socket = createSocket('udp4')
  return {
    create: (metrics) => createSource('flow', options, testDeps('/', clock, metrics)),
    send: async (texts) => {
      for (const text of texts) await send(socket, text, port)
    },
    replays: false,
    textBytesMax: undefined,
    deliveriesMax: 1,
    end: () => new Promise<void>((resolve) => void socket.close(() => resolve())),
  }
}

describeSource('flow', world, () => new MetricsRegistry())

describe('the source flow', () => {
  let source: Source | undefined
  const socket = createSocket('udp4')
  afterEach(() => source?.stop())

  test('gives the octets as they came, from each address, with the exporter and keys of their own', async () => {
    const ports = [await freePort(), await freePort()]
    const sink = new RecordSink()
    const listen = ports.map((port) => `127.0.0.1:${port}`)
    source = createSource(
      'flow',
      optionsOf({ listen }),
      testDeps('/', clock, new MetricsRegistry()),
    )
    await source.start(sink)
    const bytes = Buffer.from([0, 9, 0xff, 0xfe, 0, 10, 13, 10])
    for (const port of ports) await send(socket, bytes, port)
    await until('both arrive', () => sink.items.length === 2)
    for (const item of sink.items) {
      expect(Buffer.from(item.bytes ?? [])).toEqual(bytes)
      expect(item.facts).toEqual({ peer: '127.0.0.1', transport: 'udp' })
    }
    expect(new Set(sink.items.map(({ key }) => key)).size).toBe(2)
  })

  test('what finds the queue full is counted', async () => {
    const port = await freePort()
    const sink = new RecordSink()
    sink.hold()
    const options = optionsOf({ listen: [`127.0.0.1:${port}`], udp_queue_max: 5 })
    source = createSource('flow', options, testDeps('/', clock, new MetricsRegistry()))
    await source.start(sink)
    for (let turn = 0; turn < 100; turn++) await send(socket, `d${turn}`, port)
    const dropped = (): number => sink.drops.reduce((sum, { count }) => sum + count, 0)
    await until('some are dropped', () => dropped() > 0)
    sink.release()
    await until('all are accounted for', () => dropped() + sink.items.length === 100)
    expect(sink.drops.every(({ reason }) => reason === 'udp_queue_full')).toBe(true)
  })

  test('what waits is bounded in bytes too', async () => {
    const port = await freePort()
    const sink = new RecordSink()
    sink.hold()
    const deps = testDeps('/', clock, new MetricsRegistry())
    const counters = sourceCounters(deps.metrics, deps.name)
    const delivering = new Delivering(sink, deps, counters)
    const listener = new DatagramListener(
      { deps, counters, sink, delivering },
      {
        ...{ listen: { host: '127.0.0.1', port }, queueMax: 1_000, queueBytesMax: 10_000 },
        ...{ bufferBytes: 2 ** 20, prefix: 'u' },
        toItem: (bytes, of) => ({ text: bytes.toString(), ...of }),
      },
    )
    await listener.open()
    for (let n = 0; n < 40; n += 1) await send(socket, 'x'.repeat(1_000), port)
    const dropped = (): number => sink.drops.reduce((sum, { count }) => sum + count, 0)
    await until('there is no room', () => dropped() > 0)
    sink.release()
    await until('all are accounted for', () => dropped() + sink.items.length === 40)
    expect(sink.drops.every(({ reason }) => reason === 'udp_queue_full')).toBe(true)
    delivering.stop()
    await listener.close()
  })

  test('an address that is taken is a problem', async () => {
    const port = await freePort()
    const other = createSocket('udp4')
    await new Promise<void>((resolve) => other.bind(port, '127.0.0.1', resolve))
    const options = optionsOf({ listen: [`127.0.0.1:${port}`] })
    source = createSource('flow', options, testDeps('/', clock, new MetricsRegistry()))
    await expect(source.start(new RecordSink())).rejects.toMatchObject({
      problem: { code: 'SOURCE_LISTEN' },
    })
    await new Promise<void>((resolve) => void other.close(() => resolve()))
  })
})
