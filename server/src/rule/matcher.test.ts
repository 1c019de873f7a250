import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Condition, ValueTest } from '../model/condition.ts'
import type { EcsDoc } from '../model/event.ts'
import type { MatchRule, RuleMeta } from '../model/rule.ts'
import { interpret } from './interpret.ts'
import { finish } from './index/steps.ts'
import { memoryOf } from './index/tables.ts'
import { createMatcher, matcherTables, openMatcher } from './matcher.ts'
import { Random, randomCondition, randomDoc, randomTest, randomValue } from './testing/random.ts'

const META: RuleMeta = {
  id: 'rule',
  title: 'rule',
  language: 'sigma',
  author: '',
  severity: 'medium',
  life: 'live',
  hash: '',
  tags: [],
  references: [],
  falsepositives: [],
  response: [],
}

export function ruleOf(condition: Condition, index: number): MatchRule {
  const meta = { ...META, id: String(index) }
  return { kind: 'match', meta, condition, alerts: true, groupBy: [], fields: [] }
}

/** Each event twice: what is remembered of its values must not change the answer. */
function matchesOf(rules: readonly MatchRule[], docs: readonly EcsDoc[]): number[][] {
  const matcher = createMatcher(rules)
  const hits = new Int32Array(rules.length)
  const match = (doc: EcsDoc): number[] => Array.from(hits.subarray(0, matcher.match(doc, hits)))
  const found = docs.map(match)
  expect(docs.map(match)).toEqual(found)
  return found
}

/** The same by a matcher that was made in another thread, as far as memory goes. */
function matchesHandedOver(rules: readonly MatchRule[], docs: readonly EcsDoc[]): number[][] {
  const made = matcherTables(rules)
  const tables = structuredClone(made, { transfer: memoryOf(made) })
  const matcher = finish(openMatcher(tables))
  const hits = new Int32Array(rules.length)
  return docs.map((doc) => Array.from(hits.subarray(0, matcher.match(doc, hits))))
}

const RULES = 40
const DOCS = 25
const RUNS = 110

test(`compiled equals interpreted on ${RULES * DOCS * RUNS} pairs of rule and event`, () => {
  fc.assert(
    fc.property(fc.integer(), (seed) => {
      const random = new Random(seed)
      const rules = Array.from({ length: RULES }, (_, index) =>
        ruleOf(randomCondition(random), index),
      )
      const docs = Array.from({ length: DOCS }, () => randomDoc(random))
      const found = matchesOf(rules, docs)
      docs.forEach((doc, index) => {
        const wanted = rules.flatMap((rule, at) => (interpret(rule.condition, doc) ? [at] : []))
        if (JSON.stringify(wanted) === JSON.stringify(found[index])) return
        const wrong = rules.filter((_, at) => wanted.includes(at) !== found[index]!.includes(at))
        throw new Error(
          `${JSON.stringify(wrong.map((rule) => rule.condition))} on ${JSON.stringify(doc)}`,
        )
      })
    }),
    { numRuns: RUNS },
  )
}, 120_000)

test('`one` of a wildcard is one character, also of those that are two units', () => {
  const [many, one] = [{ any: 'many' }, { any: 'one' }] as const
  const patterns = [
    [many, 'x', one, 'b'],
    ['x', one, 'b'],
    [many, one, 'b'],
    [one, one, many],
    [many, one, one, one],
    ['x', one, many, one, 'b'],
    [many, 'x', one, many, 'b', many],
  ] as const
  const rules = patterns.map((parts, index) =>
    ruleOf({ kind: 'field', path: 'a', test: { kind: 'wildcard', parts, cased: true } }, index),
  )
  const texts = ['x😀b', '😀b', 'b', 'xb', 'x😀😀b', '😀', '😀😀', 'xx😀b', 'x\ud83db', '\ude00b']
  const found = matchesOf(
    rules,
    texts.map((a) => ({ a })),
  )
  for (const [index, a] of texts.entries()) {
    const wanted = rules.flatMap(({ condition }, at) => (interpret(condition, { a }) ? [at] : []))
    expect(found[index], a).toEqual(wanted)
  }
  expect(found.slice(0, 2)).toEqual([
    [0, 1, 2, 3, 4, 6],
    [2, 3],
  ])
})

