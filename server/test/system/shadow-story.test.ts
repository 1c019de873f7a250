/**
 * Who changed a shadow, in the compiled server: the records of AWS as Data Firehose delivers them (log
 * entries in the envelope of CloudWatch, lifecycle events and documents of a rule), in two orders, with a
 * kill between their receipt and the telling, joined to the table of assets as it was then.
 */
import { randomUUID } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterEach, describe, expect, test } from 'vitest'
import { Readable, Writable } from 'node:stream'
import { MetricsRegistry } from '../../src/base/metrics.ts'
import { assetCommand } from '../../src/cli/asset.ts'
import { runCli } from '../../src/cli/cli.ts'
import { registerSearch } from '../../src/cli/search.ts'
import { type EcsDoc, fieldOf } from '../../src/model/event.ts'
import { freePort } from '../../src/source/testing/free-port.ts'
import { AdversityRig, isBuilt } from './adversity-rig.ts'

const required = process.env['REQUIRE_SERVICES'] === '1'
let rig: AdversityRig | undefined
afterEach(async () => {
  await rig?.remove()
  rig = undefined
})

/** A command of ours against the running server: its exit code and its output. */
async function picket(...args: readonly string[]): Promise<{ code: number; out: string }> {
  const result = { code: 0, out: '' }
  const sink = (): Writable =>
    new Writable({
      write: (chunk, _, done) => {
        result.out += String(chunk)
        done()
      },
    })
  const context = {
    ...{ stdin: Readable.from([]), stdout: sink(), stderr: sink(), env: process.env },
    ...{ clock: { now: () => Date.now() }, metrics: new MetricsRegistry(), interactive: false },
    exit: (to: 0 | 1 | 2) => void (result.code = to),
  }
  const config = join(rig?.folder ?? '', 'picket.yml')
  await runCli([...args, '--config', config], context, [assetCommand, registerSearch])
  return result
}

const OPS = '1451aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'
const SERVICE = '2222bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb'
const ACCOUNT = '123456789012'

/** The records about three things of which the names end alike, in the order in which they happened. */
function recordsOf(end: string, atMs: number) {
  const log = (offsetMs: number, more: object): object => ({
    timestamp: new Date(atMs + offsetMs).toISOString().replace('T', ' ').slice(0, 23),
    ...{ logLevel: 'INFO', accountId: ACCOUNT, status: 'Success', protocol: 'MQTT', ...more },
  })
  const update = (thing: string, offsetMs: number, more: object): object => {
    const topicName = `$aws/things/${thing}/shadow/update`
    return log(offsetMs, {
      eventType: 'UpdateThingShadow',
      deviceShadowName: thing,
      topicName,
      ...more,
    })
  }
  const publish = (thing: string, offsetMs: number, more: object): object => {
    const topicName = `$aws/things/${thing}/shadow/update`
    return log(offsetMs, { eventType: 'Publish-In', topicName, retain: 'False', ...more })
  }
  const changed = (thing: string, field: string): string =>
    JSON.stringify({
      previous: { state: { desired: { [field]: 'before' } }, version: 7 },
      current: { state: { desired: { [field]: 'after' } }, version: 8 },
      ...{ timestamp: Math.floor(atMs / 1_000), thingName: thing },
    })
  const envelope = (...entries: readonly object[]): Buffer =>
    gzipSync(
      JSON.stringify({
        ...{ messageType: 'DATA_MESSAGE', owner: ACCOUNT, logGroup: 'AWSIotLogsV2' },
        ...{ logStream: 'stream', subscriptionFilters: ['picket'] },
        logEvents: entries.map((entry) => {
          return { id: randomUUID(), timestamp: atMs, message: JSON.stringify(entry) }
        }),
      }),
    )
  const [lamp, door, gate] = [`lamp-${end}`, `door-${end}`, `gate-${end}`]
  const clientId = `svc-${end}`
  const connected = {
    ...{ clientId, timestamp: atMs - 60_000, eventType: 'connected', versionNumber: 1 },
    ...{ principalIdentifier: SERVICE, ipAddress: '198.51.100.7' },
  }
  const ops = { clientId: 'ops', principalId: OPS, sourceIp: '203.0.113.9', sourcePort: 4_000 }
  return [
    [Buffer.from(JSON.stringify(connected)), Buffer.from(changed(lamp, 'firmware_url'))],
    [envelope(publish(lamp, 100, { traceId: `a-${end}`, ...ops }))],
    [envelope(update(lamp, 200, { traceId: `a-${end}` }), update(gate, 300, { protocol: 'HTTP' }))],
    [Buffer.from(changed(door, 'lock')), Buffer.from(changed(gate, 'limit'))],
    // The log of MQTT 5 may leave the address out: the client's session has it.
    [envelope(publish(door, 100, { traceId: `b-${end}`, clientId, principalId: SERVICE }))],
  ]
}

