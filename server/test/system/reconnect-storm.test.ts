/**
 * A whole fleet comes back at once, seen through the broker's log and through MQTT by the compiled server:
 * all of it is stored, once, and memory stays bounded. `node tools/reconnect-storm.mjs --clients 50000`
 * is the same with a large fleet.
 */
import { execFileSync } from 'node:child_process'
import { afterEach, describe, expect, test } from 'vitest'
import { type EcsDoc, fieldOf } from '../../src/model/event.ts'
import { AdversityRig, isBuilt } from './adversity-rig.ts'
import { findBrokers, MosquittoRig } from './mosquitto-rig.ts'
import { deviceOf, storm } from './storm-clients.ts'

const CLIENTS = Number(process.env['PICKET_STORM_CLIENTS'] ?? 1_000)
const WITHIN_MS = Number(process.env['PICKET_STORM_MS'] ?? 2_000)
const RESIDENT_MIB_MAX = 900
/** A login and the end of a connection in the log, and a message. */
const EVENTS_EACH = 3
const mustRun = process.env['REQUIRE_SERVICES'] === '1'
const [mosquitto] = findBrokers()

let broker: MosquittoRig | undefined
let rig: AdversityRig | undefined
afterEach(async () => {
  await rig?.remove()
  await broker?.stop()
})

describe.skipIf(!mustRun && (!isBuilt || mosquitto === undefined))(
  'a fleet that reconnects (needs Mosquitto and the compiled program)',
  () => {
    test(`${CLIENTS} clients at once`, async () => {
      const started = await MosquittoRig.start(mosquitto!, 'epoch', { isOpen: true })
      broker = started
      const server = new AdversityRig(() => ({
        filter: { policy: [{ name: 'all', when: '*', keep: 'security', reason: 'counted' }] },
        journal: { bytes_max: '1GiB' },
        sources: {
          log: { type: 'file', decoder: 'mosquitto', paths: [started.log], poll_interval: '100ms' },
          presence: {
            ...{ type: 'mqtt', decoder: 'json', topics: ['presence/{device.id}'] },
            broker: `mqtt://127.0.0.1:${started.port}`,
          },
        },
      }))
      rig = server
      await server.start()
      await server.until('the sources are connected', async () => {
        const { problems } = await server.ready()
        return !problems.some(({ component }) => component.startsWith('source '))
      })
      let residentMib = 0
      const watch = setInterval(() => {
        if (server.isAlive) residentMib = Math.max(residentMib, server.residentMib)
      }, 200)
      const openMax = Math.min(CLIENTS, Math.floor(filesMax() * 0.7))
      const given = { port: started.port, clients: CLIENTS, withinMs: WITHIN_MS, openMax }
      const tookMs = await storm(given)
      const endMs = performance.now()
      await server.until('all is journalled', async () => {
        return (await server.metric('picket_source_events_total')) >= EVENTS_EACH * CLIENTS
      })
      const behindMs = performance.now() - endMs
      const drops = await server.metric('picket_source_dropped_total')
      const rejects = await server.metric('picket_source_rejects_total')
      const loop = await server.metric('picket_event_loop_delay_worst_seconds')
      for (let number = 0; number < CLIENTS; number += 1) {
        server.written.add(`presence-${deviceOf(number)}`)
        server.written.add(`log-${number}`)
        server.written.add(`gone-${number}`)
      }
      const docs = [...(await server.stopAndRead()).values()].flat()
      clearInterval(watch)
      process.stdout.write(
        `storm: ${CLIENTS} clients in ${(tookMs / 1_000).toFixed(1)} s, journalled ${(behindMs / 1_000).toFixed(1)} s later, ${openMax} connections at once at most; ` +
          `server at most ${residentMib.toFixed(0)} MiB; event-loop delays (all threads, summed) ${loop.toFixed(2)} s; ` +
          `${docs.length} events stored\n`,
      )
      expect({ drops, rejects }).toEqual({ drops: 0, rejects: 0 })
      const all = Array.from({ length: CLIENTS }, (_, number) => deviceOf(number))
      const connects = docs.filter((doc) => fieldOf(doc, 'event.action') === 'mqtt-connect')
      const heard = connects.filter((doc) => fieldOf(doc, 'labels.sequence') !== undefined)
      const logged = connects.filter((doc) => fieldOf(doc, 'labels.sequence') === undefined)
      expect(heard.map(clientOf).toSorted()).toEqual(all)
      const seen = logged.map(clientOf).filter((id) => id.startsWith('dev-'))
      expect(seen.toSorted()).toEqual(all)
      expect(residentMib).toBeLessThan(RESIDENT_MIB_MAX)
      // A fleet that comes back after an outage is no attack.
      expect(
        server.alerts.filter(({ severity }) => severity === 'high').map(({ rule }) => rule.name),
      ).toEqual([])
    }, 600_000)
  },
)

const clientOf = (doc: EcsDoc): string => String(fieldOf(doc, 'iot.mqtt.client_id'))

/** How many files a process may open here. */
function filesMax(): number {
  const text = execFileSync('sh', ['-c', 'ulimit -n'], { encoding: 'utf8' }).trim()
  return text === 'unlimited' ? 1_000_000 : Number(text)
}
