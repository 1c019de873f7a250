/** The source `pull` against real servers of S3 and SQS, and a server of ours that is killed meanwhile. */
import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { EcsDoc } from '../../src/model/event.ts'
import { AdversityRig, isBuilt } from './adversity-rig.ts'
import { ACCESS, hasGateway, hasMoto, S3Peer } from './pull-peers.ts'

const KILLS = Number(process.env['PICKET_PULL_KILLS'] ?? 3)
const EVENTS = 400
const canRun = isBuilt && hasGateway && hasMoto
const KEYS = ['plain', 'with space', 'plus+sign', 'ü/漢字', 'a&b<c>', "it's(1)!*"]

if (!canRun) {
  const mustRun = process.env['REQUIRE_SERVICES'] === '1'
  const why = `missing: ${[isBuilt ? '' : 'npm run build', hasGateway ? '' : 'versitygw', hasMoto ? '' : 'moto'].join(' ')}`
  test.skipIf(!mustRun)(`pull from real servers (${why})`, () => expect(canRun).toBe(true))
}

describe.skipIf(!canRun)('pull from a bucket, a queue and a folder, with kill -9', () => {
  let rig: AdversityRig
  let gateway: S3Peer
  let moto: S3Peer
  let stored: ReadonlyMap<string, EcsDoc[]> = new Map()
  let left: unknown

  const objectOf = (kind: string, number: number): Buffer<ArrayBuffer> => {
    const docs = Array.from({ length: EVENTS }, (_, at) => {
      const name = `${kind}-${number}-${at}`
      rig.written.add(name)
      const event = { action: 'device-metrics', category: ['host'], outcome: 'success' }
      const doc = { event, device: { id: `dev-${at % 20}` }, labels: { sequence: name } }
      return { '@timestamp': new Date().toISOString(), ...doc }
    })
    if (kind === 'queued') return Buffer.from(gzipSync(JSON.stringify({ Records: docs })))
    const text = docs.map((doc) => `${JSON.stringify(doc)}\n`).join('')
    return number % 2 === 0 ? Buffer.from(text) : Buffer.from(gzipSync(text))
  }
  const keyOf = (number: number): string =>
    `logs/${number}/${KEYS[number % KEYS.length]}`
      .split('/')
      .map((part) => encodeURIComponent(part).replace(/[!'()*]/g, escapeChar))
      .join('/')

  beforeAll(async () => {
    let queueUrl = ''
    const small = { batch_records_max: 50, decoder: 'json', type: 'pull', poll_interval: '200ms' }
    const access = {
      ...{ region: 'us-east-1', path_style: true, access_key_id: ACCESS.accessKeyId },
      secret_access_key: { env: 'PULL_SECRET' },
    }
    rig = new AdversityRig(() => ({
      sources: {
        listed: {
          ...small,
          bucket: { name: 'logs', prefixes: ['logs/'] },
          aws: { ...access, endpoint: gateway.url },
        },
        queued: {
          ...small,
          queue: { url: queueUrl, visibility: '10s', wait: '1s' },
          aws: { ...access, endpoint: moto.url },
        },
        dropped: {
          ...small,
          folder: { path: join(rig.folder, 'in'), settle: '0s', after: 'delete' },
        },
      },
      filter: { policy: [{ name: 'all', when: '*', keep: 'security', reason: 'counted' }] },
    }))
    mkdirSync(join(rig.folder, 'in'))
    gateway = await S3Peer.gateway(rig.folder)
    moto = await S3Peer.moto()
    await gateway.put('/logs', '')
    await moto.put('/logs', '')
    const made = await moto.sqs('CreateQueue', { QueueName: 'logs' })
    queueUrl = String(made['QueueUrl'])
    await moto.put('/logs?notification=', NOTIFICATION)
    const env = { PULL_SECRET: ACCESS.secretAccessKey }
    await rig.start(env)
    let number = 0
    let isOver = false
    const feeding = (async () => {
      for (; !isOver; number++) {
        await gateway.put(`/logs/${keyOf(number)}`, objectOf('listed', number))
        await moto.put(`/logs/${keyOf(number)}`, objectOf('queued', number))
        const path = join(rig.folder, 'in', `${number}.log`)
        writeFileSync(`${path}.part`, objectOf('dropped', number))
        renameSync(`${path}.part`, path)
        await sleep(150)
      }
    })()
    for (let kill = 0; kill < KILLS; kill++) {
      await sleep(300 + Math.random() * 700)
      await rig.kill()
      await rig.start(env)
    }
    isOver = true
    await feeding
    await rig.until('the queue is empty', async () => {
      const names = ['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesNotVisible']
      const told = await moto.sqs('GetQueueAttributes', {
        QueueUrl: queueUrl,
        AttributeNames: names,
      })
      left = told['Attributes']
      return Object.values(left as Record<string, string>).every((count) => count === '0')
    })
    stored = await rig.stopAndRead()
  }, 120_000)
  afterAll(async () => {
    gateway?.end()
    moto?.end()
    await rig?.remove()
  })

  test.each(['listed', 'queued', 'dropped'])('%s: every record is stored exactly once', (kind) => {
    const written = [...rig.written].filter((name) => name.startsWith(`${kind}-`))
    expect(written.length).toBeGreaterThan(5 * EVENTS)
    expect(written.filter((name) => stored.get(name)?.length !== 1)).toEqual([])
    expect([...stored.keys()].filter((name) => !rig.written.has(name))).toEqual([])
  })
})

const escapeChar = (char: string): string => `%${char.charCodeAt(0).toString(16).toUpperCase()}`

const NOTIFICATION =
  '<NotificationConfiguration><QueueConfiguration><Id>logs</Id>' +
  '<Queue>arn:aws:sqs:us-east-1:123456789012:logs</Queue><Event>s3:ObjectCreated:*</Event>' +
  '</QueueConfiguration></NotificationConfiguration>'
