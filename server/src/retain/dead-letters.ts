import type { Clock } from '../base/clock.ts'
import { ProblemError } from '../base/problems.ts'
import type { Metrics } from '../base/metrics.ts'
import type { DeadLetter, JournalEntry } from '../model/journal.ts'
import type { Delivery } from '../model/source.ts'
import type { StateConsumer } from '../state/consumer.ts'
import {
  addDeadLetters,
  deadLetterTotals,
  type DeadLetterTotals,
  type DeadLetterWrite,
  expireDeadLetters,
  markReplayed,
  readDeadLetter,
} from '../state/dead-letters.ts'
import type { State } from '../state/state.ts'
import { addTally } from '../state/tally.ts'
import type { Db } from '../state/tables.ts'

export interface DeadLetterOptions {
  readonly state: State
  readonly metrics: Metrics
  readonly clock: Clock
  /** At either limit the oldest go, counted. */
  readonly countMax?: number
  readonly bytesMax?: number
  /** Puts the raw input through its source's decoder again; as durable as any other input. */
  readonly submit: (letter: DeadLetter) => Promise<Delivery>
}

export interface ReplayOutcome {
  readonly id: string
  readonly outcome: 'accepted' | 'rejected' | 'busy'
  readonly events: number
  readonly detail?: string
}

export interface DeadLetters {
  /** Moves them from the journal to the state; given to the responder's `also`. */
  readonly consumer: StateConsumer
  /** Rejects with ProblemError DEAD_LETTER_UNKNOWN. The letter stays, marked with the outcome. */
  replay(id: string): Promise<ReplayOutcome>
}

export const DEAD_LETTERS_COUNT_MAX = 100_000
export const DEAD_LETTERS_BYTES_MAX = 256 * 1024 * 1024
/** Tally of what expired, by the limit that made it go. */
export const EXPIRED_TALLY = 'dead_letters_expired'

export function createDeadLetters(options: DeadLetterOptions): DeadLetters {
  return { consumer: createConsumer(options), replay: (id) => replay(options, id) }
}

function createConsumer(options: DeadLetterOptions): StateConsumer {
  const { state, metrics } = options
  const countMax = options.countMax ?? DEAD_LETTERS_COUNT_MAX
  const bytesMax = options.bytesMax ?? DEAD_LETTERS_BYTES_MAX
  const added = metrics.counter('picket_dead_letters_total', 'Dead letters taken into the state.')
  const expired = metrics.counter(
    'picket_dead_letters_expired_total',
    'Dead letters that went because of a limit, by limit.',
  )
  const kept = metrics.gauge('picket_dead_letters', 'Dead letters kept.')
  const keptBytes = metrics.gauge('picket_dead_letter_bytes', 'Bytes of the dead letters kept.')
  let known: DeadLetterTotals | undefined
  let next: { totals: DeadLetterTotals; added: number; count: number; bytes: number } | undefined
  return {
    name: 'dead-letters',
    parts: ['deadLetters'],
    wants: (entry) => (entry.batch.deadLetters?.length ?? 0) > 0,
    consume: async (db, entries) => {
      const before = known ?? (await deadLetterTotals(state, db))
      const more = await addDeadLetters(state, db, writesOf(entries))
      const full = { count: before.count + more.count, bytes: before.bytes + more.bytes }
      const gone = await expire(state, db, full, { countMax, bytesMax })
      const totals = {
        count: full.count - gone.count.count - gone.bytes.count,
        bytes: full.bytes - gone.count.bytes - gone.bytes.bytes,
      }
      next = { totals, added: more.count, count: gone.count.count, bytes: gone.bytes.count }
    },
    committed: () => {
      if (next === undefined) return
      known = next.totals
      added.inc({}, next.added)
      expired.inc({ limit: 'count' }, next.count)
      expired.inc({ limit: 'bytes' }, next.bytes)
      kept.set(known.count)
      keptBytes.set(known.bytes)
      next = undefined
    },
  }
}

/** First down to the count, then to the bytes; each is counted under its own limit. */
async function expire(
  state: State,
  db: Db,
  full: DeadLetterTotals,
  limits: { readonly countMax: number; readonly bytesMax: number },
): Promise<{ readonly count: DeadLetterTotals; readonly bytes: DeadLetterTotals }> {
  const overCount = Math.max(0, full.count - limits.countMax)
  const count = await expireDeadLetters(state, db, { count: overCount, bytes: 0 })
  const overBytes = Math.max(0, full.bytes - count.bytes - limits.bytesMax)
  const bytes = await expireDeadLetters(state, db, { count: 0, bytes: overBytes })
  await addTally(state, db, EXPIRED_TALLY, { count: count.count, bytes: bytes.count })
  return { count, bytes }
}

function writesOf(entries: readonly JournalEntry[]): readonly DeadLetterWrite[] {
  return entries.flatMap(({ offset, batch }) =>
    (batch.deadLetters ?? []).map((letter, index) => ({ letter, offset, index })),
  )
}

async function replay(options: DeadLetterOptions, id: string): Promise<ReplayOutcome> {
  const { state, clock } = options
  const found = await state.query((db) => readDeadLetter(state, db, id))
  if (found === undefined) {
    throw new ProblemError({
      code: 'DEAD_LETTER_UNKNOWN',
      message: 'There is no dead letter of this id.',
      hint: 'picket deadletter list',
    })
  }
  const outcome = outcomeOf(id, await options.submit(found.letter))
  const mark = { atMs: clock.now(), outcome: outcome.outcome }
  if (outcome.outcome !== 'busy') await state.transact((db) => markReplayed(state, db, id, mark))
  return outcome
}

function outcomeOf(id: string, delivery: Delivery): ReplayOutcome {
  if (delivery.kind === 'busy') {
    return { id, outcome: 'busy', events: 0, detail: delivery.problem.message }
  }
  const outcome = delivery.rejects > 0 && delivery.events === 0 ? 'rejected' : 'accepted'
  return { id, outcome, events: delivery.events }
}
