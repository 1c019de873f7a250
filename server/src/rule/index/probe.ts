import { foldCase } from '../../base/fold.ts'
import { isoToMs, timeToMs } from '../../base/timestamp.ts'
import type { ValueTest } from '../../model/condition.ts'
import type { Marks } from './marks.ts'
import { Networks } from './networks.ts'
import { longestLiteral, textMatcher, type TextMatcher } from './pattern.ts'
import { put } from './keys.ts'
import { literalsOf } from './regex-literals.ts'
import { type LiteralTables, type Place, Texts } from './texts.ts'

/** A text, and what its being found says about a predicate. */
interface Literal {
  readonly predicate: number
  /** Whether the predicate holds then, or has to be run. */
  readonly decides: boolean
  /** What has to stand there as it is written, where letter case counts. */
  readonly exactly: string | undefined
}

interface Bound {
  readonly predicate: number
  readonly value: number
  readonly orEqual: boolean
  /** Written as text: then only numbers compare with it as a number. */
  readonly isText: boolean
  readonly isAbove: boolean
}

type Scalar = string | number | boolean

const PLACES = { prefix: 'start', suffix: 'end', substring: 'anywhere' } as const

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
  readonly #texts = new Texts()
  readonly #literals: Literal[] = []
  readonly #numbers = new Map<number, number[]>()
  readonly #above: Bound[] = []
  readonly #below: Bound[] = []
  /** Those of numbers that are asked for only by rules that are looked at for another reason. */
  readonly #lazy = new Map<number, Bound>()
  /** The others, sorted. */
  #eagerAbove: readonly Bound[] = []
  #eagerBelow: readonly Bound[] = []
  readonly #orders: { readonly predicate: number; readonly test: ValueTest }[] = []
  readonly #times: { readonly predicate: number; readonly test: ValueTest }[] = []
  #networks: Networks | undefined
  readonly #matchers = new Map<number, TextMatcher>()
  #needsText = false
  #needsNumber = false
  #asksLater = false

  // The value at hand, for what calls back.
  #marks: Marks | undefined
  #text = ''

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
        else this.#addText(predicate, 'whole', { text: String(test.value), cased: test.cased })
        return
      case 'prefix':
      case 'suffix':
      case 'substring':
        if (test.value === '') this.#any.push(predicate)
        else this.#addText(predicate, PLACES[test.kind], { text: test.value, cased: test.cased })
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
      this.#texts.add('anywhere', foldCase(text), this.#literals.length)
      this.#literals.push({ predicate, decides: false, exactly: undefined })
    }
  }

  #addText(
    predicate: number,
    place: Place,
    { text, cased }: { readonly text: string; readonly cased: boolean },
  ): void {
    this.#texts.add(place, foldCase(text), this.#literals.length)
    this.#literals.push({ predicate, decides: true, exactly: cased ? text : undefined })
  }

  #addBound(predicate: number, test: Extract<ValueTest, { kind: 'compare' }>): void {
    const value = typeof test.value === 'number' ? test.value : numberOf(test.value)
    if (typeof test.value === 'string') this.#orders.push({ predicate, test })
    if (Number.isNaN(value)) return
    const isText = typeof test.value === 'string'
    const isAbove = test.op.startsWith('g')
    const bound = { predicate, value, orEqual: test.op.endsWith('e'), isText, isAbove }
    if (isAbove) this.#above.push(bound)
    else this.#below.push(bound)
  }

  /**
   * To be called once, after all tests were added. `beside`, finished, is a probe of every value of an
   * event: where this one reads a value through, it does for both. `tables`: see `literalTables`.
   */
  finish(beside?: Probe, tables?: LiteralTables): void {
    this.#texts.finish(beside === undefined ? undefined : beside.#texts, tables)
    this.#above.sort((a, b) => a.value - b.value)
    this.#below.sort((a, b) => b.value - a.value)
    this.chooseBounds(() => true)
    this.#needsText = !this.#texts.isEmpty || this.#networks !== undefined
  }

  /**
   * A value is beyond half of all bounds, on average: where nothing hangs on it yet, it is decided when a
   * rule asks (`boundHolds`). Bounds written as text are looked at in any case.
   */
  chooseBounds(isNeeded: (predicate: number) => boolean): void {
    this.#lazy.clear()
    const isEager = (bound: Bound): boolean => {
      if (bound.isText || isNeeded(bound.predicate)) return true
      this.#lazy.set(bound.predicate, bound)
      return false
    }
    this.#eagerAbove = this.#above.filter(isEager)
    this.#eagerBelow = this.#below.filter(isEager)
    this.#needsNumber =
      this.#numbers.size > 0 || this.#eagerAbove.length > 0 || this.#eagerBelow.length > 0
    this.#asksLater = this.#matchers.size > 0 || this.#lazy.size > 0
  }

  get hasBounds(): boolean {
    return this.#above.length > 0 || this.#below.length > 0
  }

  /** Predicates that `look` does not mark. */
  get lazy(): Iterable<number> {
    return this.#lazy.keys()
  }

  /** Whether a predicate that `look` does not mark holds for a value. */
  boundHolds(predicate: number, given: Scalar): boolean {
    const bound = this.#lazy.get(predicate)
    if (bound === undefined) return false
    const number = numberOf(given)
    if (number === bound.value) return bound.orEqual
    return bound.isAbove ? number > bound.value : number < bound.value
  }

  /** What took long to make, for a probe of the same tests in another thread. */
  get literalTables(): LiteralTables | undefined {
    return this.#texts.literalTables
  }

  /** Whether looking at a value reads it through for the probe beside too. */
  get readsBeside(): boolean {
    return this.#texts.scansBeside
  }

  /**
   * Marks the predicates that hold for the value, and those that have to be run. `isRead`: another probe
   * is about to read the value through for this one.
   */
  look(value: Scalar, marks: Marks, isRead = false): void {
    if (this.#any.length > 0) all(this.#any, marks)
    if (this.#possible.length > 0) {
      for (const predicate of this.#possible) marks.possible(predicate)
    }
    if (this.#needsNumber) {
      const number = numberOf(value)
      if (!Number.isNaN(number)) this.#lookAtNumber(number, typeof value === 'number', marks)
    }
    if (this.#orders.length > 0 && typeof value === 'string') this.#lookAtOrder(value, marks)
    if (this.#times.length > 0) this.#lookAtTime(value, marks)
    if (!this.#needsText) return
    this.#lookAtText(typeof value === 'string' ? value : String(value), marks, isRead)
  }

  #lookAtNumber(number: number, isNumber: boolean, marks: Marks): void {
    all(this.#numbers.get(number), marks)
    for (const bound of this.#eagerAbove) {
      if (bound.value > number) break
      if (bound.value === number && !bound.orEqual) continue
      if (isNumber || !bound.isText) marks.hold(bound.predicate)
    }
    for (const bound of this.#eagerBelow) {
      if (bound.value < number) break
      if (bound.value === number && !bound.orEqual) continue
      if (isNumber || !bound.isText) marks.hold(bound.predicate)
    }
  }

  /** Text against text: times where both are, else by code units. */
  #lookAtOrder(value: string, marks: Marks): void {
    const valueMs = isoToMs(value)
    for (const { predicate, test } of this.#orders) {
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

  #lookAtText(text: string, marks: Marks, isRead: boolean): void {
    this.#text = text
    this.#marks = marks
    if (!this.#texts.isEmpty) this.#texts.find(text, this.#onText, isRead)
    this.#networks?.find(text, this.#onNetwork)
  }

  readonly #onText = (number: number, start: number): void => {
    const { predicate, decides, exactly } = this.#literals[number]!
    if (exactly !== undefined && !this.#text.startsWith(exactly, start)) return
    if (decides) this.#marks!.hold(predicate)
    else this.#marks!.possible(predicate)
  }

  readonly #onNetwork = (predicate: number): void => this.#marks?.hold(predicate)

  /** Runs a predicate that was marked as possible; undefined if it is none of this kind. */
  matcherOf(predicate: number): TextMatcher | undefined {
    return this.#matchers.get(predicate)
  }

  /** Whether values are to be kept for predicates that are decided when a rule asks. */
  get asksLater(): boolean {
    return this.#asksLater
  }
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
