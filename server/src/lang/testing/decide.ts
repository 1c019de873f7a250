import type { Result } from '../../base/result.ts'
import type { Condition } from '../../model/condition.ts'
import type { EcsDoc } from '../../model/event.ts'
import { interpret } from '../../rule/interpret.ts'
import { createMatcher } from '../../rule/matcher.ts'
import { queryMeta } from '../query.ts'

/**
 * Whether a compiled query finds the event, by interpreter and matcher, which have to agree; the
 * code of its problem where it does not compile.
 */
export function decide(compiled: Result<Condition>, doc: EcsDoc): boolean | string {
  if (!compiled.ok) return compiled.problem.code
  const condition = compiled.value
  const plain = interpret(condition, doc)
  const rule = {
    kind: 'match',
    meta: queryMeta('kql', '', {}),
    condition,
    alerts: true,
    groupBy: [],
    fields: [],
  } as const
  const fast = createMatcher([rule]).match(doc, new Int32Array(1)) > 0
  if (plain !== fast) throw new Error(`interpreter: ${plain}, matcher: ${fast}`)
  return plain
}
