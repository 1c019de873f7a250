import { afterEach, expect, test } from 'vitest'
import { ManualClock } from '../base/clock.ts'
import { MetricsRegistry } from '../base/metrics.ts'
import type { DeadLetter, JournalEntry } from '../model/journal.ts'
import type { Delivery } from '../model/source.ts'
import { deadLetterTotals, listDeadLetters, readDeadLetter } from '../state/dead-letters.ts'
import type { State } from '../state/state.ts'
import { readTally } from '../state/tally.ts'
import { describeEngines } from '../state/testing/engines.ts'
import { createDeadLetters, EXPIRED_TALLY } from './dead-letters.ts'

const opened: State[] = []
afterEach(async () => {
  for (const state of opened.splice(0)) await state.close()
})

const letterOf = (id: string, raw = 'not a line'): DeadLetter => ({
  id,
  source: 'file:broker',
  decoder: 'mosquitto',
  code: 'DECODE_SYNTAX',
  message: 'No time at the start.',
  receivedMs: 1_000,
  raw,
  rawEncoding: 'utf8',
  facts: { line: '3' },
})
const entryOf = (offset: number, ...deadLetters: DeadLetter[]): JournalEntry => ({
  offset,
  batch: { source: 'file:broker', ingestedMs: 1, deadLetters },
})

describeEngines('dead letters', (engine) => {
  const setUp = async (name: string, limits: { countMax?: number; bytesMax?: number } = {}) => {
    const state = await engine.open(name)
    opened.push(state)
    const metrics = new MetricsRegistry()
    const submitted: DeadLetter[] = []
    const answer: { delivery: Delivery } = {
      delivery: { kind: 'durable', events: 1, rejects: 0 },
    }
    const letters = createDeadLetters({
      state,
      metrics,
      clock: new ManualClock(9_000),
      submit: async (letter) => {
        submitted.push(letter)
        return answer.delivery
      },
      ...limits,
    })
    const take = async (...entries: JournalEntry[]): Promise<void> => {
      await state.transact((db) => letters.consumer.consume(db, entries))
      letters.consumer.committed?.()
    }
    return { state, metrics, letters, submitted, answer, take }
  }

  test('are kept whole, sealed, once', async () => {
    const { state, take } = await setUp('kept')
    const letter = letterOf('one', 'client \u0000 lovelace')
    await take(entryOf(3, letter, letterOf('two')))
    await take(entryOf(3, letter), entryOf(4, letterOf('three')))
    const list = await listDeadLetters(state, state.db, {}, { limit: 2 })
    expect(list.letters.map((one) => one.id)).toEqual(['three', 'two'])
    const page = { limit: 2, cursor: list.cursor ?? '' }
    const rest = await listDeadLetters(state, state.db, {}, page)
    expect(rest).toEqual({ letters: [expect.objectContaining({ id: 'one', code: letter.code })] })
    expect((await readDeadLetter(state, state.db, 'one'))?.letter).toEqual(letter)
    const row = await state.db.selectFrom('dead_letter').selectAll().execute()
    expect(row.some(({ body }) => Buffer.from(body).includes('lovelace'))).toBe(false)
    const other = await listDeadLetters(state, state.db, { code: 'DECODE_TIME' }, { limit: 2 })
    expect(other.letters).toEqual([])
  })

  test('beyond the count the oldest go, counted, also over a restart', async () => {
    const first = await setUp('count', { countMax: 3 })
    const ids = ['a', 'b', 'c', 'd', 'e']
    await first.take(...ids.map((id, at) => entryOf(at + 1, letterOf(id))))
    expect(first.metrics.value('picket_dead_letters_expired_total', { limit: 'count' })).toBe(2)
    const second = await setUp('count', { countMax: 3 })
    await second.take(entryOf(9, letterOf('f')))
    const { state } = second
    const { letters } = await listDeadLetters(state, state.db, {}, { limit: 9 })
    expect(letters.map((one) => one.id)).toEqual(['f', 'e', 'd'])
    expect((await readTally(state, state.db, EXPIRED_TALLY)).get('count')).toBe(3)
    expect(second.metrics.value('picket_dead_letters')).toBe(3)
  })

  test('beyond the bytes the oldest go, counted apart', async () => {
    const { state, metrics, take } = await setUp('bytes', { bytesMax: 100 })
    await take(entryOf(1, letterOf('a', 'x'.repeat(60))), entryOf(2, letterOf('b', 'é'.repeat(15))))
    await take(entryOf(3, letterOf('c', 'x'.repeat(11))))
    expect(await deadLetterTotals(state, state.db)).toEqual({ count: 2, bytes: 41 })
    expect(metrics.value('picket_dead_letters_expired_total', { limit: 'bytes' })).toBe(1)
    expect(metrics.value('picket_dead_letter_bytes')).toBe(41)
  })

  test('a replay hands back the raw input and marks how it ended', async () => {
    const { state, letters, submitted, answer, take } = await setUp('replay')
    await take(entryOf(1, letterOf('a')))
    expect(await letters.replay('a')).toEqual({ id: 'a', outcome: 'accepted', events: 1 })
    expect(submitted).toEqual([letterOf('a')])
    const replayed = await listDeadLetters(state, state.db, { replayed: true }, { limit: 9 })
    expect(replayed.letters).toMatchObject([
      { id: 'a', replayedMs: 9_000, replayOutcome: 'accepted' },
    ])
    answer.delivery = { kind: 'durable', events: 0, rejects: 1 }
    expect(await letters.replay('a')).toMatchObject({ outcome: 'rejected' })
    const problem = { code: 'STATE_FULL' as const, message: 'full' }
    answer.delivery = { kind: 'busy', problem, retryAfterMs: 1_000 }
    expect(await letters.replay('a')).toMatchObject({ outcome: 'busy', detail: 'full' })
    expect((await readDeadLetter(state, state.db, 'a'))?.summary.replayOutcome).toBe('rejected')
    await expect(letters.replay('none')).rejects.toMatchObject({
      problem: { code: 'DEAD_LETTER_UNKNOWN' },
    })
  })
})
