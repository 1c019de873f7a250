import type { Condition, ValueTest } from '../model/condition.ts'
import type { EcsDoc } from '../model/event.ts'
import { evaluateExpr } from './expr.ts'
import { passes, passesReference } from './interpret-value.ts'
import { isPresent, leavesOf, objectsAt, valuesAt } from './values.ts'

/**
 * Whether the condition holds for the event: the plain authority. It shares no code with the
 * matcher, is kept for ever, and is what every faster way is compared with.
 */
export function interpret(condition: Condition, doc: EcsDoc): boolean {
  switch (condition.kind) {
    case 'always':
      return true
    case 'never':
      return false
    case 'field':
      return holdsAt(doc, condition.path, condition.test)
    case 'anywhere':
      return leavesOf(doc).some((leaf) => passes(condition.test, leaf.value))
    case 'fields':
      return pathsLike(doc, condition.pattern).some((path) => holdsAt(doc, path, condition.test))
    case 'nested':
      return objectsAt(doc, condition.path).some((object) => interpret(condition.part, object))
    case 'expr':
      return evaluateExpr(condition.expr, doc, interpret) === true
    case 'and':
      return condition.parts.every((part) => interpret(part, doc))
    case 'or':
      return condition.parts.some((part) => interpret(part, doc))
    case 'not':
      return !interpret(condition.part, doc)
  }
}

function holdsAt(doc: EcsDoc, path: string, test: ValueTest): boolean {
  if (test.kind === 'present') return isPresent(doc, path)
  const values = valuesAt(doc, path)
  if (test.kind !== 'fieldref') return values.some((value) => passes(test, value))
  const others = valuesAt(doc, test.path)
  return values.some((value) => others.some((other) => passesReference(test, value, other)))
}

/** Paths of the event's values that fit a pattern in which `*` stands for any run. */
function pathsLike(doc: EcsDoc, pattern: string): string[] {
  const [first = '', ...rest] = pattern.split('*')
  const last = rest.pop()
  const paths = new Set(leavesOf(doc).map((leaf) => leaf.path))
  return [...paths].filter((path) => {
    if (last === undefined) return path === pattern
    if (!path.startsWith(first)) return false
    let at = first.length
    for (const part of rest) {
      const found = path.indexOf(part, at)
      if (found < 0) return false
      at = found + part.length
    }
    return path.length - last.length >= at && path.endsWith(last)
  })
}
