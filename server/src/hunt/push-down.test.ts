import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Condition, ValueTest } from '../model/condition.ts'
import type { EcsDoc } from '../model/event.ts'
import { interpret } from '../rule/interpret.ts'
import { fillStore } from '../store/testing/fill.ts'
import { TEST_DAY_MS, openStoreFixture } from '../store/testing/store-fixture.ts'
import type { StoreFixture } from '../store/testing/store-fixture.ts'
import { sql } from '../store/sql.ts'
import { necessary } from './push-down.ts'

/*
 * Events with odd values under odd spellings of their paths are stored for real. For any condition,
 * every event that it holds for (the interpreter says so) must be among those that the store finds.
 */
const TEXTS = [
  '',
  'a',
  'A',
  'b',
  'ab',
  'aB',
  'K',
  '\u212a',
  'é',
  'É',
  '\ud800',
  '1',
  '01',
  '1.0',
  'a\\b',
  '\\',
  '\\n',
  'C:\\A\\"ab"\\',
  '"ab"',
  '/ab',
  'ab\n',
  'x'.repeat(2_000),
]
const scalar = fc.oneof(
  fc.constantFrom(...TEXTS),
  fc.constantFrom(0, 1, -1, 443, 1.5, 2 ** 60, true, false, null),
)
const value = fc.oneof(
  { weight: 4, arbitrary: scalar },
  {
    weight: 1,
    arbitrary: fc.array(fc.oneof(scalar, fc.array(scalar, { maxLength: 2 })), { maxLength: 3 }),
  },
  { weight: 1, arbitrary: fc.constant({ deeper: 'a' }) },
)
const PATHS = [
  'user.name',
  'event.category',
  'event.action',
  'source.port',
  'iot.mqtt.client_id',
  'user.other',
]

/** A path's value, written nested, dotted, half dotted, or in lists of objects. */
const written = fc
  .tuple(fc.constantFrom(...PATHS), value, fc.nat(4))
  .map(([path, one, spelling]) => {
    const parts = path.split('.')
    const nest = (names: readonly string[]): unknown =>
      names.reduceRight<unknown>((inner, name) => ({ [name]: inner }), one)
    if (spelling === 0) return { [path]: one }
    if (spelling === 1) return { [parts[0] ?? '']: [nest(parts.slice(1)), nest(parts.slice(1))] }
    if (spelling === 2) return { [parts[0] ?? '']: [[nest(parts.slice(1))]] }
    if (spelling === 3)
      return { [parts.slice(0, 2).join('.')]: parts[2] ? { [parts[2]]: one } : one }
    return nest(parts) as EcsDoc
  })
const document = fc
  .array(written, { maxLength: 4 })
  .map((all) => Object.assign({}, ...all) as EcsDoc)

const cased = fc.boolean()
const text = fc.constantFrom(...TEXTS.filter((one) => one.length < 100))
const valueTest: fc.Arbitrary<ValueTest> = fc.oneof(
  fc.record({
    kind: fc.constant('equals' as const),
    value: fc.oneof(text, fc.constantFrom(0, 1, 443, 1.5, true, false)),
    cased,
  }),
  fc.record({
    kind: fc.constantFrom('prefix' as const, 'suffix' as const, 'substring' as const),
    value: text,
    cased,
  }),
  fc.record({
    kind: fc.constant('wildcard' as const),
    parts: fc.array(
      fc.oneof(text, fc.constantFrom({ any: 'one' as const }, { any: 'many' as const })),
      { maxLength: 3 },
    ),
    cased,
  }),
  fc.record({
    kind: fc.constant('regex' as const),
    pattern: fc.constantFrom('a', '^$', '.*', 'k'),
    flags: fc.constantFrom('', 'i'),
  }),
  fc.record({
    kind: fc.constant('compare' as const),
    op: fc.constantFrom('lt' as const, 'lte' as const, 'gt' as const, 'gte' as const),
    value: fc.constantFrom<(number | string)[]>(0, 1.5, 443, 'a', '1'),
  }),
  fc.constant<ValueTest>({ kind: 'exists' }),
  fc.constant<ValueTest>({ kind: 'present' }),
)
const condition = fc.letrec<{ any: Condition; inner: Condition }>((tie) => ({
  inner: fc.oneof(
    { maxDepth: 2 },
    fc.record({
      kind: fc.constant('field' as const),
      path: fc.constantFrom('name', 'other', 'client_id', 'mqtt.client_id'),
      test: valueTest,
    }),
    fc.record({
      kind: fc.constantFrom('and' as const, 'or' as const),
      parts: fc.array(tie('inner'), { minLength: 1, maxLength: 3 }),
    }),
    fc.record({ kind: fc.constant('not' as const), part: tie('inner') }),
    fc.record({ kind: fc.constant('anywhere' as const), test: valueTest }),
  ),
  any: fc.oneof(
    { maxDepth: 2 },
    fc.record({
      kind: fc.constant('field' as const),
      path: fc.constantFrom(...PATHS),
      test: valueTest,
    }),
    fc.record({
      kind: fc.constantFrom('and' as const, 'or' as const),
      parts: fc.array(tie('any'), { minLength: 1, maxLength: 3 }),
    }),
    fc.record({ kind: fc.constant('not' as const), part: tie('any') }),
    fc.record({ kind: fc.constant('anywhere' as const), test: valueTest }),
    fc.record({
      kind: fc.constant('fields' as const),
      pattern: fc.constantFrom('user.*', '*', 'iot*id'),
      test: valueTest,
    }),
    fc.record({
      kind: fc.constant('nested' as const),
      path: fc.constantFrom('user', 'iot', 'iot.mqtt'),
      part: tie('inner'),
    }),
    fc.tuple(tie('any')).map(([one]): Condition => {
      return { kind: 'expr', expr: { kind: 'condition', condition: one } }
    }),
    fc
      .tuple(
        fc.constantFrom(...PATHS),
        fc.constantFrom(
          'equals' as const,
          'prefix' as const,
          'suffix' as const,
          'substring' as const,
        ),
        fc.array(fc.record({ value: text, cased }), { minLength: 1, maxLength: 8 }),
      )
      .map(([path, kind, values]): Condition => {
        // As rules list them: many values of one field.
        const parts = values.map(
          (one) => ({ kind: 'field', path, test: { kind, ...one } }) as const,
        )
        return { kind: 'or', parts }
      }),
    fc.constant<Condition>({ kind: 'always' }),
    fc.constant<Condition>({ kind: 'never' }),
  ),
})).any

