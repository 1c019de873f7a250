/**
 * The compiled server over what a fleet says of itself. The story of port 21: a device reports its open
 * ports, one day there is one more, and an analyst finds the metric under the id that the asset table
 * gives. And routine messages: however often the server is killed, the rollups add up to what was sent.
 */
import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { Readable, Writable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { Aedes } from 'aedes'
import { connectAsync } from 'mqtt'
import { afterEach, describe, expect, test } from 'vitest'
import { MetricsRegistry } from '../../src/base/metrics.ts'
import { assetCommand } from '../../src/cli/asset.ts'
import { runCli } from '../../src/cli/cli.ts'
import { filterCommand } from '../../src/cli/filter.ts'
import { registerSearch } from '../../src/cli/search.ts'
import { createSocketClient } from '../../src/cli/socket-client.ts'
import { fieldOf, type EcsDoc } from '../../src/model/event.ts'
import type { SearchAnswer } from '../../src/model/search.ts'
import { controlSocket } from '../../src/state/location.ts'
import { AdversityRig, isBuilt } from './adversity-rig.ts'

const required = process.env['REQUIRE_SERVICES'] === '1'
const KILLS = Number(process.env['PICKET_KILLS'] ?? 3)

let rig: AdversityRig | undefined
const brokers: Aedes[] = []
const listeners: Server[] = []
afterEach(async () => {
  for (const one of listeners.splice(0)) one.close()
  for (const one of brokers.splice(0)) {
    await new Promise<void>((resolve) => {
      one.close(() => resolve())
    })
  }
  await rig?.remove()
  rig = undefined
})

/** A command of ours against the running server. */
async function picket(...args: readonly string[]): Promise<string> {
  let out = ''
  let code = 0
  const sink = (): Writable =>
    new Writable({
      write: (chunk, _, done) => {
        out += String(chunk)
        done()
      },
    })
  const context = {
    ...{ stdin: Readable.from([]), stdout: sink(), stderr: sink(), env: process.env },
    ...{ clock: { now: () => Date.now() }, metrics: new MetricsRegistry(), interactive: false },
    exit: (to: 0 | 1 | 2) => void (code = to),
  }
  const config = join(rig?.folder ?? '', 'picket.yml')
  const commands = [assetCommand, registerSearch, filterCommand]
  await runCli([...args, '--config', config], context, commands)
  // The store is the last to be up.
  if (out.includes('STORE_UNAVAILABLE')) {
    await sleep(200)
    return picket(...args)
  }
  expect(code, out).toBe(0)
  return out
}

const rowsOf = (text: string): Record<string, unknown>[] =>
  text
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Record<string, unknown>)

/** A report of AWS's own agent, long names. */
function report(id: number, ports: readonly number[]): string {
  const listed = ports.map((port) => ({ interface: 'eth0', port }))
  const body = {
    header: { report_id: id, version: '1.0' },
    metrics: { listening_tcp_ports: { ports: listed, total: listed.length } },
  }
  return `$aws/things/sensor-001/defender/metrics/json ${JSON.stringify(body)}\n`
}

