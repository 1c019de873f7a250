import type { SequenceCorrelation } from '../model/correlation.ts'

/** What an event can be to a sequence, by the input that it matches. */
export interface Role {
  /** Steps that it can be, descending: `with runs` makes several of one stage. */
  readonly steps: readonly number[]
  /** Gaps that it must not stand in: 0 before the first step, n before step n, after the last. */
  readonly gaps: readonly number[]
  readonly until: boolean
}

/** A sequence with its runs written out and its missing events sorted into gaps. */
export interface SequencePlan {
  /** Events that have to occur. */
  readonly steps: number
  readonly maxspanMs: number
  /** Roles by number; an entry holds the numbers. */
  readonly roles: readonly Role[]
  readonly roleOf: ReadonlyMap<string, number>
  /** Gaps that hold a missing event. */
  readonly gaps: readonly number[]
  readonly leads: boolean
  readonly trails: boolean
}

export function planSequence(correlation: SequenceCorrelation): SequencePlan {
  const roles = new Map<string, { steps: number[]; gaps: number[]; until: boolean }>()
  const role = (input: string) => {
    const known = roles.get(input) ?? { steps: [], gaps: [], until: false }
    roles.set(input, known)
    return known
  }
  let steps = 0
  for (const stage of correlation.stages) {
    if (stage.missing) role(stage.input).gaps.push(steps)
    else for (let run = 0; run < stage.runs; run++) role(stage.input).steps.unshift(steps++)
  }
  if (correlation.until !== undefined) role(correlation.until.input).until = true
  const gaps = [...new Set([...roles.values()].flatMap((one) => one.gaps))].sort((a, b) => a - b)
  return {
    steps,
    maxspanMs: correlation.maxspanMs ?? Number.POSITIVE_INFINITY,
    roles: [...roles.values()],
    roleOf: new Map([...roles.keys()].map((input, index) => [input, index])),
    gaps,
    leads: gaps.includes(0),
    trails: gaps.includes(steps),
  }
}
