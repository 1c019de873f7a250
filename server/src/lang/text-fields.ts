import type { ValueTest } from '../model/condition.ts'

/**
 * Fields that Elastic's schema holds as text: they are searched by their words, without regard to
 * case. All others are keywords: they are matched whole, with regard to case.
 */
const TEXT_FIELDS: ReadonlySet<string> = new Set(['message', 'error.message'])
const TEXT_ENDINGS = ['.text', 'body.content']

export function isTextField(path: string): boolean {
  return TEXT_FIELDS.has(path) || TEXT_ENDINGS.some((ending) => path.endsWith(ending))
}

/** A multi-field (`x.text`, `x.keyword`) is the same value searched another way. */
export function baseField(path: string): string | undefined {
  const base = path.replace(/\.(text|keyword|caseless)$/, '')
  return base === path ? undefined : base
}

const LETTER = '[\\pL\\pN_]'
const EDGE_BEFORE = `(?:^|[^\\pL\\pN_])`
const EDGE_AFTER = `(?:[^\\pL\\pN_]|$)`

/**
 * The test that text holds the words: all of them in this order (a phrase), or any of them. A null
 * part stands for any run of letters of a word.
 */
export function wordsTest(parts: readonly (string | null)[], phrase: boolean): ValueTest {
  const words = wordsOf(parts)
  if (words.length === 0) return { kind: 'exists' }
  const joined = phrase ? words.join('[^\\pL\\pN_]+') : words.join('|')
  const pattern = `${EDGE_BEFORE}(?:${joined})${EDGE_AFTER}`
  return { kind: 'regex', pattern, flags: 'is' }
}

function wordsOf(parts: readonly (string | null)[]): string[] {
  const words: string[] = []
  let word = ''
  for (const part of parts) {
    if (part === null) word += `${LETTER}*`
    else {
      for (const char of part) {
        if (/[\p{L}\p{N}_]/u.test(char)) word += char
        else {
          if (word !== '') words.push(word)
          word = ''
        }
      }
    }
  }
  if (word !== '') words.push(word)
  return words
}
