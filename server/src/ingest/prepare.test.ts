import { describe, expect, test } from 'vitest'
import { ManualClock } from '../base/clock.ts'
import { SILENT } from '../base/log.ts'
import { MetricsRegistry } from '../base/metrics.ts'
import { ProblemError } from '../base/problems.ts'
import { decoders } from '../decode/registry.ts'
import { fieldOf } from '../model/event.ts'
import type { Commit, Journal, JournalBatch } from '../model/journal.ts'
import type { RawItem } from '../model/source.ts'
import { Ingest } from './ingest.ts'
import type { Joining } from './lines/joiner.ts'
import { startForm } from './lines/text-forms.ts'
import { createPreparer } from './prepare.ts'

const NOW = Date.UTC(2026, 10, 22)
const AT = 1_795_301_345
const make = () =>
  createPreparer({ source: 'broker', decoderSpec: decoders['mosquitto']!, tenant: 'default' })
const item = (text: string, key: string): RawItem => ({ text, key, receivedMs: NOW })
const takeover = [
  item(`${AT}: New client connected from 10.0.0.1:1 as d (p2, c1, k60).`, 'a'),
  item(`${AT}: Client d already connected, closing old connection.`, 'b'),
  item(`${AT}: New client connected from 10.0.0.2:2 as d (p2, c1, k60).`, 'c'),
]

describe('a batch', () => {
  test('holds events, routine counts and dead letters, and commits the cursor', () => {
    const { batch, commit } = make().prepare(
      {
        items: [
          takeover[0]!,
          item(`${AT}: No will message specified.`, 'w'),
          item('what is this', 'x'),
          { ...item('long', 'y'), cut: { bytes: 9_999_999 } },
          {
            ...item(takeover[0]!.text, 'u'),
            unreadable: { code: 'DECODE_FIELD', detail: 'no list' },
          },
          { ...item('b\ufffdd', 'z'), bytes: new Uint8Array([98, 255, 100]) },
        ],
        cursor: { key: 'file', value: '77' },
      },
      NOW,
    )
    expect(batch).toMatchObject({ source: 'broker', ingestedMs: NOW, routine: { will: 1 } })
    expect(batch.events).toHaveLength(1)
    expect(batch.deadLetters).toMatchObject([
      { code: 'DECODE_UNKNOWN', raw: 'what is this', rawEncoding: 'utf8', decoder: 'mosquitto' },
      { code: 'DECODE_TOO_LONG', raw: 'long' },
      { code: 'DECODE_FIELD', message: 'no list', raw: takeover[0]!.text },
      { code: 'DECODE_UNKNOWN', raw: 'Yv9k', rawEncoding: 'base64' },
    ])
    expect(new Set(batch.deadLetters!.map(({ id }) => id)).size).toBe(4)
    expect(commit.cursor).toEqual({ source: 'broker', key: 'file', value: '77' })
    expect(commit.decoderState?.source).toBe('broker')
  })

  test('leaves out what is empty', () => {
    const { batch, commit } = make().prepare({ items: [] }, NOW)
    expect(batch).toEqual({ source: 'broker', ingestedMs: NOW })
    expect(commit).toEqual({})
  })

  test('marks what was delivered before', () => {
    const { batch } = make().prepare({ items: [takeover[0]!], redelivered: true }, NOW)
    expect(fieldOf(batch.events![0]!.doc, 'iot.redelivered')).toBe(true)
  })
})

describe('a join that spans batches', () => {
  const saved = new Map<string, string>()
  const first = make()
  const { commit } = first.prepare({ items: takeover.slice(0, 2) }, NOW)
  for (const { key, value } of commit.decoderState!.changes)
    if (value !== undefined) saved.set(key, value)

  test('is told by the next one, also after a restart, under the id of its line', () => {
    const second = make()
    second.restore(saved)
    const after = second.prepare({ items: takeover.slice(2) }, NOW + 1).batch.events!
    const live = first.prepare({ items: takeover.slice(2) }, NOW + 1).batch.events!
    expect(after).toEqual(live)
    expect(after.map(({ doc }) => fieldOf(doc, 'event.action'))).toEqual([
      'mqtt-takeover',
      'mqtt-connect',
    ])
    expect(fieldOf(after[0]!.doc, 'iot.mqtt.previous.ip')).toBe('10.0.0.1')
    expect(fieldOf(after[0]!.doc, 'event.original')).toContain('10.0.0.2')
  })

  test('is told when the source is quiet, once', () => {
    const second = make()
    second.restore(saved)
    const settled = second.settle(NOW + 1)!
    expect(settled.batch.events).toHaveLength(1)
    expect(settled.commit.decoderState?.changes).toContainEqual({ key: 'held', value: undefined })
    expect(second.settle(NOW + 2)).toBeUndefined()
  })
})

