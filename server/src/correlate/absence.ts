import type {
  Correlator,
  CorrelatorLimits,
  EventRef,
  Hit,
  Moment,
  Observation,
} from './correlator.ts'
import { insertEntry, type Place } from './entries.ts'
import { encodeKey } from './group-key.ts'
import { KeyTable, type RowCodec } from './key-table.ts'

interface Beat extends Place {
  readonly ref: EventRef | undefined
}

/** Sorted by (time, order): the last beat below the watermark, and those from it on. */
type Beats = Beat[]

const noBeats = (): Beats => []

/**
 * An expected event did not come: a key was seen, and then not again for the timespan. Decided when
 * the watermark has passed the deadline, so nothing can take it back; one hit for each silence. A
 * key that stays silent is then forgotten until it is seen again.
 */
export class Absence implements Correlator {
  readonly table: KeyTable<Beats>
  readonly #timespanMs: number
  readonly #entriesMax: number

  constructor(options: { timespanMs: number; limits: CorrelatorLimits }) {
    const { keysMax, entriesMax } = options.limits
    this.#timespanMs = options.timespanMs
    this.#entriesMax = entriesMax
    this.table = new KeyTable({ keysMax, codec: plain() })
  }

  observe(observation: Observation, _moment: Moment): void {
    const { time, order, events } = observation
    for (const key of new Set(observation.parts.map((part) => part.key))) {
      const beats = this.table.open(key, noBeats)
      if (beats === undefined) continue
      const at = insertEntry(beats, { time, order, ref: events.at(-1) })
      this.#thin(beats, at)
      this.#put(key, beats)
    }
  }

  advance(moment: Moment): void {
    for (;;) {
      const key = this.table.nextDue(moment.watermarkMs)
      if (key === undefined) return
      const beats = this.table.get(key)!
      while (beats[0] !== undefined && this.#deadlineOf(beats) < moment.watermarkMs) {
        const [last, next] = beats
        const isSilent = next === undefined || next.time - last.time > this.#timespanMs
        if (isSilent) moment.sink.hit(this.#hitOf(key, last), 'final')
        beats.shift()
      }
      this.#put(key, beats)
    }
  }

  finish(_moment: Moment): void {
    // The end of the input is no silence.
  }

  #hitOf(key: string, last: Beat): Hit {
    const events = last.ref === undefined ? [] : [last.ref]
    const time = last.time + this.#timespanMs
    return { key, name: String(last.order), time, order: last.order, events }
  }

  #deadlineOf(beats: Beats): number {
    return (beats[0]?.time ?? Number.POSITIVE_INFINITY) + this.#timespanMs
  }

  #put(key: string, beats: Beats): void {
    if (beats.length === 0) this.table.delete(key)
    // A key under watch must not be pushed out: that would be a silence nobody hears.
    else this.table.put(key, beats, { hold: 'held', dueMs: this.#deadlineOf(beats) })
  }

  /** A beat between two that are no silence apart tells nothing: the one put in, or a neighbour. */
  #thin(beats: Beats, at: number): void {
    for (const index of [at + 1, at, at - 1]) {
      const before = beats[index - 1]
      const after = beats[index + 1]
      if (before === undefined || after === undefined) continue
      if (after.time - before.time <= this.#timespanMs) beats.splice(index, 1)
    }
    if (beats.length > this.#entriesMax) {
      this.table.losses.trimmed += 1
      beats.shift()
    }
  }
}

interface SourceSeen {
  sinceMs: number
  told: boolean
}

/** A whole source gave nothing, not even routine lines, for the timespan; told by its ticks. */
export class SourceAbsence implements Correlator {
  readonly table: KeyTable<SourceSeen>
  readonly #timespanMs: number

  constructor(options: { timespanMs: number; limits: CorrelatorLimits }) {
    this.#timespanMs = options.timespanMs
    this.table = new KeyTable({ keysMax: options.limits.keysMax, codec: plain() })
  }

  /** `sinceMs` names the silence, `silentMs` is how much of it counts until `atMs`. */
  silence(
    source: string,
    silence: { readonly sinceMs: number; readonly atMs: number; readonly silentMs: number },
    moment: Moment,
  ): void {
    const key = encodeKey([source])
    const { sinceMs, atMs, silentMs } = silence
    const seen = this.table.get(key)
    const known = seen?.sinceMs === sinceMs
    if ((known && seen.told) || (seen === undefined && !this.table.admit())) return
    const told = silentMs >= this.#timespanMs
    if (known && !told) return
    this.table.put(key, { sinceMs, told }, { hold: 'held', dueMs: Number.POSITIVE_INFINITY })
    if (!told) return
    const facts = { silent_since: new Date(sinceMs).toISOString() }
    const time = atMs - silentMs + this.#timespanMs
    moment.sink.hit({ key, name: String(sinceMs), time, order: 0, events: [], facts }, 'final')
  }

  observe(_observation: Observation, _moment: Moment): void {
    // Its input is the ticks.
  }

  advance(_moment: Moment): void {
    // Its time is that of the ticks.
  }

  finish(_moment: Moment): void {
    // The end of the input is no silence.
  }
}

function plain<S>(): RowCodec<S> {
  return { encode: (state) => state, decode: (row) => row as S }
}
