/** Packet captures: cut into records, through growth, restarts, compression and damage. */
import { gzipSync } from 'node:zlib'
import { afterEach, expect, test } from 'vitest'
import { pcapngOf, pcapOf, WireConnection } from '../../decode/testing/capture-wire.ts'
import { FileWorld } from '../testing/file-world.ts'

const T = Date.UTC(2026, 10, 22, 10)
const life = new WireConnection({ timeMs: T }).open().connect('pump-1').connack()
for (let turn = 0; turn < 50; turn++) life.publish('t/1', 'x'.repeat(turn * 40))
const forms = [
  ['pcap', pcapOf(life.close().segments)],
  ['pcap, big-endian', pcapOf(life.segments, { le: false })],
  ['pcapng', pcapngOf(life.segments)],
] as const

let world: FileWorld | undefined
afterEach(async () => {
  await world?.end()
  world = undefined
})

const started = async (more: object = {}): Promise<FileWorld> => {
  world = await FileWorld.make({ paths: ['*.pcap'], framing: 'capture', ...more })
  await world.start()
  return world
}

const hexes = (w: FileWorld): string[] =>
  w.sink.items.map(({ bytes }) => Buffer.from(bytes ?? []).toString('hex'))

test.each(forms)('%s: one item a record, whatever pieces it is written in', async (_, records) => {
  const w = await started({ batch_bytes_max: '4KiB' })
  const whole = Buffer.concat(records)
  for (let at = 0; at < whole.length; at += 3_001) {
    await w.write('a.pcap', whole.subarray(at, at + 3_001))
    await w.look()
  }
  expect(hexes(w)).toEqual(records.map((record) => record.toString('hex')))
  expect(new Set(w.sink.items.map(({ key }) => key)).size).toBe(records.length)
})

test.each(forms)('%s: a restart in the middle goes on at the next record', async (_, records) => {
  const w = await started()
  const whole = Buffer.concat(records)
  for (let at = 0; at < whole.length; at += 9_973) {
    await w.write('a.pcap', whole.subarray(at, at + 9_973))
    await w.look()
    await w.restart()
  }
  expect(hexes(w)).toEqual(records.map((record) => record.toString('hex')))
})

test('a compressed capture is read, and one that breaks off says so', async () => {
  const w = await started({ rotated_wait: '0s' })
  const [, records] = forms[0]
  const whole = Buffer.concat(records)
  await w.write('b.pcap', gzipSync(whole.subarray(0, whole.length - 3)))
  await w.look()
  const taken = w.sink.items.filter(({ unreadable }) => unreadable === undefined)
  expect(taken).toHaveLength(records.length - 1)
  expect(w.sink.items.at(-1)?.unreadable?.detail).toMatch(/bytes that are no record/)
})

test('what is there at the first start is read from its beginning', async () => {
  const [, records] = forms[0]
  world = await FileWorld.make({ paths: ['*.pcap'], framing: 'capture', start_at: 'end' })
  await world.write('c.pcap', Buffer.concat(records))
  await world.start()
  await world.look()
  expect(world.sink.items).toHaveLength(records.length)
})

test('damage is stepped over and told by its length', async () => {
  const w = await started()
  const [, records] = forms[0]
  const noise = Buffer.alloc(1_000, 0xff)
  await w.write('d.pcap', Buffer.concat([...records.slice(0, 20), noise, ...records.slice(20)]))
  await w.look()
  const told = w.sink.items.filter(({ unreadable }) => unreadable !== undefined)
  expect(told.map(({ unreadable }) => unreadable?.detail)).toEqual([
    '1000 bytes that are no record of a capture.',
  ])
  expect(w.sink.items).toHaveLength(records.length + 1)
})
