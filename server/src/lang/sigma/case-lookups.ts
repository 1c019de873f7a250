import type { RuleTestLookup } from '../../model/rule.ts'
import type { Report } from './detection.ts'
import { parseTimespan } from './timespan.ts'
import { childOf, plainOf, textOf, textsOf, type MapEntry, type Tree } from './yaml/yaml-tree.ts'

const LOOKUPS_MAX = 20
const ROWS_MAX = 10_000
const KEYS = ['key', 'fields', 'rows', 'age']

/**
 * Lookups that a case stands in for, as the configuration's section `lookups` names them:
 *
 *     lookups:
 *       owners:
 *         key: device.id                # or a list: the first that has a value
 *         fields: {team: iot.owner}     # column to field; without it columns are fields
 *         age: 3d                       # how old the table is; new unless said
 *         rows: {cam-1: {team: video}}
 */
export function parseLookups(tree: Tree | undefined, report: Report): RuleTestLookup[] {
  if (tree === undefined) return []
  if (tree.kind !== 'map' || tree.entries.length > LOOKUPS_MAX) {
    const what = `a map of at most ${LOOKUPS_MAX} names, each with key and rows`
    report(invalid(`"lookups" is ${what}.`, tree))
    return []
  }
  return tree.entries.flatMap((entry) => {
    const lookup = parseLookup(entry, report)
    return lookup === undefined ? [] : [lookup]
  })
}

function parseLookup({ key: name, value }: MapEntry, report: Report): RuleTestLookup | undefined {
  for (const entry of value.kind === 'map' ? value.entries : []) {
    if (KEYS.includes(entry.key)) continue
    const message = `A lookup of a test has no "${entry.key}".`
    report({ ...invalid(message, { place: entry.place }), hint: `it has ${KEYS.join(', ')}` })
  }
  const key = textsOf(childOf(value, 'key'))
  const rows = childOf(value, 'rows')
  const age = childOf(value, 'age')
  const ageMs = age === undefined ? 0 : parseTimespan(textOf(age))
  if (key.length === 0 || rows?.kind !== 'map' || rows.entries.length > ROWS_MAX) {
    const message = `A lookup of a test has a key and at most ${ROWS_MAX} rows by their keys.`
    report(invalid(message, rows ?? value))
    return undefined
  }
  if (ageMs === undefined) report(invalid('"age" takes a time such as 3d.', age ?? value))
  const found = new Map<string, Record<string, unknown>>()
  for (const row of rows.entries) {
    if (row.value.kind !== 'map') report(invalid('A row is a map of its columns.', row.value))
    else found.set(row.key, flat(plainOf(row.value), '', {}))
  }
  const fields = fieldsOf(childOf(value, 'fields'), found, report)
  return { name, key, fields, rows: found, ageMs: ageMs ?? 0 }
}

function fieldsOf(
  tree: Tree | undefined,
  rows: ReadonlyMap<string, Readonly<Record<string, unknown>>>,
  report: Report,
): Record<string, string> {
  const columns = [...new Set([...rows.values()].flatMap((row) => Object.keys(row)))]
  if (tree === undefined) return Object.fromEntries(columns.map((column) => [column, column]))
  const pairs = tree.kind === 'map' ? tree.entries : []
  const named = pairs.map(({ key, value }) => [key, textOf(value)] as const)
  if (pairs.length > 0 && named.every(([, field]) => field !== undefined)) {
    return Object.fromEntries(named) as Record<string, string>
  }
  report(invalid('"fields" says for each column which field of the event it becomes.', tree))
  return {}
}

/** Columns of nested rows by their dotted names. */
function flat(value: unknown, path: string, into: Record<string, unknown>) {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) {
    if (value !== null) into[path] = value
    return into
  }
  for (const [key, inner] of Object.entries(value)) {
    flat(inner, path === '' ? key : `${path}.${key}`, into)
  }
  return into
}

function invalid(message: string, { place }: Pick<Tree, 'place'>) {
  return { code: 'RULE_INVALID', message, at: place, severity: 'error' } as const
}
