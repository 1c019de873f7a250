import type { Done, Entry, Item } from './ordered.ts'
import type { SequencePlan } from './sequence-plan.ts'

/** A sequence under way. */
export interface Candidate {
  readonly items: readonly Item[]
  /** Latest event before the first that had to be missing there. */
  readonly leadMs: number | undefined
  /** An event stood between that had to be missing: it goes on, as it would, but is no match. */
  readonly spoilt: boolean
}

/** A sequence that is complete unless an event comes by the deadline that has to be missing. */
export interface Waiting {
  readonly items: readonly Item[]
  readonly deadlineMs: number
}

/** The two latest distinct times of the events that must be missing in a gap. */
export type Times = readonly [lastMs: number, beforeMs: number]

/**
 * The machine of one key (Elasticsearch, “How sequence queries handle matches”): one candidate a
 * step, the newer replaces the older. Entries are given in the order of (time, order).
 */
export interface Machine {
  /** By the step that the candidate has reached; the last step completes it. */
  slots: (Candidate | undefined)[]
  waiting: Waiting[]
  /** By gap; none before the first such event. */
  missing: Map<number, Times> | undefined
}

export function createMachine(): Machine {
  return { slots: [], waiting: [], missing: undefined }
}

export function copyMachine(machine: Machine): Machine {
  return {
    slots: machine.slots.slice(),
    waiting: machine.waiting.slice(),
    missing: machine.missing === undefined ? undefined : new Map(machine.missing),
  }
}

/** Takes one entry; adds what it completes to `done`. */
export function step(plan: SequencePlan, machine: Machine, entry: Entry, done: Done[]): void {
  const timeMs = entry.item.ref.time
  if (machine.waiting.length > 0) settle(machine, timeMs, done)
  for (const number of stepsOf(plan, entry.roles)) advance(plan, machine, number, entry.item, done)
  let until = false
  for (const role of entry.roles) {
    if (plan.roles[role]?.until === true) until = true
    for (const gap of plan.roles[role]?.gaps ?? []) miss(plan, machine, gap, timeMs)
  }
  if (until) machine.slots = []
}

/** Steps that the entry can be, from the last, so that no event follows itself. */
function stepsOf(plan: SequencePlan, roles: readonly number[]): readonly number[] {
  const [only] = roles
  if (roles.length === 1 && only !== undefined) return plan.roles[only]?.steps ?? []
  return roles.flatMap((role) => plan.roles[role]?.steps ?? []).sort((a, b) => b - a)
}

function advance(
  plan: SequencePlan,
  machine: Machine,
  number: number,
  item: Item,
  done: Done[],
): void {
  const timeMs = item.ref.time
  let next: Candidate
  if (number === 0) {
    next = { items: [item], leadMs: lastBefore(machine.missing?.get(0), timeMs), spoilt: false }
  } else {
    const from = machine.slots[number - 1]
    if (from === undefined) return
    machine.slots[number - 1] = undefined
    const [first] = from.items
    const previous = from.items.at(-1)
    if (first === undefined || previous === undefined) return
    if (timeMs - first.ref.time > plan.maxspanMs) return
    const missingMs = lastBefore(machine.missing?.get(number), timeMs)
    const spoilt = from.spoilt || (missingMs !== undefined && missingMs > previous.ref.time)
    next = { items: [...from.items, item], leadMs: from.leadMs, spoilt }
  }
  if (number < plan.steps - 1) machine.slots[number] = next
  else complete(plan, machine, next, done)
}

/** The latest time strictly before `timeMs`: events of the same instant are not between. */
function lastBefore(times: Times | undefined, timeMs: number): number | undefined {
  if (times === undefined) return undefined
  const found = times[0] < timeMs ? times[0] : times[1]
  return found < timeMs ? found : undefined
}

function complete(plan: SequencePlan, machine: Machine, candidate: Candidate, done: Done[]): void {
  if (candidate.spoilt) return
  const { items, leadMs } = candidate
  const firstMs = items[0]?.ref.time ?? 0
  const lastMs = items.at(-1)?.ref.time ?? 0
  if (!plan.trails) {
    if (leadMs === undefined || lastMs - leadMs > plan.maxspanMs)
      done.push({ items, timeMs: lastMs })
    return
  }
  // With missing events at both ends one alone does not spoil it: both, within the span, do.
  const fromMs = plan.leads ? leadMs : firstMs
  if (fromMs === undefined || fromMs + plan.maxspanMs <= lastMs)
    done.push({ items, timeMs: lastMs })
  else machine.waiting.push({ items, deadlineMs: fromMs + plan.maxspanMs })
}

function miss(plan: SequencePlan, machine: Machine, gap: number, timeMs: number): void {
  machine.missing ??= new Map()
  const [lastMs, beforeMs] = machine.missing.get(gap) ?? [-Infinity, -Infinity]
  machine.missing.set(gap, timeMs > lastMs ? [timeMs, lastMs] : [lastMs, beforeMs])
  if (gap !== plan.steps || machine.waiting.length === 0) return
  machine.waiting = machine.waiting.filter(
    ({ items }) => (items.at(-1)?.ref.time ?? timeMs) >= timeMs,
  )
}

/** Completes what was waiting and is out of reach of events from `timeMs` on. */
export function settle(machine: Machine, timeMs: number, done: Done[]): void {
  const { waiting } = machine
  // In the order of their deadlines, since what began earlier completed earlier.
  let count = 0
  for (const { items, deadlineMs } of waiting) {
    if (deadlineMs >= timeMs) break
    done.push({ items, timeMs: deadlineMs })
    count++
  }
  if (count > 0) waiting.splice(0, count)
}

/** Forgets what no event from `timeMs` on can use any more. */
export function forget(plan: SequencePlan, machine: Machine, timeMs: number): void {
  const horizonMs = timeMs - plan.maxspanMs
  const { slots, missing } = machine
  for (let index = 0; index < slots.length; index++) {
    const firstMs = slots[index]?.items[0]?.ref.time
    if (firstMs !== undefined && firstMs < horizonMs) slots[index] = undefined
  }
  while (slots.length > 0 && slots.at(-1) === undefined) slots.pop()
  if (missing === undefined) return
  for (const [gap, [lastMs]] of missing) {
    if (lastMs < horizonMs) missing.delete(gap)
  }
}