describe.skipIf(!isBuilt && !required)(
  'a fleet that reports (needs the compiled program: npm run build)',
  () => {
    test('port 21: from the report of the device to the metric that an analyst finds', async () => {
      const broker = await Aedes.createBroker()
      brokers.push(broker)
      let isSubscribed = false
      broker.on('subscribe', () => (isSubscribed = true))
      const listener = createServer((socket) => broker.handle(socket))
      await new Promise<void>((resolve) => {
        listener.listen(0, '127.0.0.1', resolve)
      })
      listeners.push(listener)
      const { port } = listener.address() as AddressInfo
      rig = new AdversityRig(() => ({
        sources: {
          defender: {
            ...{ type: 'file', decoder: 'aws-device-defender', poll_interval: '50ms' },
            paths: [join(rig!.folder, 'reports.log')],
          },
          agents: {
            ...{ type: 'mqtt', decoder: 'aws-device-defender' },
            ...{ broker: `mqtt://127.0.0.1:${port}`, protocol: '3.1.1' },
            topics: ['$aws/things/+/defender/metrics/+'],
          },
        },
        lookups: {
          cmdb: {
            ...{ file: 'owners.csv', key: 'device.id', match: 'tag' },
            fields: { team: 'iot.owner' },
          },
        },
      }))
      const { folder } = rig
      writeFileSync(join(folder, 'owners.csv'), 'tag,team\nmeter-7,grid-team\n')
      const table = 'id,type,site,device\nmeter-7,meter,oslo,sensor-001\n'
      writeFileSync(join(folder, 'assets.csv'), table)
      await rig.start()
      expect(await picket('asset', 'import', join(folder, 'assets.csv'))).toContain('1 added')
      expect(await picket('asset', 'list')).toContain('device:sensor-001')
      const id = Math.floor(Date.now() / 1_000)
      const days = [
        [443, 8_883],
        [443, 8_883],
        [21, 443, 8_883],
      ]
      const reports = days.map((ports, at) => report(id - 20 + at * 5, ports))
      // Two were kept in a file; the one that matters comes from the device itself.
      writeFileSync(join(folder, 'reports.log'), reports.slice(0, 2).join(''))
      const [topic = '', payload = ''] = reports[2]!.trim().split(/ (.*)/s)
      await rig.until('the source subscribed', () => isSubscribed)
      const device = await connectAsync(`mqtt://127.0.0.1:${port}`, { clientId: 'sensor-001' })
      await device.publishAsync(topic, payload, { qos: 1 })
      await device.endAsync()
      const search = ['search', 'recent', '--set', 'device=meter-7', '--set', 'order=oldest']
      const documents = ['--set', 'documents=true', '--format', 'json']
      let docs: EcsDoc[] = []
      await rig.until('the metrics are stored', async () => {
        const found = rowsOf(await picket(...search, ...documents))
        docs = found.map((row) => row['document'] as EcsDoc)
        const names = docs.map((doc) => fieldOf(doc, 'iot.metric.name'))
        return names.filter((name) => name === 'aws:listening-tcp-ports').length === 3
      })
      const ports = docs
        .filter((doc) => fieldOf(doc, 'iot.metric.name') === 'aws:listening-tcp-ports')
        .map((doc) => fieldOf(doc, 'iot.metric.ports'))
      expect(ports).toEqual(days)
      const counts = docs
        .filter((doc) => fieldOf(doc, 'iot.metric.name') === 'aws:num-listening-tcp-ports')
        .map((doc) => fieldOf(doc, 'iot.metric.value'))
      expect(counts).toEqual([2, 2, 3])
      const last = docs.at(-1)!
      expect(fieldOf(last, 'event.action')).toBe('device-metrics')
      expect(fieldOf(last, 'device')).toMatchObject({ id: 'meter-7', type: 'meter' })
      expect(fieldOf(last, 'iot.identity')).toEqual({
        ...{ state: 'resolved', rule: 'device', claimed: 'sensor-001' },
      })
      expect(fieldOf(last, 'iot.site')).toBe('oslo')
      expect(fieldOf(last, 'iot.owner')).toBe('grid-team')
      expect(fieldOf(last, 'iot.lookup.cmdb.age')).toBeTypeOf('number')
      // Three reports, of several metrics each. Rollups are inserted behind the events of a batch.
      let seen: Record<string, unknown> | undefined
      await rig.until('the reports are counted', async () => {
        seen = rowsOf(await picket('search', 'last-seen', '--format', 'json'))[0]
        return seen?.['messages'] === 3
      })
      expect(seen).toMatchObject({ device: 'meter-7', events: docs.length })
      const eventId = String(fieldOf(last, 'event.id'))
      expect(await picket('filter', 'explain', eventId)).toContain('by the entry device-metrics')
    }, 60_000)

    test('rollups add up to what was sent, however often the server is killed', async () => {
      rig = new AdversityRig(() => ({
        sources: {
          broker: {
            ...{ type: 'file', decoder: 'mosquitto', poll_interval: '20ms' },
            paths: [join(rig!.folder, 'logs', 'broker.log')],
          },
        },
        filter: { interval: '10s' },
      }))
      const log = join(rig.folder, 'logs', 'broker.log')
      mkdirSync(join(rig.folder, 'logs'), { recursive: true })
      writeFileSync(log, '')
      const sent = new Map<string, { messages: number; bytes: number }>()
      let count = 0
      const write = (messages: number): void => {
        const lines = Array.from({ length: messages }, () => {
          count += 1
          const id = `pump-${count % 7}`
          const bytes = count % 100
          const known = sent.get(id) ?? { messages: 0, bytes: 0 }
          sent.set(id, { messages: known.messages + 1, bytes: known.bytes + bytes })
          const topic = `fleet/${id}/${count % 3}`
          const flags = `(d0, q0, r0, m0, '${topic}', ... (${bytes} bytes))`
          return `${Math.floor(Date.now() / 1_000)}: Received PUBLISH from ${id} ${flags}\n`
        })
        appendFileSync(log, lines.join(''))
      }
      await rig.start()
      for (let kill = 0; kill < KILLS; kill += 1) {
        for (let turn = 0; turn < 15; turn += 1) {
          write(200)
          await sleep(15 + ((kill * 7 + turn * 3) % 20))
        }
        await rig.kill()
        await rig.start()
      }
      write(200)
      const server = createSocketClient(controlSocket(rig.data))
      const sums = async (): Promise<Map<string, { messages: number; bytes: number }>> => {
        const path = '/api/v1/search/templates/rollups'
        const found = (await server.post(path, { values: {}, limit: 10_000 })) as SearchAnswer
        const at = (name: string): number => found.columns.indexOf(name)
        const all = new Map<string, { messages: number; bytes: number }>()
        for (const row of found.rows) {
          const id = String(row[at('device')])
          const { messages = 0, bytes = 0 } = all.get(id) ?? {}
          all.set(id, {
            messages: messages + Number(row[at('messages')]),
            bytes: bytes + Number(row[at('bytes')]),
          })
        }
        return all
      }
      const total = (all: ReadonlyMap<string, { messages: number }>): number =>
        [...all.values()].reduce((sum, { messages }) => sum + messages, 0)
      // The store is the last to be up again.
      await rig.until(
        'all is stored',
        async () => total(await sums().catch(() => new Map())) >= count,
      )
      await sleep(1_500)
      const stored = await sums()
      expect(stored).toEqual(sent)
      // Nothing of it became an event.
      const recent = (await server.post('/api/v1/search/templates/recent', {
        ...{ values: { clientId: 'pump-1' }, limit: 10 },
      })) as SearchAnswer
      expect(recent.rows).toEqual([])
      expect(readFileSync(log, 'utf8').split('\n')).toHaveLength(count + 1)
    }, 90_000)
  },
)
