import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { BrokerLog } from './broker-log.ts'
import { startBroker } from './broker.ts'
import { openClient } from './client.ts'
import { DEVICE_TYPES, makeFleet } from './fleet.ts'

const folder = mkdtempSync(join(tmpdir(), 'picket-simulator-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('a fleet has five device types, and no two devices share an id or an address', () => {
  const fleet = makeFleet(300)
  expect(new Set(fleet.map((device) => device.type.name)).size).toBe(DEVICE_TYPES.length)
  expect(new Set(fleet.map((device) => device.id)).size).toBe(fleet.length)
  expect(new Set(fleet.map((device) => device.address)).size).toBe(fleet.length)
})

test("the broker's log says who came, who was refused and who was replaced, as Mosquitto does", async () => {
  const path = join(folder, 'broker.log')
  const log = new BrokerLog(path)
  const broker = await startBroker(0, log, {
    password: (user) => (user === 'lock-1' ? 'right' : undefined),
    mayPublish: (id, topic) => topic.startsWith(`fleet/${id}/`),
  })
  const { port } = broker
  const login = { id: 'lock-1', user: 'lock-1', password: 'right', address: '127.0.0.1' }
  const first = openClient(port, login)
  await new Promise((resolve) => first.once('connect', resolve))
  await first.publishAsync('fleet/other/x', 'abc', { qos: 1 })
  const second = openClient(port, login)
  await new Promise((resolve) => second.once('connect', resolve))
  const refused = openClient(port, { ...login, id: 'bad-1', password: 'wrong' })
  await new Promise((resolve) => refused.once('close', () => resolve(undefined)))
  for (const client of [first, second, refused]) client.end(true)
  await broker.close()
  log.close()
  const text = readFileSync(path, 'utf8')
  expect(text).toMatch(/^\d+: New connection from 127\.0\.0\.1:\d+ on port \d+\.$/m)
  expect(text).toMatch(/as lock-1 \(p2, c1, k60, u'lock-1'\)\.$/m)
  expect(text).toMatch(
    /: Denied PUBLISH from lock-1 \(d0, q1, r0, m\d+, 'fleet\/other\/x', \.\.\. \(3 bytes\)\)$/m,
  )
  expect(text).toMatch(/: Client lock-1 already connected, closing old connection\.$/m)
  expect(text).toMatch(
    /: Sending CONNACK to bad-1 \(0, 5\)\n\d+: Client bad-1 disconnected, not authorised\.$/m,
  )
})