test('very many tests of one field decide odd values alike', () => {
  const random = new Random(9)
  const conditions = Array.from({ length: 2_500 }, (): Condition => {
    const tests = randomTest(random)
    if (random.chance(0.15)) return { kind: 'anywhere', test: tests }
    return { kind: 'field', path: 'a', test: tests }
  })
  const docs = Array.from({ length: 60 }, (): EcsDoc => ({ a: randomValue(random) }))
  for (const [index, found] of matchesOf(conditions.map(ruleOf), docs).entries()) {
    const wrong = conditions.filter((one, at) => {
      return interpret(one, docs[index]!) !== found.includes(at)
    })
    expect(wrong, JSON.stringify(docs[index])).toEqual([])
  }
}, 60_000)

test('a matcher whose tables another thread made answers the same', () => {
  fc.assert(
    fc.property(fc.integer(), (seed) => {
      const random = new Random(seed)
      const rules = Array.from({ length: RULES }, (_, index) =>
        ruleOf(randomCondition(random), index),
      )
      const docs = Array.from({ length: DOCS }, () => randomDoc(random))
      expect(matchesHandedOver(rules, docs)).toEqual(matchesOf(rules, docs))
    }),
    { numRuns: 40 },
  )
}, 120_000)

test('what takes long is in the tables, is handed over, and is not made again', () => {
  const word = (at: number): ValueTest => ({
    kind: 'substring',
    value: at % 2 === 0 ? `word ${at} of it` : `<${at}>`,
    cased: false,
  })
  const rules = Array.from({ length: 1_200 }, (_, at) =>
    ruleOf({ kind: 'field', path: 'message', test: word(at) }, at),
  )
  const made = matcherTables(rules)
  const memory = memoryOf(made)
  const tables = structuredClone(made, { transfer: memory })
  for (const { byteLength } of memory) expect(byteLength).toBe(0)
  expect(made.literals[1]?.automaton?.rows).toHaveLength(0)
  expect(made.literals[1]?.grams?.entries).toHaveLength(0)
  // What another thread made is taken as it is: tables that find nothing are believed.
  const { grams, automaton } = tables.literals[1]!
  expect(automaton!.rows.length / (automaton!.width + 1)).toBeGreaterThan(600)
  expect(grams!.entries.length).toBeGreaterThan(600)
  automaton!.rows.fill(0)
  grams!.words.fill(0)
  const hits = new Int32Array(rules.length)
  const steps = openMatcher(tables)
  let count = 0
  for (let step = steps.next(); ; step = steps.next(), count += 1) {
    if (step.done !== true) continue
    expect(step.value.match({ message: 'here is word 8 of it and <9>' }, hits)).toBe(0)
    break
  }
  expect(count).toBeGreaterThan(4)
})

test('many rules, and witnesses chosen again after many events, change no answer', () => {
  const random = new Random(4)
  const rules = Array.from({ length: 1_500 }, (_, index) => ruleOf(randomCondition(random), index))
  const docs = Array.from({ length: 12 }, () => randomDoc(random))
  const wanted = docs.map((doc) =>
    rules.flatMap((rule, at) => (interpret(rule.condition, doc) ? [at] : [])),
  )
  const matcher = createMatcher(rules)
  const hits: number[] = []
  for (let round = 0; round < 250; round++) {
    docs.forEach((doc, index) => {
      const count = matcher.match(doc, hits)
      if (round % 60 === 0 || round > 245) expect(hits.slice(0, count)).toEqual(wanted[index])
    })
  }
  const { events, candidates, rules: total } = matcher.stats()
  expect(events).toBe(3_000)
  expect(candidates / events).toBeLessThan(total)
})

