import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { StateChange } from '../../model/decoder.ts'
import { ACK, type Fragment, readFrame, type Segment } from './frame.ts'
import { Reassembly } from './reassembly.ts'
import type { WireSegment } from '../testing/capture-wire.ts'
import { cutSegment as cut } from '../testing/fragment-wire.ts'

const PAYLOAD = Buffer.from(Array.from({ length: 3_000 }, (_, at) => (at * 7) % 251))
const segmentFrom = (from: string, to: string): WireSegment => ({
  ...{ timeMs: 0, from, to, fromPort: 50_000, toPort: 1_883, seq: 7, ack: 9, flags: ACK },
  payload: PAYLOAD,
})
const V4 = segmentFrom('10.0.0.1', '10.0.0.2')
const V6 = segmentFrom('2001:db8::1', '2001:db8::2')

const read = (frame: Buffer): Fragment => {
  const found = readFrame(frame, 1)
  if (typeof found === 'string' || found.kind !== 'fragment') throw new Error('no fragment')
  return found
}
const pushAll = (into: Reassembly, frames: readonly Buffer[], atMs = 0) =>
  frames.map((frame) => into.push(read(frame), atMs))
const whole = (segment: WireSegment): Partial<Segment> => ({
  ...{ kind: 'segment', source: segment.from, destination: segment.to, seq: 7 },
  ...{ sourcePort: 50_000, destinationPort: 1_883, missing: 0 },
})

test.each([
  ['IPv4', V4],
  ['IPv6', V6],
])('fragments of %s are one segment, in any order and repeated', (_, segment) => {
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.integer({ min: 1, max: 370 }), { minLength: 1, maxLength: 6 }),
      fc.array(fc.nat()),
      (ends, order) => {
        const frames = cut(
          segment,
          ends.toSorted((a, b) => a - b),
        )
        const shuffled = frames
          .map((frame, at) => ({ frame, by: order[at] ?? at }))
          .toSorted((a, b) => a.by - b.by)
          .map(({ frame }) => frame)
        const [first, ...others] = shuffled
        const made = pushAll(new Reassembly(), [first!, first!, ...others])
        expect(made.slice(0, -1).every((one) => one === 'ip-fragment')).toBe(true)
        const last = made.at(-1) as Segment
        expect(last).toMatchObject(whole(segment))
        expect(Buffer.from(last.payload).equals(PAYLOAD)).toBe(true)
      },
    ),
  )
})

test.each([
  ['IPv4', V4],
  ['IPv6', V6],
])('a packet of %s with an overlap is let go, with all that still comes of it', (_, segment) => {
  const [a, , c] = cut(segment, [100, 200])
  const [, wide] = cut(segment, [99, 200])
  const into = new Reassembly()
  expect(pushAll(into, [a!, wide!, c!, a!])).toEqual([
    'ip-fragment',
    ...['ip-fragment-overlap', 'ip-fragment-overlap', 'ip-fragment-overlap'],
  ])
  // The same place with other bytes is an overlap too.
  const other = Buffer.from(a!)
  other[other.length - 1] = (other.at(-1) ?? 0) ^ 1
  expect(pushAll(new Reassembly(), [a!, other])).toEqual(['ip-fragment', 'ip-fragment-overlap'])
  // Another packet of the same two hosts is none of its business.
  expect(pushAll(into, cut(segment, [100], 78)).at(-1)).toMatchObject(whole(segment))
})

test('a second end, and bytes behind the end, are odd; sizes that fit nothing are refused', () => {
  const [first, last] = cut(V4, [100])
  const short = cut({ ...V4, payload: PAYLOAD.subarray(0, 900) }, [100])
  expect(pushAll(new Reassembly(), [short[1]!, last!])).toEqual([
    'ip-fragment',
    'ip-fragment-overlap',
  ])
  const odd = Buffer.from(first!)
  odd.writeUInt16BE(odd.readUInt16BE(16) - 3, 16)
  expect(pushAll(new Reassembly(), [odd])).toEqual(['bad-header'])
  const far = Buffer.from(last!)
  far.writeUInt16BE(0x1fff, 20)
  expect(pushAll(new Reassembly(), [far])).toEqual(['bad-header'])
})

test('what waits is bounded in packets, bytes and age, and counted', () => {
  const into = new Reassembly()
  for (let id = 0; id < 3_000; id++) pushAll(into, [cut(V4, [200], id)[0]!])
  const { packets_in_fragments: packets = 0, fragments_bytes: bytes = 0, ...counts } = into.stats()
  expect(packets).toBeLessThanOrEqual(1_024)
  expect(bytes).toBe(packets * 1_600)
  expect(counts['fragments_evicted']).toBe(3_000 - packets)
  expect(pushAll(into, [cut(V4, [200], 9_999)[0]!], 30_001)).toEqual(['ip-fragment'])
  expect(into.stats()).toMatchObject({ packets_in_fragments: 1, fragments_expired: packets })
  for (let id = 0; id < 200; id++) {
    const large = { ...V6, payload: Buffer.alloc(60_000) }
    pushAll(into, [cut(large, [7_000], id)[0]!], 30_001)
  }
  expect(into.stats()['fragments_bytes']).toBeLessThanOrEqual(4 * 2 ** 20)
})

test('what waits survives a restart', () => {
  const [first, second, last] = cut(V6, [100, 200])
  const before = new Reassembly()
  pushAll(before, [last!, first!])
  const changes: StateChange[] = []
  before.takeChanges(changes)
  const saved = changes.map(({ key, value }) => [key, value!] as const)
  const after = new Reassembly()
  after.restore([...saved, ['g:x', '[1,{"parts":[[0,7]]}]'], ['g:y', 'null']])
  expect(pushAll(after, [second!])[0]).toMatchObject(whole(V6))
  expect(after.stats()['fragments_bytes']).toBe(0)
})

test('a capture that cut the last fragment short tells how many bytes are missing', () => {
  const [first, last] = cut(V4, [100])
  const short = last!.subarray(0, last!.length - 100)
  const made = pushAll(new Reassembly(), [first!, Buffer.from(short)])
  expect(made[1]).toMatchObject({ ...whole(V4), missing: 100 })
  const middle = Buffer.from(first!.subarray(0, first!.length - 8))
  expect(pushAll(new Reassembly(), [middle])).toEqual(['cut-short'])
})

test('any bytes behind a header: no throw', () => {
  const into = new Reassembly()
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), fc.boolean(), (bytes, isV6) => {
      const [head] = cut(isV6 ? V6 : V4, [100])
      const found = readFrame(Buffer.concat([head!.subarray(0, 18), bytes]), 1)
      if (typeof found === 'object' && found.kind === 'fragment') into.push(found, 0)
    }),
  )
})
