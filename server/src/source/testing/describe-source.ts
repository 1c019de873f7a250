import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { MetricsRegistry } from '../../base/metrics.ts'
import type { RawBatch, Source } from '../../model/source.ts'
import { RecordSink, until } from './record-sink.ts'

/** One kind of source with an outside world that sends to it. */
export interface SourceWorld {
  /** A new instance over the same outside, as after a restart. Counters go to `metrics`. */
  create(metrics: MetricsRegistry): Source
  /** Makes the outside send these texts, in this order; resolves once they are on their way. */
  send(texts: readonly string[]): Promise<void>
  /** Sent input is kept outside until acknowledged, and given again to a restarted source. */
  readonly replays: boolean
  /** Input that is given again carries the keys it had. */
  readonly keepsKeys?: boolean
  /** Longest text that is taken whole, in bytes; undefined where a longer one never arrives. */
  readonly textBytesMax: number | undefined
  /** Most deliveries that may be under way or ready at once. */
  readonly deliveriesMax: number
  end(): Promise<void>
}

/** The contract that every source keeps, whatever it listens to. */
export function describeSource(
  name: string,
  make: () => Promise<SourceWorld>,
  metricsOf: () => MetricsRegistry,
): void {
  describe(`${name} keeps the contract of a source`, () => {
    let world: SourceWorld
    let sink: RecordSink
    let started: Source[]

    beforeEach(async () => {
      world = await make()
      sink = new RecordSink()
      started = []
    })
    afterEach(async () => {
      sink.release()
      for (const source of started) await source.stop()
      await world.end()
    })

    const begin = async (metrics = metricsOf()): Promise<Source> => {
      const source = world.create(metrics)
      started.push(source)
      await source.start(sink)
      return source
    }
    const arrived = (count: number): Promise<void> =>
      until(`${count} items, have ${sink.items.length}`, () => sink.items.length >= count)

    test('what is sent arrives once and in order, each item under a key of its own', async () => {
      await begin()
      await world.send(texts(0, 50))
      await arrived(50)
      await world.send(texts(50, 120))
      await arrived(120)
      expect(sink.texts).toEqual(texts(0, 120))
      expect(new Set(sink.items.map((item) => item.key)).size).toBe(120)
      expect(sink.items.every((item) => item.receivedMs > 0)).toBe(true)
    })

    test('says that it is connected, and counts what it delivered', async () => {
      const metrics = metricsOf()
      await begin(metrics)
      await world.send(texts(0, 10))
      await arrived(10)
      expect(sink.states.at(-1)?.state).toBe('connected')
      const labels = { source: 'test' }
      await until('counted', () => metrics.value('picket_source_items_total', labels) === 10)
      expect(metrics.value('picket_source_bytes_total', labels)).toBeGreaterThanOrEqual(60)
    })

    test('stop is safe before start and twice', async () => {
      const source = world.create(metricsOf())
      await source.stop()
      await source.stop()
      const second = await begin()
      await second.stop()
      await second.stop()
    })

    test('nothing is delivered after stop', async () => {
      const source = await begin()
      await world.send(texts(0, 5))
      await arrived(5)
      await source.stop()
      const batches = sink.batches.length
      await world.send(texts(5, 10)).catch(() => undefined)
      await new Promise((wake) => setTimeout(wake, 50))
      expect(sink.batches.length).toBe(batches)
    })

    test('while deliveries wait it takes in no more than a bounded number of batches', async () => {
      let asked = 0
      sink.hold()
      sink.onDeliver = () => void (asked += 1)
      await begin()
      for (let from = 0; from < 2_000; from += 100) {
        await world.send(texts(from, from + 100))
        await new Promise((wake) => setTimeout(wake, 2))
      }
      await until('a delivery is asked for', () => asked > 0)
      await new Promise((wake) => setTimeout(wake, 100))
      expect(asked).toBeLessThanOrEqual(world.deliveriesMax)
      sink.release()
      await arrived(2_000)
      expect(sink.texts).toEqual(texts(0, 2_000))
    })

    test('a delivery that fails or is refused is made again, and nothing is stepped over', async () => {
      sink.failures.push(new Error('no disk'), 'busy', 'busy')
      await begin()
      await world.send(texts(0, 20))
      await arrived(20)
      expect(sink.texts).toEqual(texts(0, 20))
    })

    test('stop does not wait for ever where deliveries do', async () => {
      sink.hold()
      const source = await begin()
      await world.send(texts(0, 5))
      await until('a delivery is asked for', () => sink.open > 0)
      await source.stop()
      expect(sink.items).toEqual([])
    }, 20_000)

    test('a restarted source gives exactly the rest', async () => {
      const source = await begin()
      await world.send(texts(0, 30))
      await arrived(30)
      await source.stop()
      if (world.replays) await world.send(texts(30, 60))
      await begin()
      if (!world.replays) await world.send(texts(30, 60))
      await arrived(60)
      expect(sink.texts).toEqual(texts(0, 60))
      expect(new Set(sink.items.map((item) => item.key)).size).toBe(60)
    })

    test('what was not acknowledged comes again after a restart, under the same keys', async (context) => {
      context.skip(world.keepsKeys !== true, 'keys are made at receipt')
      const asked: RawBatch[] = []
      const source = await begin()
      await world.send(texts(0, 10))
      await arrived(10)
      sink.onDeliver = (batch) => void asked.push(batch)
      sink.failures.push(...Array.from({ length: 50 }, () => new Error('no disk')))
      await world.send(texts(10, 20))
      await until('the failing delivery is asked for', () => asked.some((b) => b.items.length > 0))
      await source.stop()
      sink.failures.length = 0
      await begin()
      await arrived(20)
      const refused = asked.find((batch) => batch.items.length > 0)?.items ?? []
      const again = sink.items.slice(10, 10 + refused.length)
      expect(again.map((item) => [item.key, item.text])).toEqual(
        refused.map((item) => [item.key, item.text]),
      )
      expect(sink.texts).toEqual(texts(0, 20))
    })

    test('an item over the limit is cut and says its true length', async (context) => {
      const max = world.textBytesMax
      if (max === undefined) return context.skip('longer input never arrives')
      await begin()
      await world.send(['before', 'x'.repeat(max + 1_000), 'after'])
      await arrived(3)
      expect(sink.items[1]?.cut).toEqual({ bytes: max + 1_000 })
      expect(sink.items[1]?.text.length).toBeLessThanOrEqual(max)
      expect([sink.texts[0], sink.texts[2]]).toEqual(['before', 'after'])
    })
  })
}

function texts(from: number, to: number): string[] {
  return Array.from({ length: to - from }, (_, index) => `item ${from + index}`)
}
