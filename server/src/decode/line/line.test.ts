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
    expect(year('Feb 29 23:59:59 ', '2028-03-01T00:00:02Z')).toBe(2028)
    expect(year('Feb 29 00:00:01 ', '2028-02-28T23:59:59Z')).toBe(2028)
    expect(year('Mar  1 00:00:00 ', '2028-03-01T00:00:02Z')).toBe(2028)
    expect(year('Jan  2 00:00:01 ', '2027-01-01T00:00:05Z')).toBe(2027)
    expect(year('Jan  3 00:00:01 ', '2027-01-01T00:00:05Z')).toBe(2026)
  })

  test('without a year, about midnight of the new year, in a zone of its own', () => {
    const reader = new StampReader({ zone: parseZone('Pacific/Auckland')!, monthFirst: false })
    const utcOf = (text: string, received: string): string => {
      expect(reader.read(text, 0, Date.parse(received))).toBe(true)
      return new Date(reader.ms).toISOString()
    }
    // There it is the new year for 13 hours while it is the old one in UTC.
    const received = '2026-12-31T11:00:05Z'
    expect(utcOf('Dec 31 23:59:59 ', received)).toBe('2026-12-31T10:59:59.000Z')
    expect(utcOf('Jan  1 00:00:01 ', received)).toBe('2026-12-31T11:00:01.000Z')
    const west = new StampReader({ zone: parseZone('America/Los_Angeles')!, monthFirst: false })
    expect(west.read('Dec 31 23:59:59 ', 0, Date.parse('2027-01-01T08:00:02Z'))).toBe(true)
    expect(new Date(west.ms).toISOString()).toBe('2027-01-01T07:59:59.000Z')
  })

  test('without a date, about midnight', () => {
    const reader = new StampReader(utc)
    const utcOf = (text: string, received: string): string => {
      expect(reader.read(text, 0, Date.parse(received))).toBe(true)
      return new Date(reader.ms).toISOString()
    }
    expect(utcOf('23:59:58: x', '2027-01-01T00:00:05Z')).toBe('2026-12-31T23:59:58.000Z')
    expect(utcOf('00:00:01: x', '2026-12-31T23:59:59Z')).toBe('2026-12-31T00:00:01.000Z')
    expect(utcOf('23:00:00: x', '2028-02-29T23:30:00Z')).toBe('2028-02-29T23:00:00.000Z')
    expect(utcOf('23:59:59: x', '2028-03-01T00:00:01Z')).toBe('2028-02-29T23:59:59.000Z')
  })

  test('29 February is a day in leap years only', () => {
    const reader = new StampReader(utc)
    expect(reader.read('2028-02-29T12:00:00: x', 0, RECEIVED)).toBe(true)
    expect(reader.read('2000-02-29T12:00:00: x', 0, RECEIVED)).toBe(true)
    expect(reader.read('2100-02-29T12:00:00: x', 0, RECEIVED)).toBe(false)
    expect(reader.read('2027-02-29T12:00:00: x', 0, RECEIVED)).toBe(false)
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
  test('a time that occurs twice, or not at all, counts by the offset before', () => {
    expect(at('Europe/Berlin', '2026-10-25T02:30')).toBe('2026-10-25T00:30')
    expect(at('Europe/Berlin', '2026-10-25T01:59')).toBe('2026-10-24T23:59')
    expect(at('Europe/Berlin', '2026-10-25T03:00')).toBe('2026-10-25T02:00')
    expect(at('Europe/Berlin', '2026-03-29T02:30')).toBe('2026-03-29T01:30')
    expect(at('Europe/Berlin', '2026-03-29T01:59')).toBe('2026-03-29T00:59')
    expect(at('Europe/Berlin', '2026-03-29T03:00')).toBe('2026-03-29T01:00')
    const zone = parseZone('America/New_York')!
    const twice = Date.parse('2026-11-01T01:30Z')
    expect([zone(twice), zone(twice, true)]).toEqual([-4 * 3_600_000, -5 * 3_600_000])
    // Half an hour of summer time.
    expect(at('Australia/Lord_Howe', '2026-04-05T01:45')).toBe('2026-04-04T14:45')
  })
  test('every local time maps to one that is written like it', () => {
    const zone = parseZone('Europe/Berlin')!
    const shown = new Intl.DateTimeFormat('sv-SE', {
      ...{ timeZone: 'Europe/Berlin', dateStyle: 'short', timeStyle: 'medium' },
    })
    const minutes = fc.integer({ min: Date.UTC(2020) / 60_000, max: Date.UTC(2030) / 60_000 })
    fc.assert(
      fc.property(minutes, (minute) => {
        const local = minute * 60_000
        const text = new Date(local).toISOString().slice(0, 16).replace('T', ' ')
        for (const later of [false, true]) {
          const back = shown.format(local - zone(local, later)).slice(0, 16)
          // In March an hour is left out.
          if (back !== text) expect(text).toMatch(/-03-\d\d 02:/)
        }
      }),
    )
  })
  test('the hour that occurs twice is told by receipt, and by the lines before', () => {
    const reader = (): StampReader =>
      new StampReader({ zone: parseZone('Europe/Berlin')!, monthFirst: false })
    const read = (one: StampReader, clock: string, received: string): string => {
      expect(one.read(`2026-10-25 ${clock}:00 x`, 0, Date.parse(received))).toBe(true)
      return new Date(one.ms).toISOString().slice(11, 16)
    }
    // Live: the line was just written.
    expect(read(reader(), '02:30', '2026-10-25T00:30:02Z')).toBe('00:30')
    expect(read(reader(), '02:30', '2026-10-25T01:30:02Z')).toBe('01:30')
    // A file read long after: the stamps go back an hour.
    const file = reader()
    const late = '2026-10-26T09:00:00Z'
    const clocks = ['01:50', '02:10', '02:55', '02:05', '02:40', '02:59', '03:10']
    expect(clocks.map((one) => read(file, one, late))).toEqual([
      ...['23:50', '00:10', '00:55', '01:05', '01:40', '01:59', '02:10'],
    ])
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
