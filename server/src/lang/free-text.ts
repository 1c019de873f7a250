import type { Condition, ValueTest, WildcardPart } from '../model/condition.ts'
import { anyOf, fieldTest, NEVER, wildcardTest } from './conditions.ts'
import { baseField, wordsTest } from './text-fields.ts'

/** A path and, where it names another way to search the same value, that value's own path. */
export function namesOf(path: string): string[] {
  const base = baseField(path)
  return base === undefined ? [path] : [path, base]
}

/** A field of text that holds the words: as a phrase where they are quoted, else any of them. */
export function wordsAt(path: string, parts: readonly WildcardPart[], quoted: boolean): Condition {
  const words = wordsTest(parts, quoted)
  if (words === undefined) return NEVER
  return anyOf(namesOf(path).map((name) => fieldTest(name, words)))
}

/** A value without a field: as a word, or words, of any value of the event, or as all of one. */
export function anywhere(parts: readonly WildcardPart[], quoted: boolean): Condition {
  const isPlain = parts.every((part) => typeof part === 'string')
  const tests: ValueTest[] = []
  const words = wordsTest(parts, quoted)
  if (words !== undefined) tests.push(words)
  const isOneWord = parts.every((part) => typeof part !== 'string' || !/[^\p{L}\p{N}_]/u.test(part))
  const isSpaced = parts.some((part) => typeof part === 'string' && /\s/.test(part))
  if (!isOneWord && (isPlain || !isSpaced)) tests.push(wildcardTest(parts, true))
  return anyOf(tests.map((test): Condition => ({ kind: 'anywhere', test })))
}
