import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { fieldOf } from '../../model/event.ts'
import { decodeText } from '../testing/decode-text.ts'
import { parsePeer, plainIp } from './address.ts'
import { mosquitto } from './mosquitto.ts'
import { AddressShape, RetryBeats } from './shape.ts'

const DAY = 86_400_000

describe('a shared address', () => {
  test('stands for most clients that were let in', () => {
    const shape = new AddressShape()
    for (let index = 0; index < 20; index++) shape.connected('172.17.0.1', `d${index}`, index)
    shape.connected('10.0.0.9', 'other', 30)
    expect(shape.of('172.17.0.1')).toEqual({ clients: 20, share: 0.95, shared: true })
    expect(shape.of('10.0.0.9')).toEqual({ clients: 1, share: 0.05, shared: false })
    expect(shape.of('10.0.0.10').shared).toBe(false)
  })

  test('is not one that few came from, nor one whose clients moved or are long gone', () => {
    const shape = new AddressShape()
    for (let index = 0; index < 4; index++) shape.connected('a', `d${index}`, 0)
    expect(shape.of('a').shared).toBe(false)
    for (let index = 0; index < 6; index++) shape.connected('a', `d${index}`, 0)
    expect(shape.of('a').shared).toBe(true)
    for (let index = 0; index < 3; index++) shape.connected('b', `d${index}`, 10)
    expect(shape.of('a')).toMatchObject({ clients: 3, shared: false })
    shape.connected('b', 'late', 2 * DAY)
    expect(shape.of('a')).toEqual({ clients: 0, share: 0, shared: false })
  })

  test('is not made by refused clients', () => {
    const lines = [`1795301345: New client connected from 10.0.0.1:1 as ok (p2, c1, k60).`]
    for (let index = 0; index < 50; index++) {
      lines.push(
        `1795301346: New connection from 6.6.6.6:${1000 + index} on port 1883.`,
        `1795301346: Client made-up-${index} disconnected, not authorised.`,
      )
    }
    const { drafts } = decodeText(mosquitto, `${lines.join('\n')}\n`)
    const last = drafts.at(-1)!.doc
    expect(fieldOf(last, 'iot.mqtt.shared_address')).toBe(false)
    expect(fieldOf(last, 'iot.mqtt.address_clients')).toBe(0)
  })
})

describe('the beat of retries', () => {
  const beat = (times: readonly number[], whole = false) => {
    const beats = new RetryBeats()
    return times.map((ms) => beats.failed('k', 'not authorised', ms, whole)).at(-1)!
  }

  test('is regular from the sixth failure on', () => {
    const times = [0, 5_000, 10_200, 15_100, 20_000, 25_000]
    expect(beat(times.slice(0, 5)).regular).toBe(false)
    expect(beat(times)).toEqual({ regular: true, intervalMs: 5_000, count: 6 })
  })

  test('is lost at an interval that is not alike, at another reason, at a success', () => {
    expect(beat([0, 5_000, 10_000, 15_000, 20_000, 25_000, 33_000])).toMatchObject({
      regular: false,
      count: 2,
    })
    const beats = new RetryBeats()
    for (let at = 0; at < 60_000; at += 5_000) beats.failed('k', 'a', at, false)
    expect(beats.failed('k', 'b', 60_000, false).count).toBe(1)
    for (let at = 65_000; at < 120_000; at += 5_000) beats.failed('k', 'b', at, false)
    beats.succeeded('k')
    expect(beats.failed('k', 'b', 120_000, false).count).toBe(1)
  })

  test('a second counts for whole-second stamps only', () => {
    const times = [0, 3_000, 5_000, 8_000, 10_000, 13_000]
    expect(beat(times, true).regular).toBe(true)
    expect(beat(times, false).regular).toBe(false)
  })

  test('a flood is never regular', () => {
    const at = fc.array(fc.integer({ min: 0, max: 60_000 }), { minLength: 120, maxLength: 200 })
    fc.assert(
      fc.property(at, (times) => {
        const sorted = times.toSorted((a, b) => a - b)
        expect(beat(sorted).regular).toBe(false)
      }),
    )
    expect(beat(Array.from({ length: 100 }, (_, index) => index * 100)).regular).toBe(false)
  })

  test('a device with a wrong password is told from its log', () => {
    const lines: string[] = []
    for (let index = 0; index < 8; index++) {
      lines.push(
        `${1_795_301_345 + index * 5}: New connection from 10.0.0.7:${4000 + index} on port 1883.`,
        `${1_795_301_345 + index * 5}: Client pump disconnected, not authorised.`,
      )
    }
    const { drafts } = decodeText(mosquitto, `${lines.join('\n')}\n`)
    const retries = drafts.map(({ doc }) => fieldOf(doc, 'iot.mqtt.retry.regular'))
    expect(retries).toEqual([false, false, false, false, false, true, true, true])
    expect(fieldOf(drafts.at(-1)!.doc, 'iot.mqtt.retry')).toEqual({
      regular: true,
      count: 8,
      interval: 5,
      scope: 'client',
    })
  })
})

describe('a peer', () => {
  test.each([
    ['10.0.0.1:80', 'unknown', '10.0.0.1', 80],
    ['10.0.0.1', 'unknown', '10.0.0.1', undefined],
    ['::ffff:10.0.0.1:80', 'unknown', '10.0.0.1', 80],
    ['::1', 'unknown', '::1', undefined],
    ['fe80::1%eth0:51234', 'unknown', 'fe80::1', 51_234],
    ['2001:db8::1:51234', 'unknown', '2001:db8::1', 51_234],
    ['2001:db8::1:80', 'port', '2001:db8::1', 80],
    ['2001:db8::1:80', 'none', '2001:db8::1:80', undefined],
    ['2001:db8:1:2:3:4:5:6:4000', 'none', '2001:db8:1:2:3:4:5:6', 4000],
    ['gateway.local:80', 'unknown', undefined, 80],
    ['', 'unknown', undefined, undefined],
  ] as const)('%s (%s)', (text, style, ip, port) => {
    expect(parsePeer(text, style)).toMatchObject({ ip: ip?.replace('%eth0', ''), port })
  })

  test('an address is told from what looks like one', () => {
    for (const text of ['1.2.3', '1.2.3.256', '::1::', '1:2:3:4:5:6:7:8:9', 'abcd', ':', '12345::'])
      expect(plainIp(text), text).toBeUndefined()
    for (const text of ['::', '1::', '1:2:3:4:5:6:7:8', '::1.2.3.4', 'FE80::A'])
      expect(plainIp(text), text).toBe(text)
  })
})
