import type { Condition, ValueTest } from '../model/condition.ts'
import type { RuleSet } from '../model/rule.ts'
import { EVENT_COLUMNS } from '../store/schema/columns.ts'
import type { EventColumn } from '../store/schema/columns.ts'
import { column, orUnfit } from '../store/search/where.ts'
import { allOf, anyOf, p, sql } from '../store/sql.ts'
import type { Sql } from '../store/sql.ts'

/** How what rules see differs from what is stored: that cannot be looked for in the store. */
export interface Ground {
  changes(path: string): boolean
  /** False where values may come or go anywhere in the event. */
  readonly whole: boolean
}

const AS_STORED: Ground = { changes: () => false, whole: true }

/**
 * What of a condition the store can look for: SQL over typed columns that is true for every event
 * for which the condition is, and for others too. The rule is always looked at again, so letting
 * too much through costs time, and letting too little through would lose alerts. Undefined: any
 * event may match.
 */
export function necessary(condition: Condition, ground: Ground = AS_STORED): Sql | undefined {
  switch (condition.kind) {
    case 'never':
      return sql`0`
    case 'field':
      return ground.changes(condition.path) ? undefined : ofField(condition.path, condition.test)
    case 'and': {
      const all = condition.parts.map((part) => necessary(part, ground))
      return bounded(all.filter((part) => part !== undefined))
    }
    case 'or':
      return anyNecessary(condition.parts, ground)
    case 'not':
      return necessaryNot(condition.part, ground)
    case 'anywhere':
    case 'fields':
      return ground.whole ? inDocument(condition.test) : undefined
    case 'nested':
      // Its object is one of those that the path leads to, and so are the values in it.
      return necessary(beneath(condition.path, condition.part), ground)
    case 'expr':
      return condition.expr.kind === 'condition'
        ? necessary(condition.expr.condition, ground)
        : undefined
    case 'always':
      return undefined
  }
}

/** All of them, or where that is more than the store takes, as many as it does, the smallest first. */
function bounded(parts: readonly Sql[]): Sql | undefined {
  const taken: Sql[] = []
  for (const part of parts.toSorted((a, b) => a.params.length - b.params.length)) {
    if (isWithinBounds([...taken, part])) taken.push(part)
  }
  return taken.length === 0 ? undefined : allOf(taken)
}

/** An alternative that cannot be looked for lets every event through; so do more than the store takes. */
function anyNecessary(parts: readonly Condition[], ground: Ground): Sql | undefined {
  const { lists, rest } = gathered(parts, ground)
  const known = [...lists.map(ofList)]
  for (const part of rest) {
    const one = necessary(part, ground)
    if (one === undefined) return undefined
    known.push(one)
  }
  return isWithinBounds(known) ? anyOf(known) : undefined
}

/** The engine takes fewer than 1,000 values beside a statement, and a megabyte of them. */
const PARAMS_MAX = 500
const PARAMS_CHARS_MAX = 200_000

function isWithinBounds(parts: readonly Sql[]): boolean {
  let count = 0
  let chars = 0
  for (const { params } of parts) {
    count += params.length
    for (const { value } of params) {
      chars += typeof value === 'object' ? value.join('').length : String(value).length
    }
  }
  return count <= PARAMS_MAX && chars <= PARAMS_CHARS_MAX
}

/** Alternatives of one field and one kind, which go to the store as one list. */
interface ValueList {
  readonly path: string
  /** Whole values; else parts of them. */
  readonly whole: boolean
  readonly cased: boolean
  readonly values: string[]
}

function gathered(
  parts: readonly Condition[],
  ground: Ground,
): { readonly lists: readonly ValueList[]; readonly rest: readonly Condition[] } {
  const lists = new Map<string, ValueList>()
  const rest: Condition[] = []
  const take = (part: Condition): void => {
    if (part.kind === 'or') return part.parts.forEach(take)
    const found = part.kind === 'field' && !ground.changes(part.path) ? listed(part) : undefined
    if (found === undefined) return void rest.push(part)
    const key = `${found.path} ${found.whole} ${found.cased}`
    const list = lists.get(key)
    if (list === undefined) lists.set(key, found)
    else list.values.push(...found.values)
  }
  for (const part of parts) take(part)
  return { lists: [...lists.values()], rest }
}

