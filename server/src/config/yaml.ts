import { Composer, type Document, isMap, isPair, isScalar, LineCounter, Parser } from 'yaml'
import type { Place, Problem } from '../base/problems.ts'
import { fail, ok, type Result } from '../base/result.ts'

/** A parsed file that still knows where everything stood. */
export interface YamlText {
  readonly value: unknown
  /** Place of the value at a path, or of the key itself; of the nearest parent where it is absent. */
  place(path: readonly PropertyKey[], of: 'key' | 'value'): Place
}

export const TEXT_CHARS_MAX = 262_144
const DEPTH_MAX = 32
const ALIASES_MAX = 100
const NODES_MAX = 20_000

type Cst = ReturnType<Parser['parse']> extends Generator<infer Token> ? Token : never

/**
 * Reads one YAML 1.2 document. Limits on length, depth, number of nodes and aliases are checked before
 * anything recursive runs, so that no text can exhaust the stack or the memory.
 */
export function parseYaml(text: string, file: string | undefined): Result<YamlText, Problem[]> {
  if (text.length > TEXT_CHARS_MAX) {
    return fail([syntax(file, `the file has more than ${TEXT_CHARS_MAX} characters`)])
  }
  const lines = new LineCounter()
  const tokens: Cst[] = []
  for (const token of new Parser(lines.addNewLine).parse(text)) {
    tokens.push(token)
    const limit = beyondLimit(token)
    if (limit !== undefined) return fail([syntax(file, limit)])
  }
  const composer = new Composer({ prettyErrors: false, lineCounter: lines, uniqueKeys: true })
  const documents = [...composer.compose(tokens, true, text.length)]
  const [document, further] = documents
  if (further !== undefined) return fail([syntax(file, 'the file holds more than one document')])
  if (document === undefined) return ok({ value: undefined, place: () => placeOf(file) })
  const problems = [...document.errors, ...document.warnings].map((error): Problem => {
    const { line, col } = lines.linePos(error.pos[0])
    return { code: 'CONFIG_SYNTAX', message: error.message, at: placeOf(file, line, col) }
  })
  if (problems.length > 0) return fail(problems)
  return toValue(document, lines, file)
}

function toValue(
  document: Document.Parsed,
  lines: LineCounter,
  file: string | undefined,
): Result<YamlText, Problem[]> {
  try {
    const value: unknown = document.toJS({ maxAliasCount: ALIASES_MAX })
    return ok({ value, place: (path, of) => findPlace({ document, lines, file }, path, of) })
  } catch (error) {
    if (!(error instanceof ReferenceError)) throw error
    return fail([syntax(file, `aliases: ${error.message}`)])
  }
}

/** Walks the syntax tree with a stack of its own; undefined where it is within the limits. */
function beyondLimit(root: Cst): string | undefined {
  const stack: { token: unknown; depth: number }[] = [{ token: root, depth: 0 }]
  let seen = 0
  for (let top = stack.pop(); top !== undefined; top = stack.pop()) {
    const { token, depth } = top
    if (typeof token !== 'object' || token === null) continue
    seen += 1
    if (seen > NODES_MAX) return `the file has more than ${NODES_MAX} parts`
    if (depth > DEPTH_MAX) return `the file is nested deeper than ${DEPTH_MAX} levels`
    if ('items' in token && Array.isArray(token.items)) {
      for (const item of token.items as unknown[]) {
        if (typeof item !== 'object' || item === null) continue
        if ('key' in item) stack.push({ token: item.key, depth: depth + 1 })
        if ('value' in item) stack.push({ token: item.value, depth: depth + 1 })
      }
    }
    if ('value' in token) stack.push({ token: token.value, depth: depth + 1 })
  }
  return undefined
}

interface Located {
  readonly document: Document.Parsed
  readonly lines: LineCounter
  readonly file: string | undefined
}

function findPlace(at: Located, path: readonly PropertyKey[], of: 'key' | 'value'): Place {
  const field = path.map(String).join('.')
  for (let length = path.length; length >= 0; length--) {
    const offset = offsetOf(at.document, path.slice(0, length), of)
    if (offset === undefined) continue
    const { line, col } = at.lines.linePos(offset)
    return { ...placeOf(at.file, line, col), ...(field === '' ? {} : { field }) }
  }
  return { ...placeOf(at.file, 1, 1), ...(field === '' ? {} : { field }) }
}

function offsetOf(
  document: Document.Parsed,
  path: readonly PropertyKey[],
  of: 'key' | 'value',
): number | undefined {
  if (of === 'key' && path.length > 0) {
    const parent: unknown = document.getIn(path.slice(0, -1), true)
    const name = String(path.at(-1))
    const pairs: readonly unknown[] = isMap(parent) ? parent.items : []
    for (const pair of pairs) {
      if (!isPair(pair) || !isScalar(pair.key) || String(pair.key.value) !== name) continue
      return pair.key.range?.[0]
    }
    return undefined
  }
  const node: unknown = document.getIn(path, true)
  const inMap =
    typeof node === 'object' && node !== null && 'range' in node ? node.range : undefined
  return Array.isArray(inMap) && typeof inMap[0] === 'number' ? inMap[0] : undefined
}

function placeOf(file: string | undefined, line?: number, column?: number): Place {
  return {
    ...(file === undefined ? {} : { file }),
    ...(line === undefined ? {} : { line }),
    ...(column === undefined ? {} : { column }),
  }
}

function syntax(file: string | undefined, message: string): Problem {
  return { code: 'CONFIG_SYNTAX', message, at: placeOf(file) }
}
