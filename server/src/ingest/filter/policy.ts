import { sha256Hex } from '../../base/hash.ts'
import type { Problem } from '../../base/problems.ts'
import { fail, ok, type Result } from '../../base/result.ts'
import { compileKqlCondition } from '../../lang/kql/compile.ts'
import type { Condition } from '../../model/condition.ts'
import type { PolicyEntry } from '../../model/filter.ts'
import { BUILTIN_POLICY } from './builtin.ts'

/** An entry as it runs. */
export interface CompiledEntry extends PolicyEntry {
  readonly condition: Condition
}

export interface Policy {
  readonly entries: readonly CompiledEntry[]
  /** Names the policy; the same entries have the same hash. */
  readonly hash: string
}

/** What is wrong with one entry of the list that was given. */
export interface EntryProblem extends Problem {
  readonly index: number
  readonly field: 'name' | 'when'
}

/** The last resort, where a policy does not end with an entry for everything. */
const REST: PolicyEntry = {
  name: 'everything-else',
  when: '*',
  keep: 'security',
  reason: 'No entry of the policy fits, and what is not known is kept.',
}

export const ENTRIES_MAX = 500

/**
 * Compiles the entries of a policy; the word `builtin` stands for the built-in ones. Gives every
 * problem, each with the index of its entry; its `column` counts within the condition.
 */
export function compilePolicy(
  given: readonly (PolicyEntry | 'builtin')[],
): Result<Policy, readonly EntryProblem[]> {
  const problems: EntryProblem[] = []
  const entries: CompiledEntry[] = []
  const names = new Set<string>()
  for (const [index, one] of given.entries()) {
    for (const entry of one === 'builtin' ? BUILTIN_POLICY : [one]) {
      if (names.has(entry.name)) {
        const message = `the name "${entry.name}" stands twice`
        problems.push({ code: 'CONFIG_INVALID', message, index, field: 'name' })
      }
      names.add(entry.name)
      const condition = conditionOf(entry.when)
      if (condition.ok) entries.push({ ...entry, condition: condition.value })
      else problems.push({ ...condition.problem, index, field: 'when' })
    }
  }
  if (problems.length > 0) return fail(problems)
  const last = entries.at(-1)
  if (last?.condition.kind !== 'always') {
    entries.push({
      ...(names.has(REST.name) ? { ...REST, name: 'the-rest' } : REST),
      condition: ALWAYS,
    })
  }
  const plain = entries.map(({ name, when, keep, reason }) => [name, when, keep, reason])
  return ok({ entries, hash: sha256Hex(JSON.stringify(plain)) })
}

const ALWAYS: Condition = { kind: 'always' }

function conditionOf(when: string): Result<Condition> {
  return when.trim() === '*' ? ok(ALWAYS) : compileKqlCondition(when)
}

let builtin: Policy | undefined

export function builtinPolicy(): Policy {
  if (builtin === undefined) {
    const compiled = compilePolicy(['builtin'])
    if (!compiled.ok) throw new Error(compiled.problem[0]?.message ?? 'the built-in policy')
    builtin = compiled.value
  }
  return builtin
}
