import type { TemporalCorrelation } from '../model/correlation.ts'
import type { CorrelatorLimits } from './correlator.ts'
import { goneFrom } from './entry-row.ts'
import { Ordered, type Entry, type Item, type MachineKind } from './ordered.ts'

/** An event that may still be part of a chain, with the latest time at which one up to it began. */
interface Waiting {
  readonly item: Item
  readonly startMs: number
}

/** Events that wait for a stage, older starts first; and what of them is saved, see `SavedEntries`. */
interface Queue {
  readonly list: Waiting[]
  readonly saved: { gone: number; same: number }
}

/** For each stage but the last. */
interface Chain {
  /** The latest time at which a chain up to the stage began. */
  readonly startsMs: number[]
  /** What a chain up to the stage holds and that waits for the next one. */
  readonly waiting: Queue[]
}

/**
 * `temporal_ordered` without a condition of its own: different events of the rules, in the order of
 * the rules, ties of time by arrival, the last no more than the timespan after the first. Every event
 * that completes such a chain is a hit; it names the events that stand in one of its chains and in
 * none of an earlier hit. What is out of order is in no chain and in no hit.
 */
export function createChain(
  correlation: TemporalCorrelation,
  limits: CorrelatorLimits,
): Ordered<Chain> {
  return new Ordered(chainKind(correlation), limits)
}

function chainKind({ inputs, timespanMs }: TemporalCorrelation): MachineKind<Chain> {
  const names = [...new Set(inputs)]
  const roleOf = new Map(names.map((input, role) => [input, role]))
  const stages = inputs.map((input) => names.indexOf(input))
  return {
    roleOf,
    late: false,
    create: () => ({
      startsMs: stages.slice(1).map(() => Number.NEGATIVE_INFINITY),
      waiting: stages.slice(1).map(() => queueOf([])),
    }),
    copy: ({ startsMs, waiting }) => ({
      startsMs: startsMs.slice(),
      waiting: waiting.map(({ list }) => queueOf(list.slice())),
    }),
    step(chain, entry, done) {
      // Later stages first: an event cannot follow itself.
      for (let stage = stages.length - 1; stage >= 0; stage -= 1) {
        if (!entry.roles.includes(stages[stage]!)) continue
        const items = reach(chain, stage, { entry, timespanMs })
        const { time: timeMs, order } = entry.item.ref
        if (items !== undefined) done.push({ items, timeMs, name: String(order) })
      }
    },
    settle: (chain, timeMs) => forget(chain, timeMs - timespanMs),
    trim({ waiting }, entriesMax) {
      let gone = 0
      for (const one of waiting) gone += takeFirst(one, one.list.length - entriesMax).length
      return gone
    },
    begins: (roles) => roles.includes(stages[0]!),
    isEmpty: ({ startsMs }) => !Number.isFinite(startsMs[0] ?? Number.NEGATIVE_INFINITY),
    holdOf: ({ startsMs, waiting }) => {
      if (startsMs.some((startMs, stage) => stage > 0 && Number.isFinite(startMs))) return 'held'
      return (waiting[0]?.list.length ?? 0) > 1 ? 'grown' : 'fresh'
    },
    // No chain began later than the latest of the first stage.
    dueOf: ({ startsMs }) => {
      const [startMs = Number.NEGATIVE_INFINITY] = startsMs
      return Number.isFinite(startMs) ? startMs + timespanMs : Number.POSITIVE_INFINITY
    },
    encode: ({ startsMs, waiting }, placeOf): Row => [
      startsMs.map(finite),
      waiting.map(({ list }) => list.map(({ item, startMs }) => [placeOf(item), startMs])),
    ],
    decode(row, items) {
      const [startsMs, waiting] = row as Row
      return {
        startsMs: startsMs.map((startMs) => startMs ?? Number.NEGATIVE_INFINITY),
        waiting: waiting.map((one) =>
          queueOf(one.map(([index, startMs]) => ({ item: items[index]!, startMs }))),
        ),
      }
    },
    changes: CHANGES,
  }
}

const CHANGES: NonNullable<MachineKind<Chain>['changes']> = {
  since: ({ startsMs, waiting }, placeOf): RowChange => [
    startsMs.map(finite),
    waiting.map(({ list, saved: { gone, same } }) => {
      const last = list.slice(same).map(({ item, startMs }): WaitingRow => [placeOf(item), startMs])
      return [gone, same, last]
    }),
  ],
  taken({ waiting }) {
    for (const { list, saved } of waiting) {
      saved.gone = 0
      saved.same = list.length
    }
  },
  amend(row, change): Row {
    const [, before] = row as Row
    const [startsMs, waiting] = change as RowChange
    const lists = waiting.map(([gone, same, last], at) => [
      ...before[at]!.slice(gone, gone + same),
      ...last,
    ])
    return [startsMs, lists]
  },
}

const queueOf = (list: Waiting[]): Queue => ({ list, saved: { gone: 0, same: 0 } })

function takeFirst(queue: Queue, count: number): Waiting[] {
  const first = queue.list.splice(0, Math.max(0, count))
  goneFrom(queue, first.length)
  return first
}

/** JSON has no Infinity; null stands for "never". */
const finite = (ms: number): number | null => (Number.isFinite(ms) ? ms : null)
type WaitingRow = [item: number, startMs: number]
type Row = [startsMs: (number | null)[], waiting: WaitingRow[][]]
type RowChange = [startsMs: Row[0], waiting: [gone: number, same: number, last: WaitingRow[]][]]

/**
 * The entry as the given stage. What waited for the stage goes on with it; at the last stage that is
 * what the chains that it completes are made of. Each event is carried once from stage to stage.
 */
function reach(
  { startsMs, waiting }: Chain,
  stage: number,
  one: { readonly entry: Entry; readonly timespanMs: number },
): Item[] | undefined {
  const { item } = one.entry
  const { time } = item.ref
  const startMs = stage === 0 ? time : startsMs[stage - 1]!
  if (time - startMs > one.timespanMs) return undefined
  const before = stage === 0 ? [] : takeFirst(waiting[stage - 1]!, Number.POSITIVE_INFINITY)
  const alive = before.filter((each) => time - each.startMs <= one.timespanMs)
  const next = waiting[stage]?.list
  if (next === undefined) return [...new Set([...alive.map((each) => each.item), item])]
  for (const each of alive) next.push(each)
  next.push({ item, startMs })
  startsMs[stage] = Math.max(startsMs[stage]!, startMs)
  return undefined
}

/** What began before it is in no chain that is completed from now on. */
function forget({ startsMs, waiting }: Chain, horizonMs: number): void {
  for (const [stage, startMs] of startsMs.entries()) {
    if (startMs < horizonMs) startsMs[stage] = Number.NEGATIVE_INFINITY
    const queue = waiting[stage]!
    const count = queue.list.findIndex((one) => one.startMs >= horizonMs)
    takeFirst(queue, count < 0 ? queue.list.length : count)
  }
}