/** A test of text that can stand in a list with others; a prefix or a suffix is a part too. */
function listed({ path, test }: Extract<Condition, { kind: 'field' }>): ValueList | undefined {
  if (test.kind !== 'equals' && test.kind !== 'prefix') {
    if (test.kind !== 'suffix' && test.kind !== 'substring') return undefined
  }
  const { value, cased } = test
  const column = COLUMNS.get(path)
  if (typeof value !== 'string' || value === '' || LONE.test(value)) return undefined
  if (column?.kind === 'number' || (!cased && !ASCII.test(value))) return undefined
  if (column === undefined && !PLAIN.test(value)) return undefined
  return { path, whole: test.kind === 'equals', cased, values: [value] }
}

function ofList({ path, whole, cased, values }: ValueList): Sql {
  const found = COLUMNS.get(path)
  const shown = found === undefined ? values.map(asWritten) : values
  const texts = [...new Set(cased ? shown : shown.map((value) => value.toLowerCase()))]
  const test = (at: Sql): Sql => {
    const text = cased ? at : sql`lower(${at})`
    const isAny =
      whole && found !== undefined
        ? sql`has(${p('Array(String)', texts)}, ${text})`
        : anyOf(
            chunks(texts).map((some) => sql`multiSearchAny(${text}, ${p('Array(String)', some)})`),
          )
    return cased ? isAny : anyOf([isAny, sql`length(${at}) != lengthUTF8(${at})`])
  }
  if (found === undefined) return test(DOCUMENT)
  const at = column(found.name)
  const condition =
    found.kind === 'words' ? sql`arrayExists(word -> ${test(sql`word`)}, ${at})` : test(at)
  return orUnfit(found.name, condition)
}

/** What `multiSearchAny` takes is at most 255. */
function chunks(texts: readonly string[]): readonly string[][] {
  const all: string[][] = []
  for (let at = 0; at < texts.length; at += 200) all.push(texts.slice(at, at + 200))
  return all
}

/** What an event needs for which the condition does not hold. */
function necessaryNot(condition: Condition, ground: Ground): Sql | undefined {
  switch (condition.kind) {
    case 'always':
      return sql`0`
    case 'not':
      return necessary(condition.part, ground)
    case 'or':
      return necessary({ kind: 'and', parts: condition.parts.map(negated) }, ground)
    case 'and':
      return necessary({ kind: 'or', parts: condition.parts.map(negated) }, ground)
    case 'never':
    case 'field':
    case 'anywhere':
    case 'fields':
    case 'nested':
    case 'expr':
      return undefined
  }
}

function negated(part: Condition): Condition {
  return { kind: 'not', part }
}

/**
 * A condition on an object as one on the whole event, which may hold more often; what would hold more
 * seldom (a negation: another object may have the value) is let through.
 */
function beneath(path: string, condition: Condition): Condition {
  switch (condition.kind) {
    case 'field':
      return { ...condition, path: `${path}.${condition.path}` }
    case 'nested':
      return { ...condition, path: `${path}.${condition.path}` }
    case 'and':
    case 'or':
      return { ...condition, parts: condition.parts.map((part) => beneath(path, part)) }
    case 'anywhere':
    case 'fields':
      return { kind: 'anywhere', test: condition.test }
    case 'never':
      return condition
    case 'always':
    case 'expr':
    case 'not':
      return { kind: 'always' }
  }
}

/** What any rule of a set needs; undefined where one of them may match any event. */
export function necessaryOf(ruleSet: RuleSet, ground: Ground = AS_STORED): Sql | undefined {
  if (ruleSet.matches.length > RULES_MAX) return undefined
  return anyNecessary(
    ruleSet.matches.map((rule) => rule.condition),
    ground,
  )
}

/** Looking for more alternatives than this costs more than reading all events. */
const RULES_MAX = 200

const COLUMNS = new Map<string, (typeof EVENT_COLUMNS)[number]>(
  EVENT_COLUMNS.map((one) => [one.path, one]),
)

function ofField(path: string, test: ValueTest): Sql | undefined {
  // Null and an empty list count as present, and leave no trace in a column.
  if (test.kind === 'present') return undefined
  const found = COLUMNS.get(path)
  if (found === undefined) return inDocument(test)
  const condition = inColumn(found, test) ?? hasValue(found)
  return orUnfit(found.name, condition)
}

type Known = EventColumn & (typeof EVENT_COLUMNS)[number]

/** No test passes where there is no value (an empty text is named in `unfit`). */
function hasValue(found: Known): Sql {
  switch (found.kind) {
    case 'text':
    case 'word':
      return sql`${column(found.name)} != ''`
    case 'words':
      return sql`notEmpty(${column(found.name)})`
    case 'number':
      return sql`isNotNull(${column(found.name)})`
  }
}

