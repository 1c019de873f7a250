import { sha256Hex } from '../../base/hash.ts'
import { SEVERITIES, type Severity } from '../../model/alert.ts'
import type { RuleMeta } from '../../model/rule.ts'
import { nearest } from '../nearest.ts'
import type { Report } from './detection.ts'
import { childOf, plainOf, textOf, textsOf, type MapTree } from './yaml/yaml-tree.ts'

const STATUSES = ['stable', 'test', 'experimental', 'deprecated', 'unsupported']
const LIVES = ['draft', 'shadow', 'live'] as const

/** The attributes that every kind of document has, and their hash over the whole document. */
export function parseMeta(tree: MapTree, path: string | undefined, report: Report): RuleMeta {
  const hash = sha256Hex(JSON.stringify(plainOf(tree)))
  const optional = (key: string): string | undefined => textOf(childOf(tree, key))
  const title = optional('title') ?? ''
  const status = choice(tree, 'status', STATUSES, report)
  const description = optional('description')
  const version = optional('version') ?? optional('modified') ?? optional('date')
  return {
    id: optional('id') ?? optional('name') ?? hash.slice(0, 32),
    title,
    language: 'sigma',
    author: authorOf(tree),
    severity: severityOf(tree, report),
    life: (choice(tree, 'life', LIVES, report) as RuleMeta['life'] | undefined) ?? 'live',
    hash,
    tags: textsOf(childOf(tree, 'tags')),
    references: textsOf(childOf(tree, 'references')),
    falsepositives: textsOf(childOf(tree, 'falsepositives')),
    response: textsOf(childOf(tree, 'response')),
    line: tree.place.line,
    ...(status === undefined ? {} : { status }),
    ...(description === undefined ? {} : { description }),
    ...(version === undefined ? {} : { version }),
    ...(path === undefined ? {} : { path }),
  }
}

function authorOf(tree: MapTree): string {
  return textsOf(childOf(tree, 'author')).join(', ')
}

function severityOf(tree: MapTree, report: Report): Severity {
  const level = choice(tree, 'level', SEVERITIES, report)
  return (level as Severity | undefined) ?? 'medium'
}

/** A value of a closed list, or undefined; one that is not of the list is worth a warning. */
function choice(
  tree: MapTree,
  key: string,
  known: readonly string[],
  report: Report,
): string | undefined {
  const value = childOf(tree, key)
  const text = textOf(value)?.toLowerCase()
  if (value === undefined || text === undefined) return undefined
  if (known.includes(text)) return text
  const guess = nearest(text, known)
  report({
    code: 'RULE_INVALID',
    message: `"${text}" is no ${key}; it is one of ${known.join(', ')}.`,
    at: { ...value.place, field: key },
    ...(guess === undefined ? {} : { hint: `did you mean "${guess}"?` }),
    severity: 'warning',
  })
  return undefined
}
