/**
 * Device Defender without AWS: devices report to a real Mosquitto over TLS with client certificates, the
 * compiled server is subscribed, answers each report once it is durable, and keeps the metrics. With
 * recorded reports, and with AWS's own agent, unmodified, where Python has it:
 * `python3 -m pip install --target DIR AWSIoTDeviceDefenderAgentSDK`, then PICKET_AWS_AGENT=DIR.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { writeCbor } from '../../src/decode/cbor/write-cbor.ts'
import { type EcsDoc, fieldOf } from '../../src/model/event.ts'
import { AdversityRig, isBuilt } from './adversity-rig.ts'
import { findBrokers, MosquittoRig } from './mosquitto-rig.ts'

const [mosquitto] = findBrokers()
const mustRun = process.env['REQUIRE_SERVICES'] === '1'
const agentFolder = process.env['PICKET_AWS_AGENT'] ?? ''
const agent = join(agentFolder, 'AWSIoTDeviceDefenderAgentSDK/agent.py')
const hasAgent = agentFolder !== '' && existsSync(agent)
/** The agent ignores what port it is given. */
const AGENT_PORT = 443

const reported = (id: number, ports: readonly number[], tags: 'long' | 'short'): object =>
  tags === 'long'
    ? {
        header: { report_id: id, version: '1.0' },
        metrics: {
          listening_tcp_ports: {
            ports: ports.map((port) => ({ port, interface: '0.0.0.0' })),
            total: ports.length,
          },
        },
        custom_metrics: { cpu_usage: [{ number: 52.2 }] },
      }
    : {
        hed: { rid: id, v: '1.0' },
        met: { tp: { pts: ports.map((pt) => ({ pt, if: 'eth0' })), t: ports.length } },
      }

