/** The real server reads a real Kafka through kill -9 of both: what was produced is stored, once. */
import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, describe, expect, test } from 'vitest'
import { AdversityRig, isBuilt } from './adversity-rig.ts'
import { canRunKafka, KafkaRig } from './kafka-rig.ts'

const canRun = canRunKafka && isBuilt
const mustRun = process.env['REQUIRE_SERVICES'] === '1'
const KILLS = Number(process.env['PICKET_KAFKA_KILLS'] ?? 3)
const BATCH = 500
const seed = Number(process.env['PICKET_KAFKA_SEED'] ?? randomBytes(4).readUInt32LE())

if (!canRun) {
  test.skipIf(!mustRun)('a Kafka broker and a build (needs Java and .cache/kafka/jars)', () => {
    expect(canRun).toBe(true)
  })
}

describe.skipIf(!canRun)(`kill -9 while Kafka is read, seed ${seed}`, () => {
  let kafka: KafkaRig | undefined
  let rig: AdversityRig | undefined
  afterAll(async () => {
    await rig?.remove()
    await kafka?.end()
  }, 60_000)

  test('each message is stored, and once', { timeout: 180_000 }, async () => {
    kafka = await KafkaRig.start()
    await kafka.createTopic('events', 2)
    const source = {
      type: 'kafka',
      decoder: 'json',
      brokers: [kafka.address],
      topics: ['events'],
      session_timeout: '6s',
      reconnect_max: '1s',
    }
    rig = new AdversityRig(() => ({ sources: { kafka: source } }))
    await rig.start()
    let state = seed
    let made = 0
    const produce = async (): Promise<void> => {
      const texts = Array.from({ length: BATCH }, () => {
        const id = `k-${made++}`
        const event = { id, action: 'mqtt-connect', kind: 'event', outcome: 'success' }
        rig?.written.add(id)
        const labels = { sequence: id }
        return JSON.stringify({ '@timestamp': new Date().toISOString(), event, labels })
      })
      await kafka?.produce('events', texts, { partition: (made / BATCH) % 2 })
    }
    await produce()
    await rig.until('it reads', async () => (await rig?.metric('picket_source_items_total')) !== 0)
    for (let kill = 0; kill < KILLS; kill += 1) {
      await produce()
      await produce()
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
      await sleep((state / 2 ** 32) * 400)
      await rig.kill()
      await produce()
      await rig.start()
    }
    await kafka.stop('SIGKILL')
    await kafka.run()
    await produce()
    const stored = await rig.stopAndRead()
    const counts = [...rig.written].map((id) => stored.get(id)?.length ?? 0)
    expect(counts.length).toBe((3 * KILLS + 2) * BATCH)
    expect(counts.filter((count) => count === 0).length).toBe(0)
    expect(counts.filter((count) => count > 1).length).toBe(0)
  })
})