function inColumn(found: Known, test: ValueTest): Sql | undefined {
  if (found.kind === 'number') return ofNumber(column(found.name), test)
  if (found.kind === 'words') {
    const inner = ofText(sql`word`, test)
    return inner && sql`arrayExists(word -> ${inner}, ${column(found.name)})`
  }
  return ofText(column(found.name), test)
}

function ofNumber(at: Sql, test: ValueTest): Sql | undefined {
  if (test.kind === 'equals') {
    const value = typeof test.value === 'boolean' ? Number.NaN : Number(test.value)
    if (!Number.isSafeInteger(value)) return undefined
    return sql`${at} = ${p('Int64', value)}`
  }
  if (test.kind !== 'compare' || typeof test.value !== 'number') return undefined
  const bound = p('Float64', test.value)
  switch (test.op) {
    case 'lt':
      return sql`${at} < ${bound}`
    case 'lte':
      return sql`${at} <= ${bound}`
    case 'gt':
      return sql`${at} > ${bound}`
    case 'gte':
      return sql`${at} >= ${bound}`
  }
}

function ofText(at: Sql, test: ValueTest): Sql | undefined {
  switch (test.kind) {
    case 'equals':
      // Text that spells a number passes too, in any spelling of it.
      if (typeof test.value === 'number') return undefined
      return folded(at, String(test.value), test.cased, (text, value) => sql`${text} = ${value}`)
    case 'prefix':
      return folded(at, test.value, test.cased, (text, value) => sql`startsWith(${text}, ${value})`)
    case 'suffix':
      return folded(at, test.value, test.cased, (text, value) => sql`endsWith(${text}, ${value})`)
    case 'substring':
      return contains(at, test.value, test.cased)
    case 'wildcard': {
      const parts = test.parts.filter((part) => typeof part === 'string')
      const known = parts.map((part) => contains(at, part, test.cased))
      return allOf(known.filter((part) => part !== undefined))
    }
    case 'regex':
    case 'cidr':
    case 'compare':
    case 'exists':
    case 'present':
    case 'timepart':
    case 'fieldref':
      return undefined
  }
}

/**
 * Some value of the event passes: what it needs to hold stands in the document's text, as JSON writes
 * it. Only for printable ASCII, of which that is certain.
 */
function inDocument(test: ValueTest): Sql | undefined {
  const holds = (value: string, cased: boolean): Sql | undefined =>
    PLAIN.test(value) ? contains(DOCUMENT, asWritten(value), cased) : undefined
  switch (test.kind) {
    case 'equals':
      // Text that spells a number passes too, in any spelling of it.
      if (typeof test.value === 'number') return undefined
      return holds(String(test.value), test.cased)
    case 'prefix':
    case 'suffix':
    case 'substring':
      return holds(test.value, test.cased)
    case 'wildcard': {
      const texts = test.parts.filter((part) => typeof part === 'string')
      const known = texts.map((part) => holds(part, test.cased)).filter((one) => one !== undefined)
      return known.length === 0 ? undefined : allOf(known)
    }
    case 'regex':
    case 'cidr':
    case 'compare':
    case 'exists':
    case 'present':
    case 'timepart':
    case 'fieldref':
      return undefined
  }
}

const DOCUMENT = sql`doc`
const PLAIN = /^[ -~]+$/

/** Each character by itself, so that a part of a text is a part of what is written of it. */
function asWritten(value: string): string {
  return JSON.stringify(value).slice(1, -1)
}

function contains(at: Sql, value: string, cased: boolean): Sql | undefined {
  return folded(at, value, cased, (text, bound) => sql`position(${text}, ${bound}) > 0`)
}

const ASCII = /^[\0-\x7f]*$/
/** Half of a surrogate pair cannot be written as UTF-8: the column holds another character. */
const LONE = /\p{Cs}/u

/**
 * Letter case is folded for ASCII alone, on both sides; a column with other characters is let
 * through, since some of those fold into ASCII (the Kelvin sign into k).
 */
function folded(
  at: Sql,
  value: string,
  cased: boolean,
  compare: (text: Sql, value: ReturnType<typeof p>) => Sql,
): Sql | undefined {
  if (value === '' || LONE.test(value)) return undefined
  if (cased) return compare(at, p('String', value))
  if (!ASCII.test(value)) return undefined
  const same = compare(sql`lower(${at})`, p('String', value.toLowerCase()))
  return anyOf([same, sql`length(${at}) != lengthUTF8(${at})`])
}
