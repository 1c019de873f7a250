import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { EcsDoc } from '../../model/event.ts'
import { interpret } from '../../rule/interpret.ts'
import { createMatcher } from '../../rule/matcher.ts'
import { Random } from '../../rule/testing/random.ts'
import { compileEql } from './compile.ts'

const TEXTS = ['"a"', '"A"', '"ab"', '""', '"5"', '"a*"', '"?b"', '"10.0.0.1"', '"true"', '"é"']
const NUMBERS = ['0', '1', '5', '-2', '2.5']
const VALUES = [...['a', 'A', 'ab', '', '5', 'xay', 'É', '10.1.2.3'], 0, 1, 5, -2, 2.5, true, null]

/** Random conditions of EQL, as text. */
class Writer {
  readonly #random: Random
  constructor(random: Random) {
    this.#random = random
  }

  #one(ways: readonly (() => string)[]): string {
    return this.#random.pick(ways)()
  }

  #pick(words: readonly string[]): string {
    return this.#random.pick(words)
  }

  text(depth: number): string {
    const plain = () => this.#pick([...TEXTS, 'f', 'g', '?h', 'o.p', '`q-r`'])
    if (depth <= 0) return plain()
    return this.#one([
      plain,
      plain,
      () => `concat(${this.text(depth - 1)}, ${this.any(depth - 1)})`,
      () => `substring(${this.text(depth - 1)}, ${this.#pick(['0', '1', '-2', 'null'])})`,
      () => `string(${this.any(depth - 1)})`,
      () => `between~(${this.text(depth - 1)}, ${this.#pick(TEXTS)}, ${this.#pick(TEXTS)})`,
    ])
  }

  number(depth: number): string {
    const plain = () => this.#pick([...NUMBERS, 'n', 'f', '?h', 'null'])
    if (depth <= 0) return plain()
    const op = this.#pick(['+', '-', '*', '/', '%'])
    return this.#one([
      plain,
      plain,
      () => `length(${this.text(depth - 1)})`,
      () => `(${this.number(depth - 1)} ${op} ${this.number(depth - 1)})`,
      () => `-${this.number(depth - 1)}`,
      () => `indexOf(${this.text(depth - 1)}, ${this.#pick(TEXTS)})`,
      () => `number(${this.text(depth - 1)})`,
    ])
  }

  any(depth: number): string {
    return this.#one([
      () => this.text(depth),
      () => this.number(depth),
      () => `(${this.condition(depth)})`,
    ])
  }

  condition(depth: number): string {
    const constant = this.#pick([...TEXTS, ...NUMBERS, 'null'])
    const tilde = this.#pick(['', '~'])
    const compare = [
      () => `${this.any(depth - 1)} ${this.#pick(['==', '!=', '<', '>='])} ${constant}`,
      () => `${constant} ${this.#pick(['==', '!=', '<=', '>'])} ${this.any(depth - 1)}`,
      () => `${this.text(depth - 1)} ${this.#pick([':', 'like', 'like~'])} ${this.#pick(TEXTS)}`,
      () => `${this.text(depth - 1)} : (${this.#pick(TEXTS)}, ${this.#pick(TEXTS)})`,
      () =>
        `${this.text(depth - 1)} regex${tilde} ${this.#pick(['"a.*"', '"[a-c]+"', '""', '"A|b"'])}`,
      () => `${this.any(depth - 1)} ${this.#pick(['in', 'not in'])}${tilde} (${constant}, "ab")`,
      () => `startsWith${tilde}(${this.text(depth - 1)}, ${this.#pick(TEXTS)})`,
      () => `stringContains${tilde}(${this.text(depth - 1)}, ${this.text(0)})`,
      () => `cidrMatch(ip, "10.0.0.0/8"${this.#pick(['', ', null'])})`,
      () => this.#pick(['b', '?b', 'true', 'false', 'null']),
    ]
    if (depth <= 0) return this.#one(compare)
    return this.#one([
      ...compare,
      () => `(${this.condition(depth - 1)} and ${this.condition(depth - 1)})`,
      () => `(${this.condition(depth - 1)} or ${this.condition(depth - 1)})`,
      () => `not (${this.condition(depth - 1)})`,
      () => `(${this.condition(depth - 1)}) ${this.#pick(['== true', '!= false', '== null'])}`,
    ])
  }
}

function eventOf(random: Random, several: boolean): EcsDoc {
  const value = () => random.pick(VALUES)
  const values = () => Array.from({ length: random.below(4) }, value)
  const doc: Record<string, unknown> = { b: random.pick([true, false, null]) }
  for (const name of ['f', 'g', 'h', 'n', 'q-r', random.below(2) === 0 ? 'o.p' : 'p']) {
    if (random.below(3) > 0) doc[name] = several && random.below(3) === 0 ? values() : value()
  }
  if (random.below(2) === 0) doc['ip'] = random.pick(['10.0.0.1', '192.168.0.1', '::1'])
  if (random.below(2) === 0) doc['o'] = { p: value() }
  return doc
}

const EVENTS = 8

test('a condition is true, false or null, one of them, by interpreter and compiler alike', () => {
  fc.assert(
    fc.property(fc.integer(), (seed) => {
      const random = new Random(seed)
      const text = new Writer(random).condition(3)
      const rules = [text, `not (${text})`, `null == (${text})`].map((condition, index) => {
        const compiled = compileEql(`any where ${condition}`, { id: String(index) })
        return compiled.ok ? compiled.value.matches[0]! : compiled.problem
      })
      const compiled = rules.filter((rule) => 'condition' in rule)
      if (compiled.length < rules.length) {
        expect(rules).toEqual(rules.map(() => expect.objectContaining({ at: expect.anything() })))
        return
      }
      const matcher = createMatcher(compiled)
      const hits = new Int32Array(rules.length)
      for (let count = 0; count < EVENTS; count++) {
        const several = count % 4 === 0
        const doc = eventOf(random, several)
        const holds = compiled.flatMap(({ condition }, at) =>
          interpret(condition, doc) ? [at] : [],
        )
        const found = Array.from(hits.subarray(0, matcher.match(doc, hits)))
        expect({ text, doc, holds: found }).toEqual({ text, doc, holds })
        // Of several values one may make it true and another false.
        if (!several) expect({ text, doc, ways: holds.length }).toEqual({ text, doc, ways: 1 })
      }
    }),
    { numRuns: 400 },
  )
}, 60_000)