let store: StoreFixture
const docs = fc.sample(document, { numRuns: 1_500, seed: 7 })
beforeAll(async () => {
  store = await openStoreFixture()
  await fillStore(
    store.engine,
    docs.map((doc, at) => ({ id: String(at), time: TEST_DAY_MS, doc })),
  )
})
afterAll(() => store.close())

test('what the store leaves out, no rule could match', { timeout: 240_000 }, async () => {
  let narrowed = 0
  await fc.assert(
    fc.asyncProperty(condition, async (one) => {
      const where = necessary(one)
      if (where === undefined) return
      const rows = await store.engine
        .client('reader')
        .query(sql`SELECT id FROM picket.events WHERE ${where}`)
      const found = new Set(rows.rows.map(([id]) => Number(id)))
      const lost = docs.findIndex((doc, at) => !found.has(at) && interpret(one, doc))
      expect(lost < 0 ? undefined : docs[lost]).toBeUndefined()
      if (found.size < docs.length / 2) narrowed += 1
    }),
    { numRuns: 400 },
  )
  expect(narrowed).toBeGreaterThan(50)
})

test.each<[string, Condition]>([
  ['a keyword', { kind: 'anywhere', test: { kind: 'substring', value: 'ab', cased: true } }],
  [
    'a field without a column',
    { kind: 'field', path: 'user.other', test: { kind: 'equals', value: 'ab', cased: true } },
  ],
  [
    'a path of Windows in a field without a column',
    {
      kind: 'field',
      path: 'user.other',
      test: { kind: 'substring', value: '\\A\\', cased: false },
    },
  ],
  [
    'a nested object',
    {
      kind: 'nested',
      path: 'user',
      part: { kind: 'field', path: 'name', test: { kind: 'equals', value: 'ab', cased: true } },
    },
  ],
  [
    'a double negation',
    {
      kind: 'not',
      part: {
        kind: 'or',
        parts: [
          {
            kind: 'not',
            part: {
              kind: 'field',
              path: 'user.name',
              test: { kind: 'equals', value: 'ab', cased: true },
            },
          },
          { kind: 'never' },
        ],
      },
    },
  ],
])('%s narrows what is read', async (_name, one) => {
  const where = necessary(one)
  if (where === undefined) throw new Error('not pushed down')
  const rows = await store.engine
    .client('reader')
    .query(sql`SELECT count() FROM picket.events WHERE ${where}`)
  expect(Number(rows.rows[0]?.[0])).toBeLessThan(docs.length / 2)
})

/** The engine takes fewer than 1,000 values beside a statement. */
test.each<[string, Condition]>([
  [
    'thousands of values of one field',
    {
      kind: 'or',
      parts: Array.from({ length: 5_000 }, (_, at) => ({
        kind: 'field',
        path: 'user.name',
        test: { kind: 'suffix', value: `ab${at === 7 ? '' : at}`, cased: false },
      })),
    },
  ],
  [
    'values of more fields than are looked for, and one more',
    {
      kind: 'and',
      parts: [
        {
          kind: 'or',
          parts: Array.from({ length: 2_000 }, (_, at) => ({
            kind: 'field',
            path: `user.f${at}`,
            test: { kind: 'equals', value: 'ab', cased: true },
          })),
        },
        { kind: 'field', path: 'user.name', test: { kind: 'equals', value: 'ab', cased: true } },
      ],
    },
  ],
])('%s: what is asked stays within what the store takes', async (_name, one) => {
  const where = necessary(one)
  if (where === undefined) throw new Error('not pushed down')
  const rows = await store.engine
    .client('reader')
    .query(sql`SELECT count() FROM picket.events WHERE ${where}`)
  const found = Number(rows.rows[0]?.[0])
  expect(found).toBeGreaterThan(0)
  expect(found).toBeLessThan(docs.length / 2)
})

test.each([
  [{ kind: 'equals', value: 'a', cased: true }, 'user.name'],
  [{ kind: 'equals', value: 443, cased: true }, 'source.port'],
  [{ kind: 'prefix', value: 'a', cased: false }, 'event.category'],
] as const)('%j is looked for in the store', async (valueTest, path) => {
  const where = necessary({ kind: 'field', path, test: valueTest })
  if (where === undefined) throw new Error('not pushed down')
  const rows = await store.engine
    .client('reader')
    .query(sql`SELECT count() FROM picket.events WHERE ${where}`)
  expect(Number(rows.rows[0]?.[0])).toBeLessThan(docs.length / 3)
})
