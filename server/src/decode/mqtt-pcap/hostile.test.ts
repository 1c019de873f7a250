/** What a hostile or lossy network does to a capture: nothing is invented, nothing crashes, nothing grows. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { pcapngOf, pcapOf, WireConnection, type WireSegment } from '../testing/capture-wire.ts'
import {
  decodeInto,
  linesWithEvents,
  newTold,
  RECEIVED_MS,
  settleInto,
  type Told,
} from '../testing/decode-text.ts'
import { mqttPcap } from './mqtt-pcap.ts'

const T = Date.UTC(2026, 10, 22, 10)

/** A few clients, some refused, some taken over, with their packets cut at any place. */
const lives = fc
  .array(
    fc.record({
      id: fc.constantFrom('a', 'b', 'c'),
      code: fc.constantFrom(0, 0, 0, 5),
      level: fc.constantFrom(4, 5),
      startMs: fc.nat(2_000),
      seq: fc.constantFrom(1, 0xffffff00, 0x7fffffff),
      messages: fc.array(fc.string({ minLength: 1, maxLength: 40 }), { maxLength: 5 }),
      end: fc.constantFrom('disconnect', 'client', 'server', 'reset', 'none'),
      piece: fc.integer({ min: 1, max: 60 }),
    }),
    { minLength: 1, maxLength: 6 },
  )
  .map((list) =>
    list.map((life, index) => {
      const { id, level, code, end, seq } = life
      const timeMs = T + life.startMs
      const one = new WireConnection({ timeMs, port: 40_000 + index, seq })
      const sized = new WireConnection({ timeMs, port: 40_000 + index, seq })
      sized.connect(id, { protocolVersion: level })
      const connect = Buffer.concat(sized.segments.map(({ payload }) => payload))
      one
        .open()
        .bytes('client', connect, life.piece)
        .connack(code === 5 && level === 5 ? 0x87 : code, level)
      if (code !== 0) return one.close('server')
      for (const message of life.messages) one.publish(`t/${id}`, message, {}, level)
      if (end === 'disconnect') one.say('client', { cmd: 'disconnect' }, level).close()
      else if (end === 'reset') one.reset('client')
      else if (end !== 'none') one.close(end === 'client' ? 'client' : 'server')
      return one
    }),
  )

const inOrder = (connections: readonly WireConnection[]): WireSegment[] =>
  connections.flatMap(({ segments }) => segments).sort((a, b) => a.timeMs - b.timeMs)

function decode(records: readonly Uint8Array[], cuts: ReadonlySet<number> = new Set()): Told {
  const told = newTold()
  const saved = new Map<string, string>()
  let decoder = mqttPcap.create()
  for (const [index, bytes] of records.entries()) {
    if (cuts.has(index)) {
      for (const { key, value } of decoder.takeChanges?.() ?? []) {
        if (value === undefined) saved.delete(key)
        else saved.set(key, value)
      }
      decoder = mqttPcap.create()
      decoder.restore?.(saved)
    }
    decodeInto(told, decoder, { text: '', bytes, key: `c:${index}`, receivedMs: RECEIVED_MS })
  }
  settleInto(told, decoder)
  return told
}

const plain = (told: Told): unknown =>
  JSON.parse(JSON.stringify({ ...told, routine: [...told.routine], rejectedKeys: [] }))

/** Of each client: what happened and how often, without times. */
function happenings({ drafts }: Told): string[] {
  return drafts
    .map(({ action, doc }) => {
      const event = doc['event'] as Record<string, unknown>
      const source = doc['source'] as Record<string, unknown>
      const iot = doc['iot'] as { mqtt: Record<string, unknown> }
      const { client_id: id, traffic } = iot.mqtt
      const where = action === 'mqtt-traffic' ? '' : String(source['port'])
      return `${action} ${String(event['code'])} ${where} ${String(id)} ${JSON.stringify(traffic ?? '')}`
    })
    .sort()
}

const isOneEach = (told: Told): void => {
  expect(told.lines).toBe(linesWithEvents(told) + told.routineLines + told.rejects.length)
}

