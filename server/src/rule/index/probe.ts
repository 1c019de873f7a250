import { foldCase } from '../../base/fold.ts'
import { isoToMs, timeToMs } from '../../base/timestamp.ts'
import type { ValueTest } from '../../model/condition.ts'
import { Automaton } from './automaton.ts'
import { EdgeTree } from './edge-tree.ts'
import type { Marks } from './marks.ts'
import { Networks } from './networks.ts'
import { longestLiteral, textMatcher, type TextMatcher } from './pattern.ts'
import { RareParts } from './rare-part.ts'
import { literalsOf } from './regex-literals.ts'

/** A text, and what its being found says about a predicate. */
interface Literal {
  readonly predicate: number
  readonly kind: 'prefix' | 'suffix' | 'substring' | 'possible'
  readonly folded: string
  /** What has to stand there: as written where letter case counts, else folded. */
  readonly text: string
  readonly cased: boolean
}

/** A literal of which the automaton knows a part. */
interface Check extends Literal {
  readonly partAt: number
  readonly partLength: number
}

interface Bound {
  readonly predicate: number
  readonly value: number
  readonly orEqual: boolean
  /** Written as text: then only numbers compare with it as a number. */
  readonly isText: boolean
}

type Scalar = string | number | boolean

/** What the automaton looks for of a literal: the rest is compared where this is found. */
const LITERAL_PART_MAX = 8
const DECIMAL = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i

function numberOf(value: Scalar): number {
  if (typeof value === 'number') return value
  if (typeof value !== 'string' || value === '') return Number.NaN
  const first = value.charCodeAt(0)
  const mayBegin = (first >= 48 && first <= 57) || first === 43 || first === 45 || first === 46
  return mayBegin && DECIMAL.test(value) ? Number(value) : Number.NaN
}

/** All tests of one field over one value at a time: the index that says which of them hold. */
export class Probe {
  readonly exists: number[] = []
  readonly present: number[] = []
  /** Predicates that hold for any scalar, such as a search for the empty text. */
  readonly #any: number[] = []
  /** Those that have to be run whenever there is a scalar. */
  readonly #possible: number[] = []
  readonly #folded = new Map<string, number[]>()
  readonly #foldedLengths = new Set<number>()
  readonly #exact = new Map<string, number[]>()
  readonly #numbers = new Map<number, number[]>()
  readonly #above: Bound[] = []
  readonly #below: Bound[] = []
  readonly #texts: { readonly predicate: number; readonly test: ValueTest }[] = []
  readonly #times: { readonly predicate: number; readonly test: ValueTest }[] = []
  #networks: Networks | undefined
  /** Literals that values start or end with. */
  readonly #starts = new EdgeTree<Literal>(false)
  readonly #ends = new EdgeTree<Literal>(true)
  /** Literals that the automaton is to find. */
  readonly #literals: Literal[] = []
  #checks: readonly (readonly Check[])[] = []
  #automaton: Automaton | undefined
  readonly #matchers = new Map<number, TextMatcher>()
  #needsText = false
  #needsFolded = false

  // The value at hand, for the automaton's call back.
  #marks: Marks | undefined
  #text = ''
  #foldedText: string | undefined

