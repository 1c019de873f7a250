import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Frame } from './frame.ts'
import { StampReader } from './stamp.ts'
import { parseZone } from './zone.ts'

const RECEIVED = Date.UTC(2026, 10, 22, 12)
const utc = { zone: () => 0, monthFirst: false }
const pad = (value: number, width = 2): string => String(value).padStart(width, '0')
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

/** Every form of stamp that is read, with the precision that it keeps. */
const forms: Readonly<Record<string, (at: Date) => string>> = {
  'epoch seconds': (at) => String(Math.floor(at.getTime() / 1000)),
  'ISO with T': (at) => at.toISOString().slice(0, 19),
  'ISO with a space': (at) => at.toISOString().slice(0, 19).replace('T', ' '),
  'ISO with slashes': (at) => at.toISOString().slice(0, 19).replace('T', ' ').replaceAll('-', '/'),
  'ISO with Z': (at) => `${at.toISOString().slice(0, 19)}Z`,
  'ISO with a zone': (at) =>
    `${new Date(at.getTime() - 5_400_000).toISOString().slice(0, 19)}-0130`,
  'day.month.year': (at) =>
    `${pad(at.getUTCDate())}.${pad(at.getUTCMonth() + 1)}.${at.getUTCFullYear()} ${clock(at)}`,
  'day-Mon-year': (at) =>
    `${pad(at.getUTCDate())}-${MONTHS[at.getUTCMonth()]}-${at.getUTCFullYear()} ${clock(at)}`,
  ctime: (at) =>
    `Sat ${MONTHS[at.getUTCMonth()]} ${String(at.getUTCDate()).padStart(2)} ${clock(at)} ${at.getUTCFullYear()}`,
}
const clock = (at: Date): string => at.toISOString().slice(11, 19)

describe('a time stamp', () => {
  test.each(Object.entries(forms))('%s is read back to the second', (_, write) => {
    const reader = new StampReader(utc)
    const seconds = fc.integer({ min: 200_000_000, max: 4_000_000_000 })
    fc.assert(
      fc.property(seconds, fc.constantFrom('', 'x', '> '), (second, before) => {
        const text = `${before}${write(new Date(second * 1000))}: rest`
        expect(reader.read(text, before.length, RECEIVED)).toBe(true)
        expect(reader.ms).toBe(second * 1000)
        expect(text.slice(reader.end)).toBe(': rest')
        expect(reader.whole).toBe(true)
      }),
    )
  })

  test('a fraction is kept to the millisecond', () => {
    const reader = new StampReader(utc)
    expect(reader.read('2026-11-21T22:49:05.123456789Z x', 0, RECEIVED)).toBe(true)
    expect(new Date(reader.ms).toISOString()).toBe('2026-11-21T22:49:05.123Z')
    expect(reader.read('1795301345.5: x', 0, RECEIVED)).toBe(true)
    expect(reader.ms).toBe(1_795_301_345_500)
    expect(reader.whole).toBe(false)
  })

  test('without a year it is the year that fits the receipt', () => {
    const reader = new StampReader(utc)
    const year = (text: string, received: string): number => {
      expect(reader.read(text, 0, Date.parse(received))).toBe(true)
      return new Date(reader.ms).getUTCFullYear()
    }
    expect(year('Nov 21 22:49:05 ', '2026-11-22T00:00:00Z')).toBe(2026)
    expect(year('Dec 31 23:59:59 ', '2027-01-01T00:00:05Z')).toBe(2026)
    expect(year('Jan  1 00:00:01 ', '2026-12-31T23:59:59Z')).toBe(2027)
    expect(year('Feb 29 12:00:00 ', '2026-11-22T00:00:00Z')).toBe(2024)
  })

  test.each([
    '2026-13-01T00:00:00: x',
    '2026-02-30T00:00:00: x',
    '2026-11-21T25:00:00: x',
    '99999999: too short',
    '17953013451: too long',
    'Foo 21 22:49:05 x',
    'Nov 41 22:49:05 x',
  ])('%s is none', (text) => {
    expect(new StampReader(utc).read(text, 0, RECEIVED)).toBe(false)
  })
})