describe.skipIf(!mustRun && (!isBuilt || mosquitto === undefined))(
  'Device Defender agents at a Mosquitto (needs it and the compiled program)',
  () => {
    let broker: MosquittoRig | undefined
    let rig: AdversityRig | undefined
    const children: ChildProcess[] = []
    afterEach(async () => {
      for (const child of children.splice(0)) child.kill('SIGKILL')
      await rig?.remove()
      await broker?.stop()
      rig = undefined
      broker = undefined
    })

    async function begin(interval: string, tlsPort?: number) {
      const over = { isOpen: true, ...(tlsPort !== undefined && { tlsPort }) }
      const started = await MosquittoRig.start(mosquitto!, 'iso', over)
      broker = started
      const at = (name: string): string => started.path(name)
      const topic = '$aws/things/{device.id}/defender/metrics'
      const server = new AdversityRig(() => ({
        filter: { policy: [{ name: 'all', when: '*', keep: 'security', reason: 'counted' }] },
        sources: {
          defender: {
            ...{ type: 'mqtt', decoder: 'aws-device-defender' },
            broker: `mqtts://localhost:${started.tlsPort}`,
            topics: [`${topic}/json`, `${topic}/cbor`],
            tls: { ca_file: at('ca.crt'), cert_file: at('device.crt'), key_file: at('device.key') },
            answer_reports: true,
            report_interval_min: interval,
          },
        },
      }))
      rig = server
      await server.start()
      await server.until('the source is connected', async () => {
        const { problems } = await server.ready()
        return !problems.some(({ component }) => component === 'source defender')
      })
      return { started, server }
    }

    const portsOf = (docs: readonly EcsDoc[], thing: string): unknown[] =>
      docs
        .filter((doc) => fieldOf(doc, 'device.id') === thing)
        .filter((doc) => fieldOf(doc, 'iot.metric.name') === 'aws:listening-tcp-ports')
        .map((doc) => JSON.stringify(fieldOf(doc, 'iot.metric')))

    test('recorded reports are answered as the service does, and port 21 stands in the stored metric', async () => {
      const { started, server } = await begin('290s')
      const answers: { topic: string; status: string; code?: string }[] = []
      const client = await started.connect({
        ...(await started.tlsOptions('device')),
        ...{ host: 'localhost', clientId: 'sensor-001' },
      })
      if (typeof client === 'string') throw new Error(client)
      client.on('message', (topic, payload) => {
        const isJson = topic.includes('/json/')
        const answer = isJson ? JSON.parse(payload.toString()) : { status: 'CBOR' }
        answers.push({
          topic,
          status: answer.status,
          ...(answer.statusDetails && { code: answer.statusDetails.ErrorCode }),
        })
      })
      for (const format of ['json', 'cbor']) {
        const base = `$aws/things/+/defender/metrics/${format}`
        await client.subscribeAsync([`${base}/accepted`, `${base}/rejected`], { qos: 1 })
      }
      const topicOf = (thing: string, format = 'json'): string =>
        `$aws/things/${thing}/defender/metrics/${format}`
      const id = Math.floor(Date.now() / 1_000)
      const send = async (topic: string, body: object | string, qos: 0 | 1 = 0): Promise<void> => {
        const text = typeof body === 'string' ? body : JSON.stringify(body)
        const payload = topic.endsWith('cbor') ? Buffer.from(writeCbor(body)) : text
        const before = answers.length
        await client.publishAsync(topic, payload, { qos })
        await server.until(`an answer on ${topic}`, () => answers.length > before)
      }
      // QoS 0, as AWS's agent publishes.
      await send(topicOf('sensor-001'), reported(id - 300, [443], 'long'))
      await send(topicOf('sensor-001'), reported(id, [21, 443], 'long'))
      await send(topicOf('sensor-002'), reported(id, [22], 'short'), 1)
      await send(topicOf('sensor-003', 'cbor'), reported(id, [8_883], 'long'), 1)
      await send(topicOf('sensor-004'), 'no report')
      expect(answers).toEqual([
        { topic: `${topicOf('sensor-001')}/accepted`, status: 'ACCEPTED' },
        { topic: `${topicOf('sensor-001')}/rejected`, status: 'REJECTED', code: 'Throttled' },
        { topic: `${topicOf('sensor-002')}/accepted`, status: 'ACCEPTED' },
        { topic: `${topicOf('sensor-003', 'cbor')}/accepted`, status: 'CBOR' },
        { topic: `${topicOf('sensor-004')}/rejected`, status: 'REJECTED', code: 'InvalidPayload' },
      ])
      expect(await server.metric('picket_mqtt_replies_total')).toBe(5)
      // Answered is durable: killed at once, nothing of it is lost.
      await server.kill()
      await server.start()
      for (let count = 0; count < 8; count += 1) server.written.add(`${count}`)
      const docs = [...(await server.stopAndRead()).values()].flat()
      expect(portsOf(docs, 'sensor-001').some((text) => /\b21\b/.test(String(text)))).toBe(true)
      expect(portsOf(docs, 'sensor-002')).toHaveLength(1)
      expect(portsOf(docs, 'sensor-003')).toHaveLength(1)
    }, 60_000)

    test.skipIf(!hasAgent && !(mustRun && process.getuid?.() === 0))(
      "AWS's own agent, unmodified, is accepted (PICKET_AWS_AGENT names where pip put it; needs port 443)",
      async () => {
        expect(existsSync(agent)).toBe(true)
        const { started, server } = await begin('0s', AGENT_PORT)
        const listener = createServer()
        await new Promise<void>((resolve) => listener.listen(21, '127.0.0.1', resolve))
        const said: Record<string, string> = { json: '', cbor: '' }
        for (const format of ['json', 'cbor']) {
          const files = ['--rootCA', started.path('ca.crt'), '--cert', started.path('device.crt')]
          const child = spawn(
            'python3',
            [
              '-u',
              agent,
              '--endpoint',
              'localhost',
              ...files,
              '--key',
              started.path('device.key'),
            ].concat('--format', format, '-i', '1', '-id', `real-${format}`, '-cm'),
            { env: { ...process.env, PYTHONPATH: agentFolder } },
          )
          children.push(child)
          const hear = (chunk: Buffer): void => void (said[format] += chunk.toString())
          child.stdout.on('data', hear)
          child.stderr.on('data', hear)
        }
        await server
          .until(`both are accepted twice; ${JSON.stringify(said)}`, () =>
            Object.values(said).every(
              (text) => (text.match(/'?status'?.{0,4}ACCEPTED/g) ?? []).length >= 2,
            ),
          )
          .finally(() => listener.close())
        expect(said['json']).not.toContain('REJECTED')
        for (const child of children) child.kill('SIGKILL')
        for (let count = 0; count < 8; count += 1) server.written.add(`${count}`)
        const docs = [...(await server.stopAndRead()).values()].flat()
        for (const thing of ['real-json', 'real-cbor']) {
          expect(portsOf(docs, thing).some((text) => /\b21\b/.test(String(text)))).toBe(true)
        }
      },
      60_000,
    )
  },
)