  add(predicate: number, test: ValueTest): void {
    switch (test.kind) {
      case 'exists':
        this.exists.push(predicate)
        return
      case 'present':
        this.present.push(predicate)
        return
      case 'equals':
        if (typeof test.value === 'number') put(this.#numbers, test.value, predicate)
        else if (test.cased) put(this.#exact, String(test.value), predicate)
        else put(this.#folded, foldCase(String(test.value)), predicate)
        return
      case 'prefix':
      case 'suffix':
      case 'substring':
        if (test.value === '') this.#any.push(predicate)
        else this.#addLiteral(predicate, test.kind, { text: test.value, cased: test.cased })
        return
      case 'wildcard':
      case 'regex':
        this.#addPattern(predicate, test)
        return
      case 'cidr':
        this.#networks ??= new Networks()
        this.#networks.add(test.network, predicate)
        return
      case 'compare':
        this.#addBound(predicate, test)
        return
      case 'timepart':
        this.#times.push({ predicate, test })
        return
      case 'fieldref':
        throw new Error('a reference to another field is no test of one value')
    }
  }

  #addPattern(predicate: number, test: Extract<ValueTest, { kind: 'wildcard' | 'regex' }>): void {
    const matcher = textMatcher(test)
    // What is no regular expression holds for nothing.
    if (matcher === undefined) return
    this.#matchers.set(predicate, matcher)
    const literals = test.kind === 'regex' ? literalsOf(test.pattern) : longestLiteral(test.parts)
    if (literals === undefined) this.#possible.push(predicate)
    for (const text of literals ?? []) {
      this.#addLiteral(predicate, 'possible', { text, cased: false })
    }
  }

  #addLiteral(
    predicate: number,
    kind: Literal['kind'],
    given: { readonly text: string; readonly cased: boolean },
  ): void {
    const folded = foldCase(given.text)
    const { cased } = given
    const literal = { predicate, kind, folded, text: cased ? given.text : folded, cased }
    if (kind === 'prefix') this.#starts.add(folded, literal)
    else if (kind === 'suffix') this.#ends.add(folded, literal)
    else this.#literals.push(literal)
  }

  #addBound(predicate: number, test: Extract<ValueTest, { kind: 'compare' }>): void {
    const value = typeof test.value === 'number' ? test.value : numberOf(test.value)
    if (typeof test.value === 'string') this.#texts.push({ predicate, test })
    if (Number.isNaN(value)) return
    const isText = typeof test.value === 'string'
    const bound = { predicate, value, orEqual: test.op.endsWith('e'), isText }
    if (test.op.startsWith('g')) this.#above.push(bound)
    else this.#below.push(bound)
  }

  /** To be called once, after all tests were added. */
  finish(): void {
    this.#starts.finish()
    this.#ends.finish()
    for (const text of this.#folded.keys()) this.#foldedLengths.add(text.length)
    const byPart = this.#byPart()
    const parts = [...byPart.keys()]
    if (parts.length > 0) this.#automaton = new Automaton(parts)
    this.#checks = [...byPart.values()]
    this.#literals.length = 0
    this.#above.sort((a, b) => a.value - b.value)
    this.#below.sort((a, b) => b.value - a.value)
    this.#needsFolded = this.#folded.size + this.#starts.size + this.#ends.size > 0
    this.#needsText =
      parts.length > 0 || this.#needsFolded || this.#exact.size > 0 || this.#networks !== undefined
  }

  #byPart(): Map<string, Check[]> {
    const rare = new RareParts(
      this.#literals.map((literal) => literal.folded),
      LITERAL_PART_MAX,
    )
    const byPart = new Map<string, Check[]>()
    for (const literal of this.#literals) {
      const { folded } = literal
      const partAt = folded.length > LITERAL_PART_MAX ? rare.startOf(folded) : 0
      const part = folded.slice(partAt, partAt + LITERAL_PART_MAX)
      put(byPart, part, { ...literal, partAt, partLength: part.length })
    }
    return byPart
  }

  get states(): number {
    return this.#automaton?.states ?? 0
  }

