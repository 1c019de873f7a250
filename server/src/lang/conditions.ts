import type { Condition, ValueTest, WildcardPart } from '../model/condition.ts'

export const ALWAYS: Condition = { kind: 'always' }
export const NEVER: Condition = { kind: 'never' }

/** All of the parts; nested conjunctions are flattened, and what is decided already is left out. */
export function allOf(parts: readonly Condition[]): Condition {
  const kept: Condition[] = []
  for (const part of parts) {
    if (part.kind === 'never') return NEVER
    if (part.kind === 'and' && part.label === undefined)
      for (const one of part.parts) kept.push(one)
    else if (part.kind !== 'always') kept.push(part)
  }
  const [only] = kept
  if (only === undefined) return ALWAYS
  return kept.length === 1 ? only : { kind: 'and', parts: kept }
}

/** Any of the parts. */
export function anyOf(parts: readonly Condition[]): Condition {
  const kept: Condition[] = []
  for (const part of parts) {
    if (part.kind === 'always') return ALWAYS
    if (part.kind === 'or' && part.label === undefined) for (const one of part.parts) kept.push(one)
    else if (part.kind !== 'never') kept.push(part)
  }
  const [only] = kept
  if (only === undefined) return NEVER
  return kept.length === 1 ? only : { kind: 'or', parts: kept }
}

/** Plain negation. */
export function notOf(part: Condition): Condition {
  if (part.kind === 'always') return NEVER
  if (part.kind === 'never') return ALWAYS
  return part.kind === 'not' ? part.part : { kind: 'not', part }
}

export function fieldTest(path: string, test: ValueTest): Condition {
  return { kind: 'field', path, test }
}

/** The simplest test that a value fits text with wildcards in it. */
export function wildcardTest(parts: readonly WildcardPart[], cased: boolean): ValueTest {
  const merged = mergeParts(parts)
  const [first, second, third] = merged
  if (merged.length === 0) return { kind: 'equals', value: '', cased }
  if (merged.length === 1) {
    if (typeof first === 'string') return { kind: 'equals', value: first, cased }
    if (isMany(first)) return { kind: 'exists' }
  }
  if (merged.length === 2) {
    if (typeof first === 'string' && isMany(second)) return { kind: 'prefix', value: first, cased }
    if (isMany(first) && typeof second === 'string') return { kind: 'suffix', value: second, cased }
  }
  if (merged.length === 3 && isMany(first) && typeof second === 'string' && isMany(third)) {
    return { kind: 'substring', value: second, cased }
  }
  return { kind: 'wildcard', parts: merged, cased }
}

function isMany(part: WildcardPart | undefined): boolean {
  return typeof part === 'object' && part.any === 'many'
}

function mergeParts(parts: readonly WildcardPart[]): WildcardPart[] {
  const merged: WildcardPart[] = []
  for (const part of parts) {
    const last = merged.at(-1)
    if (part === '') continue
    if (typeof part === 'string' && typeof last === 'string') merged.splice(-1, 1, last + part)
    else if (!(isMany(part) && isMany(last))) merged.push(part)
  }
  return merged
}

/** Text in which `*` stands for any run and `?` for one character; neither can be escaped (EQL). */
export function starParts(text: string): WildcardPart[] {
  const parts: WildcardPart[] = []
  let plain = ''
  for (const char of text) {
    if (char !== '*' && char !== '?') {
      plain += char
      continue
    }
    parts.push(plain, { any: char === '*' ? 'many' : 'one' })
    plain = ''
  }
  return [...parts, plain]
}
