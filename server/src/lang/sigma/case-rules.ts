import type { RuleSet } from '../../model/rule.ts'
import type { Report } from './detection.ts'
import type { SigmaDocument, SigmaFilter, SigmaList } from './documents.ts'
import { parseFilterTree } from './read.ts'
import { lowerSigma } from './sigma.ts'
import type { SigmaOptions } from './source-mapper.ts'
import { childOf, textsOf, type MapTree, type Tree } from './yaml/yaml-tree.ts'

/** What a case puts in place of the files' lists, and excepts besides their filters. */
export interface CaseMocks {
  readonly lists: Tree | undefined
  readonly exceptions: Tree | undefined
}

/**
 * A rule, and what feeds it, as they are with what one of its cases mocks. Undefined where the rule
 * does not compile even so; what is wrong with the mocks is reported.
 */
export function rulesOfCase(
  document: SigmaDocument,
  mocks: CaseMocks,
  {
    parsed,
    options,
    report,
  }: {
    /** All documents, and how many problems each had before it was lowered. */
    readonly parsed: ReadonlyMap<SigmaDocument, number>
    readonly options: SigmaOptions
    readonly report: Report
  },
): Pick<RuleSet, 'matches' | 'correlations'> | undefined {
  const documents = [...parsed.keys()]
  const needed = neededBy(document, documents)
  const mocked = [
    ...listsOf(document, mocks.lists, { documents, report }),
    ...exceptionsOf(document, mocks.exceptions, report),
  ]
  const afresh = [...needed, ...mocked].map((each): SigmaDocument => {
    return { ...each, problems: each.problems.slice(0, parsed.get(each) ?? 0) }
  })
  const file = { path: undefined, documents: afresh, problems: [] }
  const lowered = lowerSigma([file], options)
  const found = lowered.documents.slice(needed.length).flatMap(({ problems }) => problems)
  for (const problem of found) report(problem)
  const rules = [...lowered.matches, ...lowered.correlations]
  const { matches, correlations } = lowered
  return rules.some(({ meta }) => meta.id === document.meta.id)
    ? { matches, correlations }
    : undefined
}

/** The rule, the rules that it is made of, and what any rule may name or be narrowed by. */
function neededBy(
  document: SigmaDocument,
  documents: readonly SigmaDocument[],
): readonly SigmaDocument[] {
  const byName = new Map<string, SigmaDocument>()
  for (const each of documents) {
    if (each.kind !== 'rule' && each.kind !== 'correlation') continue
    byName.set(each.meta.id, each)
    if (each.name !== undefined) byName.set(each.name, each)
  }
  const needed = new Set<SigmaDocument>([document])
  for (const each of needed) {
    if (each.kind !== 'correlation') continue
    for (const name of textsOf(childOf(each.body, 'rules'))) {
      const input = byName.get(name)
      if (input !== undefined) needed.add(input)
    }
  }
  const shared = documents.filter(({ kind }) => kind !== 'rule' && kind !== 'correlation')
  return [...needed, ...shared]
}

function listsOf(
  document: SigmaDocument,
  tree: Tree | undefined,
  { documents, report }: { readonly documents: readonly SigmaDocument[]; readonly report: Report },
): SigmaList[] {
  if (tree === undefined) return []
  if (tree.kind !== 'map') {
    report(invalid('"lists" of a test is a map of names, each with its values.', tree))
    return []
  }
  return tree.entries.map(({ key: name, value, place }) => {
    const exists = documents.some((each) => each.kind === 'list' && each.name === name)
    return {
      ...baseOf(document, place),
      kind: 'list',
      name,
      items: textsOf(value),
      override: exists ? 'replace' : 'define',
    }
  })
}

/** Each is the body of a filter (selections and a condition), or just what is to be left out. */
function exceptionsOf(
  document: SigmaDocument,
  tree: Tree | undefined,
  report: Report,
): SigmaFilter[] {
  if (tree === undefined) return []
  const items = tree.kind === 'list' ? tree.items : [tree]
  return items.flatMap((item): SigmaFilter[] => {
    if (item.kind !== 'map' || item.entries.length === 0) {
      report(invalid('An exception of a test is a map: of a filter, or of fields.', item))
      return []
    }
    const body = childOf(item, 'condition') === undefined ? leavingOut(item) : item
    const filter = parseFilterTree(body, report)
    return [{ ...baseOf(document, item.place), kind: 'filter', ...filter, name: undefined }]
  })
}

function leavingOut(item: MapTree): MapTree {
  const { place } = item
  const text = 'not selection'
  return {
    kind: 'map',
    place,
    entries: [
      { key: 'selection', place, value: item },
      { key: 'condition', place, value: { kind: 'scalar', value: text, source: text, place } },
    ],
  }
}

function baseOf({ meta }: SigmaDocument, place: Tree['place']) {
  return { meta, place, problems: [], tests: undefined, attributes: {} }
}

function invalid(message: string, { place }: Tree) {
  return { code: 'RULE_INVALID', message, at: place, severity: 'error' } as const
}