  /** Marks the predicates that hold for the value, and those that have to be run. */
  look(value: Scalar, marks: Marks): void {
    all(this.#any, marks)
    for (const predicate of this.#possible) marks.possible(predicate)
    if (this.#numbers.size > 0 || this.#above.length > 0 || this.#below.length > 0) {
      const number = numberOf(value)
      if (!Number.isNaN(number)) this.#lookAtNumber(number, typeof value === 'number', marks)
    }
    if (this.#texts.length > 0 && typeof value === 'string') this.#lookAtOrder(value, marks)
    if (this.#times.length > 0) this.#lookAtTime(value, marks)
    if (this.#needsText) this.#lookAtText(typeof value === 'string' ? value : String(value), marks)
  }

  #lookAtNumber(number: number, isNumber: boolean, marks: Marks): void {
    all(this.#numbers.get(number), marks)
    for (const bound of this.#above) {
      if (bound.value > number) break
      if (bound.value === number && !bound.orEqual) continue
      if (isNumber || !bound.isText) marks.hold(bound.predicate)
    }
    for (const bound of this.#below) {
      if (bound.value < number) break
      if (bound.value === number && !bound.orEqual) continue
      if (isNumber || !bound.isText) marks.hold(bound.predicate)
    }
  }

  /** Text against text: times where both are, else by code units. */
  #lookAtOrder(value: string, marks: Marks): void {
    const valueMs = isoToMs(value)
    for (const { predicate, test } of this.#texts) {
      if (test.kind !== 'compare' || typeof test.value !== 'string') continue
      const boundMs = isoToMs(test.value)
      const asTimes = valueMs !== undefined && boundMs !== undefined
      const order = asTimes
        ? Math.sign(valueMs - boundMs)
        : value < test.value
          ? -1
          : value > test.value
            ? 1
            : 0
      const isBeyond = test.op.startsWith('g') ? order > 0 : order < 0
      if (isBeyond || (order === 0 && test.op.endsWith('e'))) marks.hold(predicate)
    }
  }

  #lookAtTime(value: Scalar, marks: Marks): void {
    const ms = timeToMs(value)
    if (ms === undefined || !(Math.abs(ms) <= 8.64e15)) return
    for (const { predicate, test } of this.#times) {
      if (test.kind === 'timepart' && partOf(ms, test.part) === test.value) marks.hold(predicate)
    }
  }

  #lookAtText(text: string, marks: Marks): void {
    if (this.#exact.size > 0) all(this.#exact.get(text), marks)
    this.#text = text
    this.#foldedText = undefined
    this.#marks = marks
    if (this.#needsFolded) {
      const folded = foldCase(text)
      this.#foldedText = folded
      // Most texts are of no length that a rule asks for, and need no hash.
      if (this.#foldedLengths.has(folded.length)) all(this.#folded.get(folded), marks)
      if (this.#starts.size > 0) this.#starts.find(folded, this.#onStart)
      if (this.#ends.size > 0) this.#ends.find(folded, this.#onEnd)
    }
    this.#networks?.find(text, this.#onNetwork)
    this.#automaton?.scan(text, this.#onLiteral)
  }

  readonly #onStart = ({ predicate, cased, text }: Literal): void => {
    if (!cased || this.#text.startsWith(text)) this.#marks?.hold(predicate)
  }

  readonly #onEnd = ({ predicate, cased, text }: Literal): void => {
    if (!cased || this.#text.endsWith(text)) this.#marks?.hold(predicate)
  }

  readonly #onNetwork = (predicate: number): void => this.#marks?.hold(predicate)

  readonly #onLiteral = (literal: number, end: number): void => {
    const marks = this.#marks!
    for (const check of this.#checks[literal]!) {
      if (marks.holds(check.predicate)) continue
      if (!this.#confirms(check, end)) continue
      if (check.kind === 'possible') marks.possible(check.predicate)
      else marks.hold(check.predicate)
    }
  }

  #confirms(check: Check, end: number): boolean {
    const start = end - check.partLength - check.partAt
    if (start < 0) return false
    if (check.cased) return this.#text.startsWith(check.text, start)
    if (check.folded.length === check.partLength) return true
    this.#foldedText ??= foldCase(this.#text)
    return this.#foldedText.startsWith(check.text, start)
  }

  /** Runs a predicate that was marked as possible; undefined if it is none of this kind. */
  matcherOf(predicate: number): TextMatcher | undefined {
    return this.#matchers.get(predicate)
  }

  get hasMatchers(): boolean {
    return this.#matchers.size > 0
  }
}

function put<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const list = map.get(key)
  if (list === undefined) map.set(key, [value])
  else list.push(value)
}

function all(predicates: readonly number[] | undefined, marks: Marks): void {
  if (predicates === undefined) return
  for (const predicate of predicates) marks.hold(predicate)
}

const DAY_MS = 86_400_000

function partOf(ms: number, part: string): number {
  const date = new Date(ms)
  if (part === 'minute') return date.getUTCMinutes()
  if (part === 'hour') return date.getUTCHours()
  if (part === 'day') return date.getUTCDate()
  if (part === 'month') return date.getUTCMonth() + 1
  if (part === 'year') return date.getUTCFullYear()
  // The week that holds this week's Thursday, counted in that Thursday's year.
  const weekday = (date.getUTCDay() + 6) % 7
  const thursday = new Date(ms - (weekday - 3) * DAY_MS)
  const first = Date.UTC(thursday.getUTCFullYear(), 0, 1)
  return Math.floor((thursday.getTime() - first) / (7 * DAY_MS)) + 1
}
