import type { EcsDoc } from '../../model/event.ts'
import { ConditionIndex } from '../../rule/index/condition-index.ts'
import { finish } from '../../rule/index/steps.ts'
import { builtinPolicy, type CompiledEntry, type Policy } from './policy.ts'

export interface FilterSettings {
  readonly policy: Policy
  /** Length of the intervals that rollups are made for. */
  readonly intervalMs: number
  /** Most devices that one batch of input is folded for; the others are folded together. */
  readonly keysMax: number
  /** Most topics that a rollup lists. */
  readonly topicsMax: number
}

export const FILTER_DEFAULTS: Omit<FilterSettings, 'policy'> = {
  intervalMs: 300_000,
  keysMax: 10_000,
  topicsMax: 32,
}

/** Which entry of a policy decides on an event: the first whose condition holds. */
export class Filter {
  readonly settings: FilterSettings
  readonly #index: ConditionIndex
  readonly #hits: Int32Array

  constructor(settings: FilterSettings) {
    this.settings = settings
    const conditions = settings.policy.entries.map(({ condition }) => condition)
    this.#index = finish(ConditionIndex.steps(conditions))
    this.#hits = new Int32Array(conditions.length)
  }

  decide(doc: EcsDoc): CompiledEntry {
    // The last entry of a policy holds for everything, so there is a first hit.
    this.#index.match(doc, this.#hits)
    return this.settings.policy.entries[this.#hits[0]!]!
  }
}

export function builtinFilter(): Filter {
  return new Filter({ ...FILTER_DEFAULTS, policy: builtinPolicy() })
}

/** The filter in force, where sources look it up at every batch: a reload replaces it. */
export interface FilterInForce {
  current: Filter
}
