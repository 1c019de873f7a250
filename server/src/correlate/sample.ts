import type { SampleCorrelation } from '../model/correlation.ts'
import type { CorrelatorLimits } from './correlator.ts'
import { Ordered, type Entry, type Item, type MachineKind } from './ordered.ts'

/** Of one key: for each stage the first events that match it, as many as there are stages. */
interface Gathered {
  readonly stages: Item[][]
  /** One sample a key: it has been found. */
  found: boolean
}

/**
 * EQL's sample: distinct events of one key, one for each stage, in any order and at any distance
 * in time; one sample a key (Elasticsearch's default), as soon as there is one.
 */
export function createSample(
  correlation: SampleCorrelation,
  limits: CorrelatorLimits,
): Ordered<Gathered> {
  return new Ordered(sampleKind(correlation), limits)
}

function sampleKind(correlation: SampleCorrelation): MachineKind<Gathered> {
  const count = correlation.stages.length
  return {
    roleOf: new Map(correlation.stages.map(({ input }, index) => [input, index])),
    late: false,
    create: () => ({ stages: Array.from({ length: count }, () => []), found: false }),
    copy: ({ stages, found }) => ({ stages: stages.map((items) => items.slice()), found }),
    step(gathered, entry, done) {
      if (gathered.found || !gather(gathered, entry, count)) return
      const items = chooseDistinct(gathered.stages)
      if (items === undefined) return
      gathered.found = true
      gathered.stages.length = 0
      done.push({ items, timeMs: entry.item.ref.time })
    },
    settle: () => undefined,
    trim: () => 0,
    begins: () => true,
    isEmpty: ({ stages, found }) => !found && stages.every((items) => items.length === 0),
    holdOf: ({ stages, found }) => {
      const reached = stages.filter((items) => items.length > 0).length
      return found || reached > 1 ? 'grown' : 'fresh'
    },
    dueOf: () => Number.POSITIVE_INFINITY,
    encode: ({ stages, found }, placeOf) => [found ? 1 : 0, stages.map((one) => one.map(placeOf))],
    decode(row, items) {
      const [found, stages] = row as [0 | 1, number[][]]
      const lists = stages.map((one) => one.map((index) => items[index]!))
      return { stages: lists, found: found === 1 }
    },
  }
}

/** Adds the event to its stages; false if it changes nothing. */
function gather(gathered: Gathered, entry: Entry, count: number): boolean {
  let added = false
  for (const role of entry.roles) {
    const items = gathered.stages[role]
    // With as many as there are stages a distinct one is always left.
    if (items === undefined || items.length >= count) continue
    items.push(entry.item)
    added = true
  }
  return added
}

/** The earliest choice of a different event for each stage; undefined if there is none. */
export function chooseDistinct(stages: readonly (readonly Item[])[]): Item[] | undefined {
  const chosen: Item[] = []
  for (const [index, items] of stages.entries()) {
    const rest = stages.slice(index + 1)
    const item = items.find((one) => !chosen.includes(one) && canFill(rest, [...chosen, one]))
    if (item === undefined) return undefined
    chosen.push(item)
  }
  return chosen
}

/** Whether each stage can have an event of its own, none of them taken (augmenting paths). */
function canFill(stages: readonly (readonly Item[])[], taken: readonly Item[]): boolean {
  const stageOf = new Map<Item, number>()
  const place = (stage: number, seen: Set<Item>): boolean => {
    for (const item of stages[stage] ?? []) {
      if (taken.includes(item) || seen.has(item)) continue
      seen.add(item)
      const holder = stageOf.get(item)
      if (holder !== undefined && !place(holder, seen)) continue
      stageOf.set(item, stage)
      return true
    }
    return false
  }
  return stages.every((_, stage) => place(stage, new Set()))
}
