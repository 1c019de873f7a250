import type { ValueTest, WildcardPart } from '../model/condition.ts'
import { QueryError } from './syntax.ts'

/**
 * Fields that Elastic's schema holds as text: they are searched by their words, without regard to
 * case. All others are keywords: they are matched whole, with regard to case.
 */
export const TEXT_FIELDS: readonly string[] = ['message', 'error.message']
const TEXT_ENDINGS = ['.text', 'body.content']

export function isTextField(path: string): boolean {
  return TEXT_FIELDS.includes(path) || TEXT_ENDINGS.some((ending) => path.endsWith(ending))
}

/** A multi-field (`x.text`, `x.keyword`) is the same value searched another way. */
export function baseField(path: string): string | undefined {
  const base = path.replace(/\.(text|keyword|caseless)$/, '')
  return base === path ? undefined : base
}

/** What words are made of, as a part of a class of characters. */
const WORD = '\\pL\\pN_'
/** Characters that join two letters, or two digits, to one word: `o'neil`, `pool.ntp.org`, `1,024.5`. */
const JOINS = { letter: ".'’", digit: ".'’,;" } as const
const CLASS = { letter: '\\pL', digit: '\\pN' } as const
/** Words of one search; each is a part of a regular expression. */
const WORDS_MAX = 20_000
/** A character of a word, whatever stands beside it, and any run of them. */
const ONE = `[${WORD}${JOINS.digit}]`
const REST = `${ONE}*`

type Kind = keyof typeof JOINS

/** Characters and wildcards that stand together without white space, or as one word. */
type Run = WildcardPart[]

/**
 * The test that text holds the words: all of them in this order (a phrase), or any of them. Words
 * are told as Lucene's standard tokenizer tells them (Unicode Annex 29), colons apart. A wildcard
 * stands for characters of a word; pieces of one run with wildcards that other characters part stand
 * in order. Undefined where there is no word, which finds nothing.
 */
export function wordsTest(parts: readonly WildcardPart[], phrase: boolean): ValueTest | undefined {
  const alternatives = runsOf(parts).flatMap((run) => {
    const words = wordsOf(run)
    return phrase || run.some(isWildcard) ? [words] : words.map((word) => [word])
  })
  if (alternatives.length > WORDS_MAX) {
    const message = `A search in text has ${alternatives.length} words; at most ${WORDS_MAX} are taken`
    throw new QueryError(message, 0, undefined, 'QUERY_TOO_LARGE')
  }
  const sequences = phrase ? [alternatives.flat()] : alternatives
  // Sequences with the same edges share them: a pattern grows by little more than its words.
  const bodies = new Map<string, { readonly edges: Edges; readonly inner: Set<string> }>()
  for (const words of sequences) {
    if (words.length === 0) continue
    const { edges, inner } = sequencePattern(words)
    const key = edges.join('\0')
    const known = bodies.get(key)
    if (known === undefined) bodies.set(key, { edges, inner: new Set([inner]) })
    else known.inner.add(inner)
  }
  const patterns = [...bodies.values()].map(
    ({ edges: [left, right], inner }) => `${left}${oneOf([...inner])}${right}`,
  )
  return patterns.length === 0
    ? undefined
    : { kind: 'regex', pattern: oneOf(patterns), flags: 'is' }
}

/** What has to stand before and behind. */
type Edges = readonly [before: string, after: string]

function oneOf(patterns: readonly string[]): string {
  const [only = ''] = patterns
  return patterns.length === 1 ? only : `(?:${patterns.join('|')})`
}

function isWildcard(part: WildcardPart | undefined): boolean {
  return typeof part === 'object'
}

function isMany(part: WildcardPart | undefined): boolean {
  return typeof part === 'object' && part.any === 'many'
}

function runsOf(parts: readonly WildcardPart[]): Run[] {
  const runs: Run[] = [[]]
  for (const part of parts) {
    if (typeof part === 'object') {
      runs.at(-1)?.push(part)
      continue
    }
    for (const [index, text] of part.split(/\s+/).entries()) {
      if (index > 0) runs.push([])
      runs.at(-1)?.push(...Array.from(text))
    }
  }
  return runs
}

function wordsOf(run: Run): Run[] {
  const words: Run[] = []
  let word: Run = []
  for (const [index, part] of run.entries()) {
    const isPart =
      typeof part === 'object' || isWordPart(part) || joins(run[index - 1], part, run[index + 1])
    if (isPart) word.push(part)
    else if (word.length > 0) {
      words.push(word)
      word = []
    }
  }
  if (word.length > 0) words.push(word)
  const named = words.filter((each) => !each.every(isMany))
  return named.length > 0 ? named : words.slice(0, 1)
}

function isWordPart(char: string): boolean {
  return /[\p{L}\p{N}_]/u.test(char)
}

/** Whether the character joins its neighbours; beside a wildcard it does where it may. */
function joins(
  before: WildcardPart | undefined,
  char: string,
  after: WildcardPart | undefined,
): boolean {
  if (before === undefined || after === undefined) return false
  return (['letter', 'digit'] as const).some((kind) => {
    const fits = (side: WildcardPart) => typeof side === 'object' || kindOf(side) === kind
    return JOINS[kind].includes(char) && fits(before) && fits(after)
  })
}

function kindOf(part: WildcardPart | undefined): Kind | undefined {
  if (typeof part !== 'string') return undefined
  if (/\p{L}/u.test(part)) return 'letter'
  return /\p{N}/u.test(part) ? 'digit' : undefined
}

/** The words in this order, as a regular expression. At its outer ends `*` needs no pattern. */
function sequencePattern(words: readonly Run[]): { edges: Edges; inner: string } {
  let inner = ''
  let [left, right] = ['', '']
  for (const [index, word] of words.entries()) {
    const [first, last] = [word[0], word.at(-1)]
    const isLast = index === words.length - 1
    if (index > 0) inner += gap(words[index - 1]?.at(-1), first)
    else if (!isMany(first)) left = before(kindOf(first))
    for (const [at, part] of word.entries()) {
      const isOuter = (index === 0 && at === 0) || (isLast && at === word.length - 1)
      if (typeof part === 'string') inner += quoted(part)
      else if (part.any === 'one') inner += ONE
      else if (!isOuter) inner += REST
      else if (word.every(isMany)) inner += `[${WORD}]`
    }
    if (isLast && !isMany(last)) right = after(kindOf(last))
  }
  return { edges: [left, right], inner }
}

function quoted(char: string): string {
  return /[.\\+*?()[\]{}|^$]/.test(char) ? `\\${char}` : char
}

function before(kind: Kind | undefined): string {
  if (kind === undefined) return `(?:^|[^${WORD}])`
  return `(?:^|[^${WORD}${JOINS[kind]}]|(?:^|[^${CLASS[kind]}])[${JOINS[kind]}])`
}

function after(kind: Kind | undefined): string {
  if (kind === undefined) return `(?:[^${WORD}]|$)`
  return `(?:[^${WORD}${JOINS[kind]}]|[${JOINS[kind]}](?:[^${CLASS[kind]}]|$)|$)`
}

/** What stands between two words: not what would join them. */
function gap(last: WildcardPart | undefined, first: WildcardPart | undefined): string {
  const kind = kindOf(last)
  if (kind === undefined || kindOf(first) !== kind) return `[^${WORD}]+`
  return `(?:[^${WORD}${JOINS[kind]}]|[^${WORD}]{2})[^${WORD}]*`
}
