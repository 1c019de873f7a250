import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  parseAllDocuments,
  type Document,
  type Node as YamlNode,
} from 'yaml'
import type { Place, Problem } from '../../../base/problems.ts'
import { isTooDeep } from './nesting.ts'

/** A place in a rule file; line and column count from 1. */
export type FilePlace = Required<Pick<Place, 'line' | 'column'>> & Pick<Place, 'file'>

export interface ScalarTree {
  readonly kind: 'scalar'
  readonly value: string | number | boolean | null
  /** As written, for numbers whose spelling matters. */
  readonly source: string
  readonly place: FilePlace
}
export interface ListTree {
  readonly kind: 'list'
  readonly items: readonly Tree[]
  readonly place: FilePlace
}
export interface MapTree {
  readonly kind: 'map'
  readonly entries: readonly MapEntry[]
  readonly place: FilePlace
}
export interface MapEntry {
  readonly key: string
  readonly place: FilePlace
  readonly value: Tree
}
/** YAML as a tree with places, aliases and merges resolved, free of cycles. */
export type Tree = ScalarTree | ListTree | MapTree

export const RULE_FILE_CHARS_MAX = 2_000_000
export const RULE_FILE_DOCUMENTS_MAX = 10_000
const DEPTH_MAX = 40
/** Nodes after aliases are followed: a file of few bytes may name very many (a "billion laughs"). */
const NODES_MAX = 500_000

export interface YamlDocuments {
  readonly trees: readonly Tree[]
  readonly problems: readonly Problem[]
}

/** Parses every document of a YAML 1.2 file; empty documents are left out. Never throws. */
export function parseYamlDocuments(text: string, file: string | undefined): YamlDocuments {
  const start: FilePlace = { ...(file === undefined ? {} : { file }), line: 1, column: 1 }
  const tooBig = refuseBefore(text, start)
  if (tooBig !== undefined) return { trees: [], problems: [tooBig] }
  const lines = new LineCounter()
  const problems: Problem[] = []
  const parsed = parseAllDocuments(text, {
    lineCounter: lines,
    logLevel: 'silent',
    // Both take time that grows with the square of the text; places and doubles are found here.
    prettyErrors: false,
    uniqueKeys: false,
  })
  const documents = Array.isArray(parsed) ? (parsed as readonly Document[]) : []
  const budget = { nodes: NODES_MAX }
  const trees: Tree[] = []
  for (const document of documents) {
    const [error] = document.errors
    if (error !== undefined) {
      const { line, col: column } = lines.linePos(error.pos[0])
      const at = { ...start, line, column }
      const hint = HINTS[error.code]
      const message = firstSentence(error.message)
      problems.push({
        code: 'RULE_SYNTAX',
        message,
        at,
        ...(hint === undefined ? {} : { hint }),
      })
      continue
    }
    if (document.contents === null) continue
    const reader = new TreeReader({ lines, start, budget })
    const tree = reader.read(document.contents, 0)
    if (reader.problem !== undefined) problems.push(reader.problem)
    else if (!(tree.kind === 'scalar' && tree.value === null)) trees.push(tree)
  }
  return { trees, problems }
}

/** What is meant by the mistakes that rules have most, by the parser's codes. */
const HINTS: Readonly<Record<string, string>> = {
  TAB_AS_INDENT: 'indent with spaces',
  MISSING_CHAR: "a quote or bracket is not closed; within '…' a quote is written twice",
  BAD_SCALAR_START: "text that begins with such a character stands in '…'",
  BAD_DQ_ESCAPE: 'within "…" a backslash is written twice; within \'…\' once',
  UNEXPECTED_TOKEN: "text with quotes, colons or # in it stands in '…'",
}
const QUOTE_HINT = "text that begins with * stands in '…'"

function refuseBefore(text: string, at: FilePlace): Problem | undefined {
  if (text.length <= RULE_FILE_CHARS_MAX) {
    if (!isTooDeep(text)) return undefined
    return { code: 'RULE_LIMIT', message: 'The file is nested too deep.', at }
  }
  const message = `The file has ${text.length} characters; a rule file may have ${RULE_FILE_CHARS_MAX}.`
  return { code: 'RULE_LIMIT', message, at, hint: 'split it into several files' }
}

function firstSentence(message: string): string {
  const line = (message.split('\n', 1)[0] ?? message).replace(/ at line \d+, column \d+:?$/, '')
  return line.endsWith('.') ? line : `${line}.`
}

interface ReaderOptions {
  readonly lines: LineCounter
  readonly start: FilePlace
  readonly budget: { nodes: number }
}

class TreeReader {
  problem: Problem | undefined
  readonly #options: ReaderOptions
  /** In the order of the text: an alias names the last anchor before it. */
  readonly #anchors = new Map<string, unknown>()
  constructor(options: ReaderOptions) {
    this.#options = options
  }

