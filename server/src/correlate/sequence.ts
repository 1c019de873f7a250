import type { SequenceCorrelation } from '../model/correlation.ts'
import type { CorrelatorLimits } from './correlator.ts'
import { Ordered, type Item, type MachineKind } from './ordered.ts'
import {
  copyMachine,
  createMachine,
  forget,
  settle,
  step,
  type Machine,
} from './sequence-machine.ts'
import { planSequence } from './sequence-plan.ts'

/** EQL's sequence. With a missing event at its end a match comes, final, after the deadline. */
export function createSequence(
  correlation: SequenceCorrelation,
  limits: CorrelatorLimits,
): Ordered<Machine> {
  return new Ordered(sequenceKind(correlation), limits)
}

function sequenceKind(correlation: SequenceCorrelation): MachineKind<Machine> {
  const plan = planSequence(correlation)
  const beginning = plan.roles.map(({ steps, gaps }) => steps.includes(0) || gaps.includes(0))
  return {
    roleOf: plan.roleOf,
    late: plan.trails,
    create: createMachine,
    copy: copyMachine,
    step: (machine, entry, done) => step(plan, machine, entry, done),
    settle(machine, timeMs, done) {
      settle(machine, timeMs, done)
      forget(plan, machine, timeMs)
    },
    trim({ waiting }, entriesMax) {
      return waiting.splice(0, Math.max(0, waiting.length - entriesMax)).length
    },
    begins: (roles) => roles.some((role) => beginning[role] === true),
    isEmpty: ({ slots, waiting, missing }) =>
      waiting.length === 0 &&
      (missing?.size ?? 0) === 0 &&
      slots.every((slot) => slot === undefined),
    holdOf({ slots, waiting }) {
      if (waiting.length > 0) return 'held'
      const progressed = slots.some((slot, index) => index > 0 && slot !== undefined)
      // Without a span a partial sequence never ends; it must not fill the table for ever.
      if (progressed) return Number.isFinite(plan.maxspanMs) ? 'held' : 'grown'
      return 'fresh'
    },
    dueOf({ slots, waiting, missing }) {
      let dueMs = Number.POSITIVE_INFINITY
      for (const { deadlineMs } of waiting) dueMs = Math.min(dueMs, deadlineMs)
      if (Number.isFinite(dueMs)) return dueMs
      let lastMs = Number.NEGATIVE_INFINITY
      for (const slot of slots) lastMs = Math.max(lastMs, slot?.items[0]?.ref.time ?? lastMs)
      for (const [missingMs] of missing?.values() ?? []) lastMs = Math.max(lastMs, missingMs)
      return Number.isFinite(lastMs) ? lastMs + plan.maxspanMs : Number.POSITIVE_INFINITY
    },
    encode: encodeMachine,
    decode: decodeMachine,
  }
}

type Row = [
  slots: ([items: number[], leadMs: number | null, spoilt: 0 | 1] | null)[],
  waiting: [items: number[], deadlineMs: number][],
  missing: [gap: number, lastMs: number, beforeMs: number | null][],
]

function encodeMachine(machine: Machine, placeOf: (item: Item) => number): Row {
  const slots = Array.from(machine.slots, (slot): Row[0][number] =>
    slot === undefined ? null : [slot.items.map(placeOf), slot.leadMs ?? null, slot.spoilt ? 1 : 0],
  )
  const waiting = machine.waiting.map((one): Row[1][number] => {
    return [one.items.map(placeOf), one.deadlineMs]
  })
  // JSON has no Infinity; null stands for "none before".
  const missing = [...(machine.missing ?? [])].map(([gap, [lastMs, beforeMs]]): Row[2][number] => {
    return [gap, lastMs, Number.isFinite(beforeMs) ? beforeMs : null]
  })
  return [slots, waiting, missing]
}

function decodeMachine(row: unknown, items: readonly Item[]): Machine {
  const [slots, waiting, missing] = row as Row
  const at = (indexes: readonly number[]) => indexes.map((index) => items[index]!)
  return {
    slots: slots.map((slot) => {
      if (slot === null) return undefined
      const [indexes, leadMs, spoilt] = slot
      return { items: at(indexes), leadMs: leadMs ?? undefined, spoilt: spoilt === 1 }
    }),
    waiting: waiting.map(([indexes, deadlineMs]) => ({ items: at(indexes), deadlineMs })),
    missing: new Map(
      missing.map(([gap, lastMs, beforeMs]) => [
        gap,
        [lastMs, beforeMs ?? Number.NEGATIVE_INFINITY],
      ]),
    ),
  }
}
