/**
 * A real Mosquitto with real clients: its log is followed live by the source `file`, decoded and
 * normalized, and every happening must come out as the event it was, with what that version's log
 * tells of the client.
 */
import { execFileSync } from 'node:child_process'
import { afterEach, describe, expect, test } from 'vitest'
import { MetricsRegistry } from '../../src/base/metrics.ts'
import { decoders } from '../../src/decode/registry.ts'
import { createPreparer } from '../../src/ingest/prepare.ts'
import { fieldOf, type SecurityEvent } from '../../src/model/event.ts'
import type { DeadLetter } from '../../src/model/journal.ts'
import type { Source } from '../../src/model/source.ts'
import { fileOptions } from '../../src/source/file/options.ts'
import { createSource } from '../../src/source/registry.ts'
import { testDeps } from '../../src/source/testing/file-world.ts'
import { RecordSink, until } from '../../src/source/testing/record-sink.ts'
import { findBrokers, MosquittoRig, versionOf } from './mosquitto-rig.ts'

const brokers = findBrokers()
const mustRun = process.env['REQUIRE_SERVICES'] === '1'

if (brokers.length === 0) {
  test.skipIf(!mustRun)('Mosquitto is not installed (apt-get install mosquitto)', () => {
    expect(brokers).not.toEqual([])
  })
}