  read(node: unknown, depth: number): Tree {
    const place = this.#placeOf(node)
    const nothing: Tree = { kind: 'scalar', value: null, source: '', place }
    if (this.problem !== undefined) return nothing
    if (--this.#options.budget.nodes < 0) {
      return this.#refuse(
        place,
        'The file names more values than a rule file may, through aliases.',
      )
    }
    if (depth > DEPTH_MAX) return this.#refuse(place, 'The file is nested too deep.')
    if (isAlias(node)) return this.#follow(this.#anchors.get(node.source), place, depth)
    const { anchor } = (node ?? {}) as { anchor?: string }
    if (anchor !== undefined && anchor !== '') this.#anchors.set(anchor, node)
    if (isScalar(node)) return scalarOf(node, place)
    if (isSeq(node)) {
      return { kind: 'list', items: node.items.map((item) => this.read(item, depth + 1)), place }
    }
    if (isMap(node)) return { kind: 'map', entries: this.#entries(node.items, depth), place }
    return nothing
  }

  #follow(target: unknown, place: FilePlace, depth: number): Tree {
    if (target !== undefined) return this.read(target, depth + 1)
    const message = 'The alias names no anchor.'
    this.problem = { code: 'RULE_SYNTAX', message, at: place, hint: QUOTE_HINT }
    return { kind: 'scalar', value: null, source: '', place }
  }

  #entries(pairs: readonly { key: unknown; value: unknown }[], depth: number): MapEntry[] {
    const entries: MapEntry[] = []
    const merged: MapEntry[] = []
    for (const { key, value } of pairs) {
      const name = this.read(key, depth + 1)
      const tree = this.read(value, depth + 1)
      const text =
        name.kind === 'scalar' ? (name.source !== '' ? name.source : String(name.value ?? '')) : ''
      if (text === '<<') merged.push(...mergedEntries(tree))
      else entries.push({ key: text, place: name.place, value: tree })
    }
    const own = new Set<string>()
    for (const { key, place } of entries) {
      if (own.has(key)) this.#double(key, place)
      own.add(key)
    }
    return [...entries, ...merged.filter((entry) => !own.has(entry.key))]
  }

  #double(key: string, at: FilePlace): void {
    const message = `The key "${key}" stands twice in one map.`
    const hint = key.includes('|')
      ? `write one list of values (all of them: "${key}|all"), or two selections`
      : 'one of the two would be lost'
    this.problem ??= { code: 'RULE_SYNTAX', message, at, hint }
  }

  #refuse(at: FilePlace, message: string): Tree {
    this.problem = { code: 'RULE_LIMIT', message, at }
    return { kind: 'scalar', value: null, source: '', place: at }
  }

  #placeOf(node: unknown): FilePlace {
    const range = (node as YamlNode | null)?.range
    if (range === undefined || range === null) return this.#options.start
    const { line, col } = this.#options.lines.linePos(range[0])
    return { ...this.#options.start, line, column: col }
  }
}

function mergedEntries(tree: Tree): readonly MapEntry[] {
  if (tree.kind === 'map') return tree.entries
  return tree.kind === 'list' ? tree.items.flatMap(mergedEntries) : []
}

function scalarOf(node: { value: unknown; source?: unknown }, place: FilePlace): ScalarTree {
  const source = typeof node.source === 'string' ? node.source : ''
  const { value } = node
  if (typeof value === 'number') {
    // What a double cannot hold keeps its digits as text; so does `.inf`, which JSON cannot write.
    const exact =
      Number.isFinite(value) && (Number.isSafeInteger(value) || !Number.isInteger(value))
    return { kind: 'scalar', value: exact ? value : source, source, place }
  }
  if (typeof value === 'string' || typeof value === 'boolean') {
    return { kind: 'scalar', value, source, place }
  }
  return { kind: 'scalar', value: null, source, place }
}

/** The value under a key of a map, or undefined. */
export function childOf(tree: Tree | undefined, key: string): Tree | undefined {
  if (tree?.kind !== 'map') return undefined
  return tree.entries.find((entry) => entry.key === key)?.value
}

/** A scalar as text (numbers as written), or undefined for null and everything else. */
export function textOf(tree: Tree | undefined): string | undefined {
  if (tree?.kind !== 'scalar' || tree.value === null) return undefined
  return typeof tree.value === 'number' && tree.source !== '' ? tree.source : String(tree.value)
}

/** The texts of a list, or of a scalar as a list of one; other items are left out. */
export function textsOf(tree: Tree | undefined): string[] {
  if (tree?.kind !== 'list') return [textOf(tree)].filter((text) => text !== undefined)
  return tree.items.map(textOf).filter((text) => text !== undefined)
}

/** A boolean as YAML 1.2 has it, or in the words of YAML 1.1, in which most rules were written. */
export function flagOf(tree: Tree | undefined): boolean | undefined {
  if (tree?.kind !== 'scalar') return undefined
  if (typeof tree.value === 'boolean') return tree.value
  const text = String(tree.value).toLowerCase()
  if (text === 'yes' || text === 'on' || text === 'true') return true
  return text === 'no' || text === 'off' || text === 'false' ? false : undefined
}

/** Plain JavaScript values of a tree. */
export function plainOf(tree: Tree): unknown {
  if (tree.kind === 'scalar') return tree.value
  if (tree.kind === 'list') return tree.items.map(plainOf)
  return Object.fromEntries(tree.entries.map((entry) => [entry.key, plainOf(entry.value)]))
}
