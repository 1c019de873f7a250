import type { StateChange } from '../../model/decoder.ts'

/** What is done with a clock that a whole cohort has wrong by an hour. */
export const COHORT_POLICIES = ['correct', 'tag', 'off'] as const
export type CohortPolicy = (typeof COHORT_POLICIES)[number]

export interface CohortSettings {
  readonly policy: CohortPolicy
  /** So many devices of a cohort must be off by the same hour. */
  readonly devicesMin: number
  /** How far from a whole hour a claim may be: the way of a message, and drift. */
  readonly toleranceMs: number
}

export const COHORT_DEFAULTS: CohortSettings = {
  policy: 'correct',
  devicesMin: 5,
  toleranceMs: 120_000,
}

const HOUR_MS = 3_600_000
const DAY_MS = 86_400_000
const COHORTS_MAX = 1_000
const DEVICES_MAX = 10_000
/** A claim of an hour ago may be an old message: it must stay an hour behind for so long. */
const STEADY_MS = 600_000
const KEY = '@cohort:'

interface Cohort {
  /** Devices that are an hour off, by sign, and since when and until when (receipt) they were. */
  readonly off: Map<string, { readonly shift: number; readonly sinceMs: number; lastMs: number }>
  /** Recognized shift, in ms; 0: none. */
  shift: number
  /** Receipt of the last message that was off by it. */
  lastMs: number
}

/**
 * Recognizes the mistake of summer time: devices of one source, site and type whose claims are all of
 * a sudden exactly one hour ahead of receipt or behind it, because their clocks were not set, or were
 * twice. One device with such a clock is a wrong clock; several alike are a cohort. Bounded; the
 * cohort or device heard of longest ago goes first.
 */
export class Cohorts {
  settings: CohortSettings = COHORT_DEFAULTS
  readonly #cohorts = new Map<string, Cohort>()
  readonly #changed = new Set<string>()

  get size(): number {
    return this.#cohorts.size
  }

  /** Whether a claim that is so much ahead says anything here: off by an hour, or back on time. */
  concerns(aheadMs: number): boolean {
    return (
      this.#cohorts.size > 0 || Math.abs(Math.abs(aheadMs) - HOUR_MS) <= this.settings.toleranceMs
    )
  }

  /**
   * By how many ms the cohort of this message is shifted, if the message is; 0 otherwise.
   * `behindMs`: the claim less the receipt.
   */
  shiftOf(cohortKey: string, device: string, aheadMs: number, receivedMs: number): number {
    const { policy, toleranceMs } = this.settings
    if (policy === 'off') return 0
    const shift = Math.abs(aheadMs - HOUR_MS) <= toleranceMs ? HOUR_MS : -HOUR_MS
    const isOff = Math.abs(aheadMs - shift) <= toleranceMs
    const cohort = this.#cohorts.get(cohortKey)
    if (!isOff) {
      // On time again, or never off.
      cohort?.off.delete(device)
      return 0
    }
    return this.#off(cohortKey, device, shift, receivedMs)
  }

  /**
   * Whether a device that is an hour ahead is so for less than ten minutes: its cohort may still turn
   * out to be, and the first devices of a cohort are no more to blame than the others.
   */
  isPending(cohortKey: string, device: string, receivedMs: number): boolean {
    const known = this.#cohorts.get(cohortKey)?.off.get(device)
    return known?.shift === HOUR_MS && receivedMs - known.sinceMs < STEADY_MS
  }

  /** Recognized cohorts that changed since the last call. */
  takeChanges(): StateChange[] {
    if (this.#changed.size === 0) return []
    const changes = [...this.#changed].map((key): StateChange => {
      const { shift = 0, lastMs = 0 } = this.#cohorts.get(key) ?? {}
      return { key: KEY + key, value: shift === 0 ? undefined : JSON.stringify([shift, lastMs]) }
    })
    this.#changed.clear()
    return changes
  }

  restore(key: string, value: string): boolean {
    if (!key.startsWith(KEY)) return false
    const [shift, lastMs] = JSON.parse(value) as [number, number]
    this.#cohorts.set(key.slice(KEY.length), { off: new Map(), shift, lastMs })
    return true
  }

  #off(key: string, device: string, shift: number, receivedMs: number): number {
    const cohort = this.#cohorts.get(key) ?? { off: new Map(), shift: 0, lastMs: receivedMs }
    this.#cohorts.delete(key)
    this.#cohorts.set(key, cohort)
    if (cohort.shift !== 0 && receivedMs - cohort.lastMs > DAY_MS) this.#recognize(key, cohort, 0)
    const known = cohort.off.get(device)
    cohort.off.delete(device)
    const sinceMs = known?.shift === shift ? known.sinceMs : receivedMs
    cohort.off.set(device, { shift, sinceMs, lastMs: receivedMs })
    if (cohort.off.size > DEVICES_MAX) dropFirst(cohort.off)
    if (this.#cohorts.size > COHORTS_MAX) {
      const first = dropFirst(this.#cohorts)
      if (first !== undefined) this.#changed.add(first)
    }
    if (cohort.shift !== shift && this.#isCohort(cohort, shift, receivedMs)) {
      this.#recognize(key, cohort, shift)
    }
    if (cohort.shift !== shift) return 0
    cohort.lastMs = receivedMs
    return shift
  }

  #isCohort({ off }: Cohort, shift: number, receivedMs: number): boolean {
    let alike = 0
    for (const one of off.values()) {
      if (one.shift !== shift || receivedMs - one.lastMs > DAY_MS) continue
      if (shift < 0 && one.lastMs - one.sinceMs < STEADY_MS) continue
      alike += 1
      if (alike >= this.settings.devicesMin) return true
    }
    return false
  }

  #recognize(key: string, cohort: Cohort, shift: number): void {
    cohort.shift = shift
    this.#changed.add(key)
  }
}

function dropFirst<K>(map: Map<K, unknown>): K | undefined {
  const [first] = map.keys()
  if (first !== undefined) map.delete(first)
  return first
}
