import type { RuleProblem } from '../../model/rule.ts'
import { nearest } from '../nearest.ts'
import { ITEM_MODIFIERS, modify, MODIFIERS, regexFault } from './value/modifiers.ts'
import { parseText, type Detection, type DetectionItem, type SigmaValue } from './value/value.ts'
import type { FilePlace, ScalarTree, Tree } from './yaml/yaml-tree.ts'

const VALUES_MAX = 20_000

/** What went wrong with one rule, as it is read. */
export type Report = (problem: RuleProblem) => void

/**
 * A selection as Sigma defines it: a map joins its keys with AND, a list of maps with OR, texts
 * without a field are keywords. What cannot be read is reported and left out.
 */
export function parseDetection(tree: Tree, report: Report): Detection {
  if (tree.kind === 'map') {
    if (tree.entries.length === 0) report(invalid('The selection is empty.', tree.place))
    const parts = tree.entries.map((entry) =>
      parseItem({ key: entry.key, place: entry.place, values: entry.value, report }),
    )
    return { kind: 'all', parts }
  }
  if (tree.kind === 'scalar') {
    if (tree.value === null) report(invalid('The selection is empty.', tree.place))
    return keywords(tree.value === null ? [] : [tree], tree.place, report)
  }
  if (tree.items.length === 0) report(invalid('The selection is empty.', tree.place))
  const scalars = tree.items.filter((item) => item.kind === 'scalar')
  if (scalars.length === tree.items.length) return keywords(scalars, tree.place, report)
  return { kind: 'any', parts: tree.items.map((item) => parseDetection(item, report)) }
}

function keywords(values: readonly ScalarTree[], place: FilePlace, report: Report): DetectionItem {
  const list: Tree = { kind: 'list', items: values, place }
  return parseItem({ key: '', place, values: list, report })
}

interface ItemSource {
  readonly key: string
  readonly place: FilePlace
  readonly values: Tree
  readonly report: Report
}

function parseItem({ key, place, values: tree, report }: ItemSource): DetectionItem {
  const [field = '', ...names] = key.split('|')
  const all = names.includes('all')
  const negated = names.includes('neq')
  const scalars = scalarsOf(tree, key, report)
  if (scalars.length > VALUES_MAX) {
    report({
      code: 'RULE_LIMIT',
      message: `${field} has ${scalars.length} values; an item may have ${VALUES_MAX}.`,
      at: place,
      severity: 'error',
    })
  }
  const known = names.filter((name) => isKnown(name, place, report))
  const values: SigmaValue[] = []
  for (const scalar of scalars.slice(0, VALUES_MAX)) {
    const value = applyAll(known, scalar, report)
    if (value !== undefined) values.push(value)
  }
  if (field === '' && values.some((value) => value.kind === 'null')) {
    report(invalid('null needs a field to stand at.', place))
  }
  if (scalars.length === 0 && tree.kind === 'list') {
    if (field === '' && names.length > 0) report(invalid('The list of keywords is empty.', place))
    if (field !== '') values.push({ kind: 'null' })
  }
  if (field !== '' && values.length > 1 && values.some((value) => value.kind === 'null')) {
    const message = `${field} has null among its values, which the specification does not know.`
    const hint = 'write a selection of its own for null'
    report({ ...invalid(message, place), hint, severity: 'warning' })
  }
  return { kind: 'item', field: field === '' ? undefined : field, values, all, negated, place }
}

function scalarsOf(tree: Tree, key: string, report: Report): ScalarTree[] {
  if (tree.kind === 'scalar') return [tree]
  if (tree.kind === 'list') {
    return tree.items.flatMap((item) => {
      if (item.kind === 'scalar') return [item]
      report(
        invalid(`A value of ${key} is a ${item.kind}; it may be text or a number.`, item.place),
      )
      return []
    })
  }
  report(invalid(`${key} holds a map; it may hold a value or a list of values.`, tree.place))
  return []
}

function isKnown(name: string, at: FilePlace, report: Report): boolean {
  if (Object.hasOwn(MODIFIERS, name)) return true
  if ((ITEM_MODIFIERS as readonly string[]).includes(name)) return false
  const guess = nearest(name, [...Object.keys(MODIFIERS), ...ITEM_MODIFIERS])
  report({
    code: 'RULE_MODIFIER',
    message: `There is no modifier "${name}".`,
    at,
    ...(guess === undefined ? {} : { hint: `did you mean "${guess}"?` }),
    severity: 'error',
  })
  return false
}

function applyAll(
  names: readonly string[],
  scalar: ScalarTree,
  report: Report,
): SigmaValue | undefined {
  let value = valueOf(scalar)
  for (const [index, name] of names.entries()) {
    const changed = modify(name, value, names.slice(0, index))
    if (changed.kind === 'refused') {
      const message = `The modifier "${name}" ${changed.why}.`
      report({ code: 'RULE_MODIFIER', message, at: scalar.place, severity: 'error' })
      return undefined
    }
    value = changed
  }
  if (value.kind === 'regex') {
    const fault = regexFault(value.pattern, value.flags)
    if (fault !== undefined) {
      const message = `The regular expression cannot run: ${fault}.`
      const hint = 'RE2 syntax: no look-around, no back-references'
      report({ code: 'RULE_REGEX', message, at: scalar.place, hint, severity: 'error' })
      return undefined
    }
  }
  return value
}

function valueOf(scalar: ScalarTree): SigmaValue {
  const { value, source } = scalar
  if (value === null) return { kind: 'null' }
  if (typeof value === 'boolean') return { kind: 'boolean', value }
  if (typeof value === 'number') return { kind: 'number', value, text: source || String(value) }
  return parseText(value)
}

function invalid(message: string, at: FilePlace): RuleProblem {
  return { code: 'RULE_INVALID', message, at, severity: 'error' }
}
