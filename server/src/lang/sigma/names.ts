import type { RuleProblem } from '../../model/rule.ts'
import type { SigmaCorrelation, SigmaDocument, SigmaList, SigmaMacro } from './documents.ts'
import type { Detection } from './value/value.ts'
import { childOf, textsOf } from './yaml/yaml-tree.ts'

/** What documents of all files may name. */
export interface SharedNames {
  list(name: string): readonly string[] | undefined
  macro(name: string): Detection | undefined
  correlationsInOrder(): readonly SigmaCorrelation[]
}

/** Gathers lists, macros and ids over all documents; doubles are reported on the later one. */
export function collectNames(documents: readonly SigmaDocument[]): SharedNames {
  refuseDoubles(documents)
  const lists = new Map<string, readonly string[]>()
  const macros = new Map<string, Detection>()
  // Definitions first: an `append` may stand in a file that is read before.
  for (const wanted of ['define', 'append', 'replace'] as const) {
    for (const document of documents) {
      if (document.kind === 'list' && document.override === wanted)
        define(document, lists, joinLists)
      if (document.kind === 'macro' && document.override === wanted) {
        define(document, macros, joinMacros)
      }
    }
  }
  return {
    list: (name) => lists.get(name),
    macro: (name) => macros.get(name),
    correlationsInOrder: () => inOrder(documents.filter((each) => each.kind === 'correlation')),
  }
}

function joinLists(earlier: readonly string[] | undefined, list: SigmaList): readonly string[] {
  return list.override === 'append' ? [...(earlier ?? []), ...list.items] : list.items
}

/** Falco's append: what the macro says, or what is added. */
function joinMacros(earlier: Detection | undefined, macro: SigmaMacro): Detection {
  if (macro.override !== 'append' || earlier === undefined) return macro.detection
  return { kind: 'any', parts: [earlier, macro.detection] }
}

function define<T, D extends SigmaList | SigmaMacro>(
  document: D,
  into: Map<string, T>,
  join: (earlier: T | undefined, document: D) => T,
): void {
  const { name } = document
  const problem = (code: RuleProblem['code'], message: string, hint?: string): void => {
    const at = document.place
    const hints = hint === undefined ? {} : { hint }
    document.problems.push({ code, message, at, ...hints, severity: 'error' })
  }
  if (name === undefined || name === '') {
    problem('RULE_INVALID', `The ${document.kind} has no name.`)
    return
  }
  const exists = into.has(name)
  if (document.override === 'define' && exists) {
    problem('RULE_DUPLICATE', `There are two of the ${document.kind} "${name}".`, 'say `override`')
    return
  }
  if (document.override !== 'define' && !exists) {
    problem('RULE_REFERENCE', `There is no ${document.kind} "${name}" to override.`)
    return
  }
  into.set(name, join(into.get(name), document))
}

function refuseDoubles(documents: readonly SigmaDocument[]): void {
  const seen = new Map<string, SigmaDocument>()
  for (const document of documents) {
    if (document.kind !== 'rule' && document.kind !== 'correlation') continue
    const { id, path } = document.meta
    for (const key of new Set([id, document.name])) {
      if (key === undefined) continue
      const earlier = seen.get(key)
      if (earlier === undefined) {
        seen.set(key, document)
        continue
      }
      if (isPartOf(document, earlier)) continue
      const where = `${earlier.meta.path ?? 'the same text'}:${earlier.meta.line ?? 1}`
      document.problems.push({
        code: 'RULE_DUPLICATE',
        message: `"${key}" is the id or name of a rule in ${where} already.`,
        at: { ...document.place, ...(path === undefined ? {} : { file: path }) },
        severity: 'error',
      })
    }
  }
}

/** Documents of a collection that share the id of its `global` one are one rule, unless they count. */
function isPartOf(document: SigmaDocument, earlier: SigmaDocument): boolean {
  if (document.sharesId !== true || earlier.meta.path !== document.meta.path) return false
  return [document, earlier].every(
    (each) =>
      each.kind === 'rule' && each.conditions.every(({ parsed }) => parsed.aggregation === null),
  )
}

function refuseRing(ring: readonly SigmaCorrelation[]): void {
  const names = ring.map((each) => each.name ?? each.meta.id).join(' → ')
  const document = ring[0]
  document?.problems.push({
    code: 'RULE_REFERENCE',
    message: `The correlations refer to each other in a ring: ${names}.`,
    at: childOf(document.body, 'rules')?.place ?? document.place,
    severity: 'error',
  })
}

function inOrder(correlations: readonly SigmaCorrelation[]): readonly SigmaCorrelation[] {
  const byName = new Map<string, SigmaCorrelation>()
  for (const each of correlations) {
    byName.set(each.meta.id, each)
    if (each.name !== undefined) byName.set(each.name, each)
  }
  const done = new Set<SigmaCorrelation>()
  const ordered: SigmaCorrelation[] = []
  const visit = (document: SigmaCorrelation, above: readonly SigmaCorrelation[]): void => {
    if (above.includes(document))
      return refuseRing([...above.slice(above.indexOf(document)), document])
    if (done.has(document)) return
    done.add(document)
    for (const name of textsOf(childOf(document.body, 'rules'))) {
      const needed = byName.get(name)
      if (needed !== undefined) visit(needed, [...above, document])
    }
    ordered.push(document)
  }
  for (const document of correlations) visit(document, [])
  return ordered
}