describe('a zone', () => {
  const at = (zone: string, local: string): string => {
    const ms = Date.parse(`${local}Z`)
    return new Date(ms - parseZone(zone)!(ms)).toISOString().slice(0, 16)
  }
  test('may be fixed or named, with summer time', () => {
    expect(at('UTC', '2026-07-01T12:00')).toBe('2026-07-01T12:00')
    expect(at('+02:00', '2026-07-01T12:00')).toBe('2026-07-01T10:00')
    expect(at('-0530', '2026-07-01T12:00')).toBe('2026-07-01T17:30')
    expect(at('Europe/Berlin', '2026-07-01T12:00')).toBe('2026-07-01T10:00')
    expect(at('Europe/Berlin', '2026-12-01T12:00')).toBe('2026-12-01T11:00')
    expect(at('America/New_York', '2026-03-08T12:00')).toBe('2026-03-08T16:00')
  })
  test('of no such name is none', () => {
    for (const name of ['Mars/Base', '+99:00', '']) expect(parseZone(name)).toBeUndefined()
  })
  test('a local stamp is moved by it', () => {
    const frame = new Frame({ zone: parseZone('Europe/Berlin')!, monthFirst: false })
    frame.read('2026-11-21T22:49:05: x', RECEIVED)
    expect(new Date(frame.timeMs!).toISOString()).toBe('2026-11-21T21:49:05.000Z')
    frame.read('1795301345: x', RECEIVED)
    expect(frame.timeMs).toBe(1_795_301_345_000)
  })
})

describe('a frame', () => {
  const frame = new Frame(utc)
  const read = (text: string) => {
    frame.read(text, RECEIVED)
    const { message, host, program, timeMs } = frame
    return { message, host, program, time: timeMs && new Date(timeMs).toISOString().slice(0, 19) }
  }
  const bare = { message: 'Client a b.', host: undefined, program: undefined }
  const time = '2026-11-21T22:49:05'

  test.each([
    ['1795301345: Client a b.', { ...bare, time }],
    ['Client a b.', { ...bare, time: undefined }],
    ['2026-11-21T22:49:05.1Z 1795301345: Client a b.', { ...bare, time }],
    ['2026-11-21T22:49:05.1Z Client a b.', { ...bare, time }],
    ['mqtt  | 1795301345: Client a b.', { ...bare, program: 'mqtt', time }],
    [
      '\u001b[33mmqtt  |\u001b[0m 1795301345: \u001b[1mClient a b.',
      { ...bare, program: 'mqtt', time },
    ],
    [
      '<29>Nov 21 22:49:05 gw mosquitto[7]: Client a b.',
      { message: 'Client a b.', host: 'gw', program: 'mosquitto', time },
    ],
    [
      'Nov 21 22:49:05 gw tag: 1795301345: Client a b.',
      { message: 'Client a b.', host: 'gw', program: 'tag', time },
    ],
    [
      '<29>1 2026-11-21T22:49:05Z gw app - - - \ufeffClient a b.',
      { message: 'Client a b.', host: 'gw', program: 'app', time },
    ],
    ['{"log":"Client a b.\\n","time":"2026-11-21T22:49:05Z"}', { ...bare, time }],
  ])('is taken off %j', (text, want) => {
    expect(read(text)).toEqual(want)
  })

  test.each([
    'OpenSSL Error[0]: error:0A000086:SSL routines::x',
    'Connection Refused: not authorised',
    'dynsec: a/b | createRole | rolename=x',
    '{"no":"wrapper"}',
    '{broken',
    '[s6-init] making user provided files available',
  ])('is not seen in %j, also behind a zoned time', (text) => {
    expect(read(text).message).toBe(text)
    expect(read(`2026-11-21T22:49:05Z ${text}`).message).toBe(text)
  })

  test('reads any text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
        frame.read(text, RECEIVED)
        expect(frame.message.length).toBeLessThanOrEqual(text.length)
      }),
      { numRuns: 2_000 },
    )
  })
})
