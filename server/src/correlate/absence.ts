import type { Correlator, CorrelatorLimits, EventRef, Moment, Observation } from './correlator.ts'
import { encodeKey } from './group-key.ts'
import { KeyTable, type RowCodec } from './key-table.ts'

interface LastSeen {
  time: number
  order: number
  last: EventRef | undefined
}

/**
 * An expected event did not come: a key was seen, and then not again for the timespan. Decided when
 * the watermark has passed the deadline, so nothing can take it back; one hit for each silence. The
 * key is then forgotten until it is seen again.
 */
export class Absence implements Correlator {
  readonly table: KeyTable<LastSeen>
  readonly #timespanMs: number

  constructor(options: { timespanMs: number; limits: CorrelatorLimits }) {
    this.#timespanMs = options.timespanMs
    this.table = new KeyTable({ keysMax: options.limits.keysMax, codec: plain() })
  }

  observe(observation: Observation, _moment: Moment): void {
    const last = observation.events.at(-1)
    for (const { key } of observation.parts) {
      const seen = this.table.get(key)
      if (seen === undefined) {
        if (!this.table.admit()) continue
      } else if (seen.time > observation.time) continue
      const { time, order } = observation
      const state = { time, order, last: last ?? seen?.last }
      // A key under watch must not be pushed out: that would be a silence nobody hears.
      this.table.put(key, state, { hold: 'held', dueMs: observation.time + this.#timespanMs })
    }
  }

  advance(moment: Moment): void {
    for (;;) {
      const key = this.table.nextDue(moment.watermarkMs)
      if (key === undefined) return
      const { last, time: lastMs, order } = this.table.get(key)!
      const time = lastMs + this.#timespanMs
      this.table.delete(key)
      const events = last === undefined ? [] : [last]
      moment.sink.hit({ key, name: String(order), time, order, events }, 'final')
    }
  }

  finish(_moment: Moment): void {
    // The end of the input is no silence.
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

  silence(
    source: string,
    silence: { readonly sinceMs: number; readonly atMs: number },
    moment: Moment,
  ): void {
    const key = encodeKey([source])
    const { sinceMs, atMs } = silence
    const seen = this.table.get(key)
    const known = seen?.sinceMs === sinceMs
    if ((known && seen.told) || (seen === undefined && !this.table.admit())) return
    const told = atMs - sinceMs >= this.#timespanMs
    if (known && !told) return
    this.table.put(key, { sinceMs, told }, { hold: 'held', dueMs: Number.POSITIVE_INFINITY })
    if (!told) return
    const facts = { silent_since: new Date(sinceMs).toISOString() }
    const time = sinceMs + this.#timespanMs
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
