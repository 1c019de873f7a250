import fc from 'fast-check'
import type { Condition, Expr, ValueTest } from '../../model/condition.ts'
import type { EcsDoc } from '../../model/event.ts'
import { interpret } from '../interpret.ts'

type Draft = Map<string, unknown[]>
type Pick = (count: number) => number

const TRIES = 200

/**
 * An event that the condition holds for, built from the condition itself: for tests that a rule can
 * match at all. Undefined where none was found (a contradiction, or a computation too odd).
 */
export function witnessOf(condition: Condition, seed = 1): EcsDoc | undefined {
  let state = seed
  const pick: Pick = (count) => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648
    return Math.floor((state / 2_147_483_648) * count)
  }
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const draft: Draft = new Map()
    satisfy(condition, draft, attempt === 0 ? () => 0 : pick, '')
    const doc = docOf(draft)
    if (interpret(condition, doc)) return doc
  }
  return undefined
}

function satisfy(condition: Condition, draft: Draft, pick: Pick, base: string): void {
  const at = (path: string) => (base === '' ? path : `${base}.${path}`)
  switch (condition.kind) {
    case 'and':
      for (const part of condition.parts) satisfy(part, draft, pick, base)
      return
    case 'or': {
      const part = condition.parts[pick(condition.parts.length)]
      if (part !== undefined) satisfy(part, draft, pick, base)
      return
    }
    case 'not':
      avoid(condition.part, draft, pick, base)
      return
    case 'field':
      add(draft, at(condition.path), valueFor(condition.test, pick))
      return
    case 'fields':
      add(draft, at(condition.pattern.replaceAll('*', 'x')), valueFor(condition.test, pick))
      return
    case 'anywhere':
      add(draft, at('message'), valueFor(condition.test, pick))
      return
    case 'nested':
      satisfy(condition.part, draft, pick, at(condition.path))
      return
    case 'expr':
      compute(condition.expr, draft, pick)
      return
    case 'always':
    case 'never':
  }
}

/** Makes the condition false: what is not said is absent, so mostly nothing is to be done. */
function avoid(condition: Condition, draft: Draft, pick: Pick, base: string): void {
  if (condition.kind === 'not') satisfy(condition.part, draft, pick, base)
  if (condition.kind === 'and') {
    const part = condition.parts[pick(condition.parts.length)]
    if (part !== undefined) avoid(part, draft, pick, base)
  }
  if (condition.kind === 'or') for (const part of condition.parts) avoid(part, draft, pick, base)
}

/** A better value replaces one that only had to be there. */
function add(draft: Draft, path: string, value: unknown): void {
  const values = draft.get(path) ?? []
  if (value === PRESENT && values.length > 0) return
  draft.set(path, [...values.filter((one) => one !== PRESENT), value])
}

const PRESENT = 'zq9'

function valueFor(test: ValueTest, pick: Pick): unknown {
  switch (test.kind) {
    case 'equals':
      return test.value
    case 'prefix':
      return `${test.value}zq`
    case 'suffix':
      return `zq${test.value}`
    case 'substring':
      return `zq${test.value}zq`
    case 'wildcard':
      return test.parts.map((part) => (typeof part === 'string' ? part : fill(part.any))).join('')
    case 'regex':
      return regexValue(test.pattern, pick)
    case 'cidr':
      return test.network.split('/')[0]
    case 'compare': {
      const { op, value } = test
      if (typeof value === 'number')
        return op === 'lt' ? value - 1 : op === 'gt' ? value + 1 : value
      return op === 'gt' ? `${value}z` : op === 'lt' ? value.slice(0, -1) : value
    }
    case 'exists':
    case 'present':
      return PRESENT
    case 'timepart':
    case 'fieldref':
      return undefined
  }
}

function fill(any: 'one' | 'many'): string {
  return any === 'one' ? 'q' : 'zq'
}

function regexValue(pattern: string, pick: Pick): unknown {
  const plain = pattern
    .replaceAll('\\A', '^')
    .replaceAll('\\z', '$')
    .replaceAll('[\\pL\\pN_]', '[a-z]')
    .replaceAll('[^\\pL\\pN_]', ' ')
  try {
    const [value] = fc.sample(fc.stringMatching(new RegExp(plain)), { numRuns: 1, seed: pick(1e6) })
    return value
  } catch {
    return PRESENT
  }
}

/** The comparisons of computed values that rules make: fields are alike, or each its own. */
function compute(expr: Expr, draft: Draft, pick: Pick): void {
  const number = literalOf(expr, 'number')
  const text = literalOf(expr, 'string')
  const long = 'x'.repeat(Math.max(0, Math.min(2_000, Number(number ?? 0) + 1)))
  const choices: unknown[] = ['alike', long, PRESENT]
  if (number !== undefined) choices.unshift(number, Number(number) + 1, Number(number) - 1)
  if (text !== undefined) choices.unshift(text, `${String(text)}${String(text)}`)
  if (expr.kind === 'test') choices.unshift(valueFor(expr.test, pick))
  const choice = choices[pick(choices.length)]
  const alike = pick(2) === 0
  for (const [index, path] of pathsOf(expr).entries()) {
    if (!draft.has(path)) draft.set(path, [alike || index === 0 ? choice : `other${index}`])
  }
}

function pathsOf(expr: Expr): string[] {
  if (expr.kind === 'path') return [expr.path]
  if (expr.kind === 'test') return pathsOf(expr.arg)
  return expr.kind === 'call' ? expr.args.flatMap(pathsOf) : []
}

function literalOf(expr: Expr, type: 'number' | 'string'): unknown {
  if (expr.kind === 'literal') return typeof expr.value === type ? expr.value : undefined
  if (expr.kind === 'test') return literalOf(expr.arg, type)
  if (expr.kind !== 'call') return undefined
  return expr.args.map((arg) => literalOf(arg, type)).find((value) => value !== undefined)
}

function docOf(draft: Draft): EcsDoc {
  const doc: EcsDoc = {}
  for (const [path, values] of draft) {
    set(doc, path.split('.'), values.length === 1 ? values[0] : values)
  }
  return doc
}

/** Nested as far as it goes; where a value is in the way, the rest of the path is one key. */
function set(doc: EcsDoc, names: readonly string[], value: unknown): void {
  const [name = '', ...rest] = names
  const inner = Object.hasOwn(doc, name) ? doc[name] : {}
  if (rest.length === 0 || inner === null || typeof inner !== 'object' || Array.isArray(inner)) {
    doc[names.join('.')] = value
    return
  }
  doc[name] = inner
  set(inner as EcsDoc, rest, value)
}