test('a rule is looked at only when something it needs was found', () => {
  const rules = Array.from({ length: 1_000 }, (_, index) =>
    ruleOf(
      {
        kind: 'and',
        parts: [
          { kind: 'field', path: 'a', test: { kind: 'equals', value: 'x', cased: false } },
          {
            kind: 'field',
            path: 'b',
            test: { kind: 'substring', value: `word${index}!`, cased: false },
          },
        ],
      },
      index,
    ),
  )
  const matcher = createMatcher(rules)
  const hits = new Int32Array(rules.length)
  expect(matcher.match({ a: 'x', b: 'has WORD7! in it' }, hits)).toBe(1)
  expect(hits[0]).toBe(7)
  expect(matcher.stats()).toMatchObject({ rulesAlways: 0, candidates: 1, predicates: 1_001 })
})

test('keywords are found in every value, also where a field of its own is looked through', () => {
  const substring = (value: string): ValueTest => ({ kind: 'substring', value, cased: false })
  const exactly = (value: string): ValueTest => ({ kind: 'substring', value, cased: true })
  const conditions: readonly Condition[] = [
    { kind: 'anywhere', test: substring('mimikatz') },
    { kind: 'field', path: 'a.b', test: substring('mimikatz') },
    { kind: 'anywhere', test: exactly('KATZ') },
    { kind: 'field', path: 'a.b', test: substring('katze') },
    { kind: 'anywhere', test: substring('42') },
    { kind: 'field', path: 'port', test: substring('424') },
    {
      kind: 'anywhere',
      test: { kind: 'wildcard', parts: ['mimi', { any: 'many' }, 'z'], cased: false },
    },
    { kind: 'anywhere', test: { kind: 'suffix', value: 'atz', cased: false } },
    { kind: 'anywhere', test: substring('größe') },
    { kind: 'field', path: 'a.b', test: { kind: 'prefix', value: 'mimi', cased: false } },
  ]
  const docs: readonly EcsDoc[] = [
    { a: { b: 'runs MimiKATZ now' } },
    { a: { b: 'mimikatz' }, c: 'nothing' },
    { a: { b: 'nothing' }, c: ['x', { d: 'a mimikatze' }] },
    { 'a.b': ['katze', 'KATZ'] },
    { port: 4_242, a: { b: 1_424 } },
    { a: { b: 'die GRÖSSE und die GRÖßE, mimikatz' } },
    { a: { b: true }, c: null },
  ]
  const rules = conditions.map(ruleOf)
  const wanted = docs.map((doc) =>
    rules.flatMap(({ condition }, at) => (interpret(condition, doc) ? [at] : [])),
  )
  expect(matchesOf(rules, docs)).toEqual(wanted)
  expect(wanted[0]).toEqual([0, 1, 2])
  // Each rule by itself too: then there is nothing beside it.
  for (const [at, rule] of rules.entries()) {
    const alone = matchesOf([rule], docs).map((found) => found.length === 1)
    expect(alone).toEqual(wanted.map((found) => found.includes(at)))
  }
})

test('a bound that a rule comes to wait for is seen in values that were remembered before', () => {
  const rule: Condition = {
    kind: 'and',
    parts: [
      { kind: 'field', path: 'kind', test: { kind: 'equals', value: 'common', cased: false } },
      { kind: 'field', path: 'port', test: { kind: 'compare', op: 'gt', value: 5 } },
    ],
  }
  const others = Array.from({ length: 30 }, (_, at): Condition => {
    return { kind: 'field', path: 'name', test: { kind: 'equals', value: `n${at}`, cased: false } }
  })
  const matcher = createMatcher([rule, ...others].map(ruleOf))
  const hits = new Int32Array(31)
  let found = 0
  for (let at = 0; at < 6_000; at++) {
    const port = at % 10 === 0 ? 9 : 1
    const count = matcher.match({ kind: 'common', port }, hits)
    expect(count, `event ${at}`).toBe(port > 5 ? 1 : 0)
    found += count
  }
  expect(found).toBe(600)
  // Until then the rule was looked at for each event; since then for the port alone.
  expect(matcher.stats().candidates).toBeLessThan(3_000)
})
