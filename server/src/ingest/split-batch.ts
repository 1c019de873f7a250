import { type EcsDoc, fieldOf, type SecurityEvent } from '../model/event.ts'
import type { DeadLetter, JournalBatch } from '../model/journal.ts'

/** So much of an event that the journal cannot take is kept. */
const KEPT_CHARS = 65_536

/**
 * Two batches of one that is larger than the journal takes, in its order; the counts of what is routine
 * go with the second. One of a single event becomes its dead letter. None: nothing of it can be kept.
 */
export function splitBatch(batch: JournalBatch): readonly JournalBatch[] {
  const { source, ingestedMs, events = [], deadLetters = [], rollups = [], routine } = batch
  const count = events.length + deadLetters.length + rollups.length
  const [event] = events
  if (count === 1 && event !== undefined) {
    return [
      { source, ingestedMs, deadLetters: [letterOf(source, event)], ...(routine && { routine }) },
    ]
  }
  if (count < 2) return []
  let left = Math.ceil(count / 2)
  const take = <T>(list: readonly T[]): readonly [readonly T[], readonly T[]] => {
    const first = list.slice(0, left)
    left -= first.length
    return [first, list.slice(first.length)]
  }
  const [eventsA, eventsB] = take(events)
  const [lettersA, lettersB] = take(deadLetters)
  const [rollupsA, rollupsB] = take(rollups)
  const part = (
    some: readonly SecurityEvent[],
    letters: readonly DeadLetter[],
    folded: typeof rollups,
  ): JournalBatch => ({
    ...{ source, ingestedMs },
    ...(some.length > 0 && { events: some }),
    ...(folded.length > 0 && { rollups: folded }),
    ...(letters.length > 0 && { deadLetters: letters }),
  })
  return [
    part(eventsA, lettersA, rollupsA),
    { ...part(eventsB, lettersB, rollupsB), ...(routine && { routine }) },
  ]
}

function letterOf(source: string, { id, doc }: SecurityEvent): DeadLetter {
  const text = (path: string): string => String(fieldOf(doc, path) ?? '')
  const original = text('event.original')
  return {
    ...{ id, source, decoder: text('event.module'), code: 'DECODE_TOO_LONG' },
    message: 'the event is larger than the journal takes',
    receivedMs: Date.parse(text('event.created')) || 0,
    raw: (original === '' ? summary(doc) : original).slice(0, KEPT_CHARS),
    rawEncoding: 'utf8',
  }
}

function summary(doc: EcsDoc): string {
  return JSON.stringify({ '@timestamp': doc['@timestamp'], event: doc['event'] })
}
