import type { RuleProblem } from '../../model/rule.ts'
import { nearest } from '../nearest.ts'
import { parseCondition } from './condition.ts'
import { parseDetection, type Report } from './detection.ts'
import type {
  Logsource,
  Override,
  SigmaDocument,
  SigmaFile,
  WrittenCondition,
} from './documents.ts'
import { parseMeta } from './meta.ts'
import { parseTimespan } from './timespan.ts'
import type { Detection } from './value/value.ts'
import {
  childOf,
  flagOf,
  parseYamlDocuments,
  plainOf,
  textOf,
  textsOf,
  type MapEntry,
  type MapTree,
  type Tree,
} from './yaml/yaml-tree.ts'

/**
 * Reads the documents of a Sigma file: rules, correlations, filters, and our lists and macros.
 * Never throws; each document carries its own problems.
 */
export function parseSigmaFile(text: string, path?: string): SigmaFile {
  const { trees, problems } = parseYamlDocuments(text, path)
  const found: RuleProblem[] = problems.map((problem) => ({ ...problem, severity: 'error' }))
  const documents: SigmaDocument[] = []
  let shared: MapTree | undefined
  let previous: MapTree | undefined
  for (const tree of trees.flatMap((each) => (each.kind === 'list' ? each.items : [each]))) {
    if (tree.kind !== 'map') {
      const message = 'The document is no map of attributes.'
      found.push({ code: 'RULE_INVALID', message, at: tree.place, severity: 'error' })
      continue
    }
    // The legacy collection actions: `global` adds to all that follow, `repeat` to one.
    const action = textOf(childOf(tree, 'action'))
    if (action === 'global') {
      shared = shared === undefined ? tree : merge(shared, tree)
      continue
    }
    if (action === 'reset') {
      shared = undefined
      continue
    }
    // What is global is so for rules: a correlation or filter in the same file stands by itself.
    const isRule = OTHER_KINDS.every((kind) => childOf(tree, kind) === undefined)
    const base = action === 'repeat' ? previous : isRule ? shared : undefined
    const whole = base === undefined ? tree : merge(base, tree)
    previous = whole
    const sharesId = childOf(base, 'id') !== undefined && childOf(tree, 'id') === undefined
    const document = parseDocument(whole, path, sharesId)
    if (action !== undefined && action !== 'repeat') {
      document.problems.push(strangeAction(action, childOf(tree, 'action')?.place ?? tree.place))
    }
    documents.push(document)
  }
  return { path, documents, problems: found }
}

function strangeAction(action: string, at: RuleProblem['at']): RuleProblem {
  const guess = nearest(action, ['global', 'reset', 'repeat'])
  return {
    code: 'RULE_INVALID',
    message: `"${action}" is no action; it is one of global, reset, repeat.`,
    ...(at === undefined ? {} : { at }),
    ...(guess === undefined ? {} : { hint: `did you mean "${guess}"?` }),
    severity: 'error',
  }
}

/** One map over another: maps are merged key by key, everything else is replaced. */
function merge(base: MapTree, over: MapTree): MapTree {
  const entries = new Map<string, MapEntry>()
  for (const entry of base.entries) if (entry.key !== 'action') entries.set(entry.key, entry)
  for (const entry of over.entries) {
    if (entry.key === 'action') continue
    const under = entries.get(entry.key)
    const both = under?.value.kind === 'map' && entry.value.kind === 'map'
    const value = both ? merge(under.value as MapTree, entry.value as MapTree) : entry.value
    entries.set(entry.key, { ...entry, value })
  }
  return { kind: 'map', entries: [...entries.values()], place: over.place }
}

const OTHER_KINDS = ['correlation', 'filter', 'list', 'macro'] as const
const KINDS = ['detection', ...OTHER_KINDS] as const

function parseDocument(tree: MapTree, path: string | undefined, sharesId: boolean): SigmaDocument {
  const problems: RuleProblem[] = []
  const report: Report = (problem) => void problems.push(problem)
  const meta = parseMeta(tree, path, report)
  const name = textOf(childOf(tree, 'name'))
  const base = {
    meta,
    name,
    place: tree.place,
    sharesId,
    problems,
    tests: childOf(tree, 'tests'),
    attributes: attributesOf(tree),
  }
  const named = (key: string) => ({ ...base, name: textOf(childOf(tree, key)) ?? name })
  switch (KINDS.find((kind) => childOf(tree, kind) !== undefined)) {
    case 'correlation': {
      const body = childOf(tree, 'correlation') ?? tree
      const generate = [childOf(tree, 'generate'), childOf(body, 'generate')]
      return {
        ...base,
        kind: 'correlation',
        body,
        generate: generate.some((each) => flagOf(each) === true),
      }
    }
    case 'filter':
      return { ...base, kind: 'filter', ...parseFilter(tree, report) }
    case 'list':
      return {
        ...named('list'),
        kind: 'list',
        items: textsOf(childOf(tree, 'items')),
        override: overrideOf(tree, report),
      }
    case 'macro': {
      const body = childOf(tree, 'selection')
      if (body === undefined) report(missing('selection', 'a macro', tree))
      const detection: Detection =
        body === undefined ? { kind: 'any', parts: [] } : parseDetection(body, report)
      return { ...named('macro'), kind: 'macro', detection, override: overrideOf(tree, report) }
    }
    case 'detection':
    case undefined:
      return { ...base, kind: 'rule', ...parseRuleBody(tree, report) }
  }
}

function attributesOf(tree: MapTree): Record<string, unknown> {
  const plain = tree.entries.filter((entry) => !['detection', 'tests'].includes(entry.key))
  return Object.fromEntries(plain.map((entry) => [entry.key, plainOf(entry.value)]))
}

