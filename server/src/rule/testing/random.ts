import type { Condition, Expr, ValueTest, WildcardPart } from '../../model/condition.ts'
import type { EcsDoc } from '../../model/event.ts'

/** A small seeded generator of numbers (mulberry32), for tests that make very many things. */
export class Random {
  #state: number
  constructor(seed: number) {
    this.#state = seed >>> 0
  }
  /** From 0 to below 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let t = this.#state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
  below(limit: number): number {
    return Math.floor(this.next() * limit)
  }
  chance(share: number): boolean {
    return this.next() < share
  }
  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)]!
  }
}

// Few letters and few names, so that conditions and events meet often.
const LETTERS = [
  'a',
  'A',
  'b',
  'B',
  'c',
  '-',
  '*',
  '\\',
  'ß',
  'Σ',
  'ς',
  'K',
  '\u212a',
  '😀',
  '\n',
  '1',
  '\u0130',
  '\u0131',
  '\u017f',
  's',
  '\u0307',
  '\u0000',
  '\u{10400}',
  '\u{10428}',
]
// Halves of a character can stand in an event; a rule's text is UTF-8.
const EVENT_LETTERS = [...LETTERS, '\ud83d', '\ude00']
const PATHS = [
  'a',
  'a.b',
  'a.b.c',
  'd',
  'd.e',
  'f.g.h',
  'a.d',
  '__proto__',
  'constructor.name',
  'a.length',
  '',
  'a.',
  '0',
]
const PATTERNS = ['a.*', '*.b', 'a*c', '*', 'd', 'f.*.h', '*e*']
const ADDRESSES = [
  '10.0.0.1',
  '10.0.1.1',
  '192.168.1.9',
  '::1',
  'fe80::1',
  '::ffff:10.0.0.1',
  '10.0.0.01',
]
const NETWORKS = [
  '10.0.0.0/8',
  '10.0.0.0/24',
  '0.0.0.0/0',
  '::/0',
  'fe80::/10',
  '10.0.0.1/32',
  '::ffff:10.0.0.0/120',
]
const NUMBERS = [
  ...[0, 1, 2, -1, 1.5, 10, 4624],
  ...[-0, 1e-7, 2 ** 53, 2 ** 53 + 2, -(2 ** 53), 1e21, 0.1 + 0.2, Number.MAX_VALUE, 1e11, 1.7e12],
]
const TIMES = [
  '2026-01-01',
  '2026-03-04T05:06:07Z',
  '2026-12-31T23:59:59+01:00',
  '2027-01-03 00:00:00',
  '1969-12-27T12:00:00Z',
  '1966-01-01',
  '1900-01-01',
  '2262-04-12',
  '9999-12-31T23:59:60Z',
  '2024-02-30',
  '2026-13-05',
]
const REGEXES = [
  'a+b',
  '^a',
  'b$',
  '(a|bc)',
  '[ab]c?',
  'a.b',
  '(?:ab|A)B',
  'a{2}',
  '\\.',
  '(?i)ab',
  '',
  'ab*c+',
  '^$',
  '(',
  'x?ab|c',
]

export function randomText(random: Random, longest = 6, letters = LETTERS): string {
  let text = ''
  for (let left = random.below(longest); left > 0; left--) text += random.pick(letters)
  return text
}

function randomScalar(random: Random): unknown {
  const kind = random.below(12)
  if (kind < 6) return randomText(random, 6, EVENT_LETTERS)
  if (kind === 6) return random.pick(NUMBERS)
  if (kind === 7) return String(random.pick(NUMBERS))
  if (kind === 8) return random.pick(ADDRESSES)
  if (kind === 9) return random.pick(TIMES)
  if (kind === 10) return random.chance(0.5)
  return random.pick([
    ...[null, '', 'true', '+1', '1e0', '.5', '1.', '-0', '1e999', '-1e999', '0x1', ' 1', '1 '],
    ...['9007199254740993', '1_0', 'NaN', 'Infinity', 'x'.repeat(3_000), `${'a'.repeat(900)}b`],
    ...['__proto__', 'constructor'],
  ])
}

export function randomValue(random: Random, depth = 0): unknown {
  if (random.chance(0.12) && depth < 3) {
    return Array.from({ length: random.below(3) }, () => randomValue(random, depth + 1))
  }
  if (random.chance(0.25) && depth < 3) return randomDoc(random, depth + 1)
  return randomScalar(random)
}

/** An event over the same few names, spelled nested, dotted and mixed. */
export function randomDoc(random: Random, depth = 0): EcsDoc {
  const doc: EcsDoc = {}
  const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', ...PATHS, 'b.c', 'g.h']
  for (let left = random.below(5); left > 0; left--) {
    const name = random.pick(names)
    // As JSON gives them: `__proto__` is a name like another.
    const value = randomValue(random, depth)
    Object.defineProperty(doc, name, {
      value,
      enumerable: true,
      configurable: true,
      writable: true,
    })
  }
  return doc
}

function randomParts(random: Random): WildcardPart[] {
  return Array.from({ length: 1 + random.below(4) }, (): WildcardPart => {
    if (random.chance(0.5)) return randomText(random, 4)
    return { any: random.chance(0.6) ? 'many' : 'one' }
  })
}

export function randomTest(random: Random): ValueTest {
  const cased = random.chance(0.3)
  const order = random.pick(['lt', 'lte', 'gt', 'gte'] as const)
  switch (random.below(14)) {
    case 0:
    case 1:
      return { kind: 'equals', value: randomText(random, 3), cased }
    case 2:
      return { kind: 'equals', value: random.pick([...NUMBERS, true, false, 'true', '1']), cased }
    case 3:
      return { kind: 'prefix', value: randomText(random, 3), cased }
    case 4:
      return { kind: 'suffix', value: randomText(random, 3), cased }
    case 5:
      return { kind: 'substring', value: randomText(random, random.chance(0.2) ? 20 : 3), cased }
    case 6:
      return { kind: 'wildcard', parts: randomParts(random), cased }
    case 7:
      return {
        kind: 'regex',
        pattern: random.pick(REGEXES),
        flags: random.pick(['', 'i', 'm', 'is']),
      }
    case 8:
      return { kind: 'cidr', network: random.pick(NETWORKS) }
    case 9:
      return {
        kind: 'compare',
        op: order,
        value: random.pick([...NUMBERS, ...TIMES, 'a', 'B', '1']),
      }
    case 10:
      return { kind: 'exists' }
    case 11:
      return { kind: 'present' }
    case 12: {
      const part = random.pick(['minute', 'hour', 'day', 'week', 'month', 'year'] as const)
      return {
        kind: 'timepart',
        part,
        value: random.pick([0, 1, 4, 5, 6, 22, 52, 53, 1965, 1969, 2026]),
      }
    }
    default: {
      const op = random.pick(['equals', 'prefix', 'suffix', 'substring', order] as const)
      return { kind: 'fieldref', path: random.pick(PATHS), op, cased }
    }
  }
}

export function randomCondition(random: Random, depth = 0): Condition {
  const inner = (): Condition[] =>
    Array.from({ length: random.below(4) }, () => randomCondition(random, depth + 1))
  const kind = depth > 3 ? 3 + random.below(7) : random.below(13)
  if (kind === 0) return { kind: 'and', parts: inner() }
  if (kind === 1) return { kind: 'or', parts: inner() }
  if (kind === 2) return { kind: 'not', part: randomCondition(random, depth + 1) }
  if (kind === 10) return { kind: 'and', parts: inner() }
  if (kind === 11) {
    return {
      kind: 'nested',
      path: random.pick(['a', 'd', 'a.b']),
      part: randomCondition(random, depth + 1),
    }
  }
  if (kind === 12) {
    return { kind: 'expr', expr: randomExpr(random, depth + 1) }
  }
  if (kind === 3) return { kind: 'anywhere', test: randomTest(random) }
  if (kind === 4)
    return { kind: 'fields', pattern: random.pick(PATTERNS), test: randomTest(random) }
  if (kind === 5 && random.chance(0.1)) return random.pick([{ kind: 'always' }, { kind: 'never' }])
  return { kind: 'field', path: random.pick(PATHS), test: randomTest(random) }
}

const CALLS = ['substring', 'length', 'concat', 'string', 'add', 'indexof', 'none']

function randomExpr(random: Random, depth: number): Expr {
  switch (random.below(5)) {
    case 0:
      return { kind: 'literal', value: random.pick([null, true, false, 1, 'ab']) }
    case 1:
      return { kind: 'path', path: random.pick(PATHS) }
    case 2:
      return { kind: 'test', test: randomTest(random), arg: randomExpr(random, depth + 1) }
    case 3: {
      const args = Array.from({ length: random.below(3) }, () => randomExpr(random, depth + 1))
      return { kind: 'call', name: random.pick(CALLS), args }
    }
    default:
      return { kind: 'condition', condition: randomCondition(random, depth + 1) }
  }
}
