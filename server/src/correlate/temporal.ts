import type { RefCondition, TemporalCorrelation } from '../model/correlation.ts'
import type { CorrelatorLimits } from './correlator.ts'
import { MonotoneWindow, type Noted, type Scan } from './window.ts'

/** Which of the correlation's rules an event matched: indexes into its inputs. */
type Roles = readonly number[]

/**
 * `temporal` without negation: events of the rules asked for, in one window. Also `temporal_ordered`
 * with a condition of its own: the order of what it asks for is not told; it is a set then.
 */
export function createTemporal(
  correlation: TemporalCorrelation,
  limits: CorrelatorLimits,
): MonotoneWindow<Roles> {
  const { timespanMs, condition } = correlation
  const inputs = [...new Set(correlation.inputs)]
  const roles = new Map(inputs.map((input, index) => [input, index]))
  const wanted = condition ?? all(inputs)
  /** One list for all events of a role: a window may hold very many. */
  const alone = new Map([...roles].map(([input, role]): [string, Roles] => [input, [role]]))
  return new MonotoneWindow<Roles>({
    timespanMs,
    limits,
    scan: () => new SetScan(roles, wanted),
    note(parts) {
      const [only] = parts
      if (only !== undefined && parts.length === 1) return alone.get(only.input)
      const found = new Set<number>()
      for (const { input } of parts) {
        const role = roles.get(input)
        if (role !== undefined) found.add(role)
      }
      return found.size === 0 ? undefined : [...found].sort((a, b) => a - b)
    },
  })
}

function all(inputs: readonly string[]): RefCondition {
  return { kind: 'and', parts: inputs.map((rule) => ({ kind: 'ref', rule })) }
}

/** True where more events could undo the condition. */
export function hasNegation(condition: RefCondition): boolean {
  switch (condition.kind) {
    case 'ref':
      return false
    case 'not':
      return true
    case 'and':
    case 'or':
      return condition.parts.some(hasNegation)
  }
}

export function refHolds(condition: RefCondition, isThere: (rule: string) => boolean): boolean {
  switch (condition.kind) {
    case 'ref':
      return isThere(condition.rule)
    case 'not':
      return !refHolds(condition.part, isThere)
    case 'and':
      return condition.parts.every((part) => refHolds(part, isThere))
    case 'or':
      return condition.parts.some((part) => refHolds(part, isThere))
  }
}

/** How many events of each rule the window holds. */
class SetScan implements Scan<Roles> {
  readonly #counts: number[]
  readonly #roles: ReadonlyMap<string, number>
  readonly #wanted: RefCondition

  constructor(roles: ReadonlyMap<string, number>, wanted: RefCondition) {
    this.#roles = roles
    this.#wanted = wanted
    this.#counts = Array.from({ length: roles.size }, () => 0)
  }

  add({ what }: Noted<Roles>): void {
    for (const role of what) this.#counts[role]! += 1
  }

  leave({ what }: Noted<Roles>): void {
    for (const role of what) this.#counts[role]! -= 1
  }

  holds(): boolean {
    return refHolds(this.#wanted, (rule) => this.#counts[this.#roles.get(rule) ?? -1]! > 0)
  }
}