/** The file source and what comes after it, up to where the journal would be. */
class Pipeline {
  readonly events: SecurityEvent[] = []
  readonly rejects: DeadLetter[] = []
  readonly #source: Source
  readonly #sink = new RecordSink()
  #lastMs = 0
  readonly #preparer = createPreparer({
    source: 'broker',
    decoderSpec: decoders['mosquitto']!,
    tenant: 'default',
  })

  constructor(path: string) {
    const deps = testDeps('/', { now: () => Date.now() }, new MetricsRegistry())
    const options = fileOptions.parse({ paths: [path], poll_interval: '20ms' })
    this.#source = createSource('file', options, deps)
    this.#sink.onDeliver = (batch) => {
      const prepared = this.#preparer.prepare(batch, Date.now()).batch
      this.events.push(...(prepared.events ?? []))
      this.rejects.push(...(prepared.deadLetters ?? []))
      this.#lastMs = Date.now()
    }
  }

  start(): Promise<void> {
    return this.#source.start(this.#sink)
  }

  async stop(): Promise<void> {
    await this.#source.stop()
  }

  /** What waits for a further line is told once the log is quiet, as in the running server. */
  settleIfQuiet(): void {
    if (Date.now() - this.#lastMs < 500) return
    this.events.push(...(this.#preparer.settle(Date.now())?.batch.events ?? []))
  }

  get lines(): string[] {
    return this.#sink.texts
  }

  find(action: string, fields: Readonly<Record<string, unknown>>): SecurityEvent | undefined {
    return this.events.find(({ doc }) => {
      if (fieldOf(doc, 'event.action') !== action) return false
      return Object.entries(fields).every(([path, value]) => fieldOf(doc, path) === value)
    })
  }

  arrives(action: string, fields: Readonly<Record<string, unknown>>): Promise<void> {
    return until(
      `${action} ${JSON.stringify(fields)}`,
      () => this.find(action, fields) !== undefined,
    )
  }
}

describe.each(brokers.map((binary) => [versionOf(binary), binary] as const))(
  'Mosquitto %s',
  (version, binary) => {
    /** From 2.0.15 on the log names the client that was refused. */
    const namesRefused = !/^2\.0\.([0-9]|1[0-4])$/.test(version)
    let rig: MosquittoRig | undefined
    let pipeline: Pipeline | undefined
    afterEach(async () => {
      await pipeline?.stop()
      await rig?.stop()
    })

    async function started(stamps: 'iso' | 'epoch'): Promise<[MosquittoRig, Pipeline]> {
      rig = await MosquittoRig.start(binary, stamps)
      pipeline = new Pipeline(rig.log)
      await pipeline.start()
      return [rig, pipeline]
    }

    test.each(['iso', 'epoch'] as const)(
      'clients that succeed, fail, take over and overreach (%s time stamps)',
      async (stamps) => {
        const [broker, seen] = await started(stamps)
        const good = { clientId: 'pump-1', username: 'sensor-001', password: 'right-1' }
        const first = await broker.connect(good)
        if (typeof first === 'string') throw new Error(first)
        await seen.arrives('mqtt-connect', {
          'event.outcome': 'success',
          'iot.mqtt.client_id': 'pump-1',
          'user.name': 'sensor-001',
          'source.ip': '127.0.0.1',
        })

        expect(await broker.connect({ ...good, clientId: 'bad-1', password: 'wrong' })).toMatch(
          /[Nn]ot authorized/,
        )
        expect(await broker.connect({ clientId: 'anon-1' })).toMatch(/[Nn]ot authorized/)
        const refused = { 'event.outcome': 'failure', 'source.ip': '127.0.0.1' }
        await seen.arrives('mqtt-connect', {
          ...refused,
          ...(namesRefused ? { 'iot.mqtt.client_id': 'bad-1' } : {}),
        })

        await broker.connect(good)
        await seen.arrives('mqtt-takeover', { 'iot.mqtt.client_id': 'pump-1' })

        const other = await broker.connect({
          clientId: 'lock-2',
          username: 'sensor-002',
          password: 'right-2',
          protocolVersion: 5,
        })
        if (typeof other === 'string') throw new Error(other)
        await other.publishAsync('devices/one/secret', 'x', { qos: 1 }).catch(() => undefined)
        await seen.arrives('mqtt-publish-denied', {
          'iot.mqtt.client_id': 'lock-2',
          'iot.mqtt.topic': 'devices/one/secret',
        })
        await other.endAsync()
        await seen.arrives('mqtt-disconnect', { 'iot.mqtt.client_id': 'lock-2' })
        expect(seen.rejects).toEqual([])
        expect(seen.events.filter(({ doc }) => fieldOf(doc, 'event.action') === 'event')).toEqual(
          [],
        )
      },
    )

    test('TLS: a good certificate, none, one of a stranger, and no TLS at all', async () => {
      const [broker, seen] = await started('iso')
      const good = { clientId: 'tls-1', username: 'sensor-001', password: 'right-1' }
      const connected = await broker.connect({ ...(await broker.tlsOptions('device')), ...good })
      expect(typeof connected).not.toBe('string')
      await seen.arrives('mqtt-connect', { 'iot.mqtt.client_id': 'tls-1' })
      await broker.connect({ ...(await broker.tlsOptions(undefined)), ...good })
      await broker.connect({ ...(await broker.tlsOptions('stranger')), ...good })
      await broker.babble(broker.tlsPort, 'GET / HTTP/1.0\r\n\r\n')
      const failed = { 'event.outcome': 'failure', 'source.ip': '127.0.0.1' }
      await until('three failures', () => {
        seen.settleIfQuiet()
        const events = seen.events.filter(
          ({ doc }) => fieldOf(doc, 'event.action') === 'tls-handshake',
        )
        return events.length >= 3
      })
      const reasons = seen.events
        .filter(({ doc }) => fieldOf(doc, 'event.action') === 'tls-handshake')
        .map(({ doc }) => String(fieldOf(doc, 'event.reason')))
      expect(new Set(reasons).size).toBe(3)
      expect(seen.find('tls-handshake', failed)).toBeDefined()
      expect(seen.rejects).toEqual([])
    })

    test('a burst of wrong passwords by mosquitto_pub', async () => {
      const [broker, seen] = await started('iso')
      const pub = (user: string, password: string, id: string): void => {
        const login = ['-u', user, '-P', password, '-i', id]
        const to = ['-h', '127.0.0.1', '-p', String(broker.port), '-t', 'devices/one/t', '-m', '1']
        try {
          execFileSync('mosquitto_pub', [...login, ...to], { stdio: 'ignore' })
        } catch {
          // It exits with an error where it is refused: that is what is wanted here.
        }
      }
      pub('sensor-001', 'right-1', 'cli-ok')
      for (let turn = 0; turn < 12; turn++) pub('sensor-001', `guess-${turn}`, `cli-bad-${turn}`)
      await seen.arrives('mqtt-connect', { 'iot.mqtt.client_id': 'cli-ok' })
      const failures = (): SecurityEvent[] =>
        seen.events.filter(
          ({ doc }) =>
            fieldOf(doc, 'event.action') === 'mqtt-connect' &&
            fieldOf(doc, 'event.outcome') === 'failure' &&
            fieldOf(doc, 'source.ip') === '127.0.0.1',
        )
      await until('twelve failures', () => failures().length >= 12)
      expect(failures()).toHaveLength(12)
      const ids = failures().map(({ doc }) => fieldOf(doc, 'iot.mqtt.client_id'))
      if (namesRefused) expect(new Set(ids).size).toBe(12)
      expect(seen.rejects).toEqual([])
    })

    test('the log is rotated while clients come and go: every line once', async () => {
      const [broker, seen] = await started('epoch')
      const good = { username: 'sensor-001', password: 'right-1' }
      for (let turn = 0; turn < 6; turn++) {
        const client = await broker.connect({ ...good, clientId: `turn-${turn}` })
        if (typeof client === 'string') throw new Error(client)
        if (turn % 2 === 1) await broker.rotate()
        await client.endAsync()
        await seen.arrives('mqtt-disconnect', { 'iot.mqtt.client_id': `turn-${turn}` })
      }
      const connects = seen.events.filter(
        ({ doc }) =>
          fieldOf(doc, 'event.action') === 'mqtt-connect' &&
          fieldOf(doc, 'event.outcome') === 'success',
      )
      const ids = connects.map(({ doc }) => fieldOf(doc, 'iot.mqtt.client_id'))
      expect(ids).toEqual(Array.from({ length: 6 }, (_, turn) => `turn-${turn}`))
      expect(seen.rejects).toEqual([])
    })
  },
)