function overrideOf(tree: MapTree, report: Report): Override {
  const value = childOf(tree, 'override')
  const text = textOf(value) ?? 'define'
  if (text === 'define' || text === 'append' || text === 'replace') return text
  const message = `"${text}" is no override; it is append or replace.`
  report({ code: 'RULE_INVALID', message, at: value?.place ?? tree.place, severity: 'error' })
  return 'define'
}

const EXAMPLES: Readonly<Record<string, string>> = {
  title: 'such as "title: Login from abroad"',
  logsource: 'such as "logsource: {category: process_creation, product: windows}"',
  detection: 'a map of selections and a condition',
  condition: 'such as "condition: selection and not filter"',
  rules: 'ids or names of rules, or "any"',
  selection: 'such as "selection: {user.name: root}"',
}

function missing(key: string, owner: string, tree: Tree): RuleProblem {
  const keys = tree.kind === 'map' ? tree.entries.map((entry) => entry.key) : []
  const guess = keys.includes(key) ? undefined : nearest(key, keys)
  const hint = guess === undefined ? EXAMPLES[key] : `is "${guess}" meant to be "${key}"?`
  return {
    code: 'RULE_INVALID',
    message: `${owner[0]?.toUpperCase()}${owner.slice(1)} needs "${key}".`,
    at: { ...tree.place, field: key },
    ...(hint === undefined ? {} : { hint }),
    severity: 'error',
  }
}

function parseRuleBody(tree: MapTree, report: Report) {
  if (textOf(childOf(tree, 'title')) === undefined) report(missing('title', 'a rule', tree))
  const logsource = childOf(tree, 'logsource')
  if (logsource === undefined) report(missing('logsource', 'a rule', tree))
  const body = childOf(tree, 'detection')
  if (body === undefined) report(missing('detection', 'a rule', tree))
  else if (body.kind !== 'map') {
    const message = 'The detection is no map of selections and a condition.'
    report({ code: 'RULE_INVALID', message, at: body.place, severity: 'error' })
  }
  const timeframe = childOf(body, 'timeframe')
  const timeframeMs = timeframe === undefined ? undefined : parseTimespan(textOf(timeframe))
  return {
    logsource: parseLogsource(logsource, report),
    ...parseSelections(body?.kind === 'map' ? body : undefined, ['timeframe'], report),
    fields: textsOf(childOf(tree, 'fields')),
    groupBy: textsOf(childOf(tree, 'group-by')),
    timeframeMs,
  }
}

function parseFilter(tree: MapTree, report: Report) {
  const body = childOf(tree, 'filter')
  const named = childOf(body, 'rules')
  if (named === undefined) report(missing('rules', 'a filter', body ?? tree))
  const rules = textsOf(named)
  const anyRule = rules.length === 0 || (rules.length === 1 && rules[0]?.toLowerCase() === 'any')
  const logsource = childOf(tree, 'logsource')
  if (logsource === undefined) report(missing('logsource', 'a filter', tree))
  return {
    logsource: parseLogsource(logsource, report),
    rules: anyRule ? undefined : rules,
    ...parseSelections(body?.kind === 'map' ? body : undefined, ['rules'], report),
  }
}

/** The body of a filter for every rule: its selections and its condition, narrowed by nothing else. */
export function parseFilterTree(body: MapTree, report: Report) {
  const logsource = parseLogsource(childOf(body, 'logsource'), report)
  return { logsource, rules: undefined, ...parseSelections(body, ['rules', 'logsource'], report) }
}

function parseLogsource(tree: Tree | undefined, report: Report): Logsource {
  if (tree === undefined) return {}
  if (tree.kind !== 'map') {
    const message = 'The log source is no map of category, product and service.'
    report({ code: 'RULE_INVALID', message, at: tree.place, severity: 'error' })
    return {}
  }
  const parts = ['category', 'product', 'service'].map((key) => [key, textOf(childOf(tree, key))])
  return Object.fromEntries(parts.filter(([, value]) => value !== undefined)) as Logsource
}

interface Selections {
  readonly detections: ReadonlyMap<string, Detection>
  readonly conditions: readonly WrittenCondition[]
}

function parseSelections(
  body: MapTree | undefined,
  reserved: readonly string[],
  report: Report,
): Selections {
  const detections = new Map<string, Detection>()
  const conditions: WrittenCondition[] = []
  for (const entry of body?.entries ?? []) {
    if (reserved.includes(entry.key)) continue
    if (entry.key === 'condition') conditions.push(...parseConditions(entry.value, report))
    else detections.set(entry.key, parseDetection(entry.value, report))
  }
  if (body !== undefined && childOf(body, 'condition') === undefined) {
    report(missing('condition', 'a detection', body))
  }
  return { detections, conditions }
}

function parseConditions(tree: Tree, report: Report): WrittenCondition[] {
  const conditions: WrittenCondition[] = []
  if (tree.kind === 'list' && tree.items.length === 0) {
    const message = 'The list of conditions is empty.'
    report({ code: 'RULE_CONDITION', message, at: tree.place, severity: 'error' })
  }
  for (const item of tree.kind === 'list' ? tree.items : [tree]) {
    const text = textOf(item)
    if (text === undefined) {
      const message = 'The condition is no text.'
      report({ code: 'RULE_CONDITION', message, at: item.place, severity: 'error' })
      continue
    }
    const parsed = parseCondition(text, item.place)
    if (parsed.ok) conditions.push({ text, place: item.place, parsed: parsed.value })
    else report({ ...parsed.problem, severity: 'error' })
  }
  return conditions
}