async function deliver(port: number, records: readonly Buffer[]): Promise<void> {
  const requestId = randomUUID()
  const answer = await fetch(`http://127.0.0.1:${port}/firehose`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-amz-firehose-request-id': requestId },
    body: JSON.stringify({
      ...{ requestId, timestamp: Date.now() },
      records: records.map((record) => ({ data: record.toString('base64') })),
    }),
  })
  expect(answer.status, await answer.text()).toBe(200)
}

describe.skipIf(!isBuilt && !required)(
  'who changed a shadow (needs the compiled program: npm run build)',
  () => {
    test('is told with thing, fields, principal and address, or what is unknown', async () => {
      const port = await freePort()
      // Nothing is told before all came, however slow the machine is; what comes after the kill is due.
      let joinSeconds = '600'
      rig = new AdversityRig(() => ({
        sources: {
          aws: {
            ...{ type: 'firehose', listen: `127.0.0.1:${port}`, decoder: 'aws-iot' },
            decoder_options: { join_seconds: joinSeconds },
          },
        },
      }))
      const assets = join(rig.folder, 'assets.csv')
      const table = (site: string): void =>
        writeFileSync(assets, `id,type,site,device\nlight-1,lamp,${site},lamp-x;lamp-y\n`)
      table('oslo')
      await rig.start()
      await rig.until(
        'assets are known',
        async () => (await picket('asset', 'import', assets)).code === 0,
      )
      const atMs = Date.now() - 5_000
      for (const records of recordsOf('x', atMs)) await deliver(port, records)
      for (const records of recordsOf('y', atMs).toReversed()) await deliver(port, records)
      await rig.kill()
      joinSeconds = '1'
      await rig.start()

      const search = ['search', 'recent', '--set', 'action=shadow-update', '--limit', '50']
      const documents = ['--set', 'documents=true', '--format', 'json', '--from', '1d']
      let docs: EcsDoc[] = []
      await rig.until('the updates are stored', async () => {
        const { out, code } = await picket(...search, ...documents)
        const rows = out.split('\n').filter((line) => line.startsWith('{'))
        docs = rows.map((line) => (JSON.parse(line) as { document: EcsDoc }).document)
        return code === 0 && docs.length >= 6
      })
      expect(docs).toHaveLength(6)
      const of = (thing: string): EcsDoc =>
        docs.find((doc) =>
          [fieldOf(doc, 'iot.identity.claimed'), fieldOf(doc, 'device.id')].includes(thing),
        ) ?? {}
      for (const end of ['x', 'y']) {
        expect(of(`lamp-${end}`), end).toMatchObject({
          ...{ device: { id: 'light-1', type: 'lamp' }, user: { id: OPS } },
          source: { ip: '203.0.113.9' },
          iot: {
            ...{ site: 'oslo', identity: { state: 'resolved', rule: 'device' } },
            shadow: {
              identity: 'exact',
              changes: [{ field: 'desired.firmware_url', before: 'before', after: 'after' }],
            },
          },
        })
        expect(of(`door-${end}`), end).toMatchObject({
          ...{ user: { id: SERVICE }, source: { ip: '198.51.100.7' } },
          iot: { shadow: { identity: 'inferred', fields: ['desired.lock'] } },
        })
        const gate = of(`gate-${end}`)
        expect(fieldOf(gate, 'iot.shadow.fields'), end).toEqual(['desired.limit'])
        expect(fieldOf(gate, 'iot.shadow.unknown'), end).toEqual(['principal', 'address'])
        expect([fieldOf(gate, 'user.id'), fieldOf(gate, 'source.ip')]).toEqual([
          undefined,
          undefined,
        ])
      }
      // The table changes; what was stored says how it was then.
      table('bergen')
      expect((await picket('asset', 'import', assets)).out).toContain('1 changed')
      const again = await picket(...search, ...documents)
      expect(again.out).toContain('"site":"oslo"')
      expect(again.out).not.toContain('bergen')
    }, 240_000)
  },
)