describe('a decoder that throws', () => {
  const spec = {
    ...decoders['mosquitto']!,
    create: () => ({
      decode: ({ text }: RawItem) => {
        throw new TypeError(`${text} is not a function`)
      },
    }),
  }

  test('costs its source a dead letter, not its way', () => {
    const preparer = createPreparer({ source: 'broker', decoderSpec: spec, tenant: 'default' })
    const { batch, seen } = preparer.prepare({ items: [item('x', 'a'), item('y', 'b')] }, NOW)
    expect(batch.deadLetters).toMatchObject([
      { code: 'DECODE_FAULT', key: 'a', message: 'the decoder failed on it: x is not a function' },
      { code: 'DECODE_FAULT', key: 'b', raw: 'y' },
    ])
    expect(seen).toMatchObject([{ outcome: 'reject' }, { outcome: 'reject' }])
  })
})

describe('a batch that the journal refuses', () => {
  /** A journal that is full for some appends of data, and a source of lines that wait for partners. */
  function setUp(joining?: Joining) {
    const appended: JournalBatch[] = []
    const saved = new Map<string, string>()
    let failing = 0
    const append = async (batch: JournalBatch, commit: Commit = {}): Promise<number> => {
      if (failing > 0) {
        failing -= 1
        throw new ProblemError({ code: 'JOURNAL_FULL', message: 'full' })
      }
      for (const { key, value } of commit.decoderState?.changes ?? []) {
        if (value === undefined) saved.delete(key)
        else saved.set(key, value)
      }
      return appended.push(batch)
    }
    const decoderSpec = decoders['mosquitto']!
    const preparer = createPreparer({
      ...{ source: 'broker', decoderSpec, tenant: 'default' },
      ...(joining && { joining }),
    })
    const ingest = new Ingest({
      ...{ source: 'broker', preparer, clock: new ManualClock(NOW), log: SILENT, latenessMs: 0 },
      metrics: new MetricsRegistry(),
      journal: { append } as unknown as Journal,
      pause: async () => undefined,
    })
    const deliver = async (...items: RawItem[]): Promise<string> =>
      (await ingest.deliver({ items }, 'refuse')).kind
    const actions = (): unknown[] =>
      appended.flatMap(({ events = [] }) => events.map(({ doc }) => fieldOf(doc, 'event.action')))
    return { appended, saved, deliver, actions, fail: (times: number) => (failing = times) }
  }

  test('loses nothing of what it told of lines that were acknowledged before', async () => {
    const { deliver, actions, fail, appended } = setUp()
    expect(await deliver(takeover[0]!, takeover[1]!)).toBe('durable')
    expect(actions()).toEqual(['mqtt-connect'])
    fail(3)
    // Refused once after it was decoded, then before.
    for (let time = 0; time < 3; time++) expect(await deliver(takeover[2]!)).toBe('busy')
    expect(await deliver(takeover[2]!)).toBe('durable')
    expect(actions().filter((action) => action === 'mqtt-takeover')).toHaveLength(1)
    expect(actions().filter((action) => action === 'mqtt-connect')).toHaveLength(2)
    const ids = appended.flatMap(({ events = [] }) => events.map(({ id }) => id))
    expect(new Set(ids).size).toBe(ids.length)
  })

  test('nor of a record whose first lines were', async () => {
    const form = startForm('^[0-9]{10}: ')
    const limits = { linesMax: 9, charactersMax: 9_000, timeoutMs: 5_000 }
    const { deliver, appended, fail } = setUp({ form, unwrap: false, bare: false, ...limits })
    expect(await deliver(item(`${AT}: what is this`, 'x1'), item(' more of it', 'x2'))).toBe(
      'durable',
    )
    fail(1)
    expect(await deliver(takeover[0]!)).toBe('busy')
    expect(await deliver(takeover[0]!)).toBe('durable')
    const raw = appended.flatMap(({ deadLetters = [] }) => deadLetters.map((letter) => letter.raw))
    expect(raw).toEqual([`${AT}: what is this\n more of it`])
  })
})