describe('a capture', () => {
  test('read with a restart at any place is the same', () => {
    fc.assert(
      fc.property(
        lives,
        fc.array(fc.nat(60), { maxLength: 4 }),
        fc.boolean(),
        (connections, cuts, ng) => {
          const segments = inOrder(connections)
          const records = ng ? pcapngOf(segments) : pcapOf(segments)
          expect(plain(decode(records, new Set(cuts)))).toEqual(plain(decode(records)))
        },
      ),
      { numRuns: 150 },
    )
  })

  test('with segments swapped and repeated within each direction tells the same', () => {
    const disorder = fc.array(fc.tuple(fc.nat(80), fc.nat(3)), { maxLength: 12 })
    fc.assert(
      fc.property(
        lives,
        disorder,
        fc.array(fc.nat(80), { maxLength: 8 }),
        (given, swaps, doubles) => {
          // One connection: what two of them do to each other depends on their order.
          const connections = given.slice(0, 1)
          const segments = inOrder(connections)
          const mixed = [...segments]
          for (const [at, by] of swaps) {
            const a = mixed[at]
            const b = mixed[at + by]
            const isSame = a?.from === b?.from && a?.fromPort === b?.fromPort
            const between = mixed.slice(at, at + by + 1).every(({ from }) => from === a?.from)
            const isData =
              a !== undefined && b !== undefined && a.payload.length * b.payload.length > 0
            if (!isSame || !between || !isData) continue
            mixed[at] = { ...b, timeMs: a.timeMs }
            mixed[at + by] = { ...a, timeMs: b.timeMs }
          }
          for (const at of doubles) {
            const again = mixed[at]
            if (again !== undefined && again.payload.length > 0) mixed.splice(at, 0, again)
          }
          expect(happenings(decode(pcapOf(mixed)))).toEqual(happenings(decode(pcapOf(segments))))
        },
      ),
      { numRuns: 300 },
    )
  })

  test('with packets lost, cut, changed and doubled ends each record in one of three ways', () => {
    const harm = fc.array(
      fc.tuple(
        fc.nat(200),
        fc.constantFrom('lose', 'cut', 'flip', 'double', 'swap'),
        fc.nat(200),
        fc.nat(255),
      ),
      { maxLength: 12 },
    )
    fc.assert(
      fc.property(lives, harm, fc.boolean(), (connections, harms, ng) => {
        const segments = inOrder(connections)
        const records = ng ? pcapngOf(segments) : pcapOf(segments)
        for (const [at, how, where, value] of harms) {
          const record = records[at % records.length]
          if (record === undefined) continue
          if (how === 'lose') records.splice(at % records.length, 1)
          else if (how === 'cut')
            records[at % records.length] = record.subarray(0, where % record.length)
          else if (how === 'double') records.splice(at % records.length, 0, record)
          else if (how === 'swap') records.push(...records.splice(at % records.length, 1))
          else record[where % record.length] = value
        }
        isOneEach(decode(records))
        isOneEach(decode([Buffer.concat(records)]))
      }),
      { numRuns: 400 },
    )
  })

  test('of a stream that never ends a packet keeps little', () => {
    const decoder = mqttPcap.create()
    const told = newTold()
    let line = 0
    const take = (bytes: Uint8Array): void => {
      decodeInto(told, decoder, { text: '', bytes, key: `c:${line++}`, receivedMs: RECEIVED_MS })
    }
    const [header = Buffer.alloc(0)] = pcapOf([])
    take(header)
    // Every connection holds back one byte and sends much behind the hole.
    for (let port = 1; port <= 400; port++) {
      const one = new WireConnection({ timeMs: T + port, port }).open()
      one.bytes('client', Buffer.from([0x10, 0xff, 0xff, 0x03]))
      one.bytes('client', Buffer.of(0)).bytes('client', Buffer.alloc(200_000, 1), 50_000)
      const [, ...records] = pcapOf(one.segments.filter(({ payload }) => payload.length !== 1))
      for (const record of records) take(record)
    }
    expect(decoder.stats?.()['bytes_kept']).toBeLessThanOrEqual(32 * 2 ** 20)
    expect(JSON.stringify(decoder.takeChanges?.()).length).toBeLessThan(64 * 2 ** 20)
    isOneEach(told)
  })
})
