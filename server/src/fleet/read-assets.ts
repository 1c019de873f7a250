import { fail, ok, type Result } from '../base/result.ts'
import type { Problem } from '../base/problems.ts'
import { type Asset, assetSchema, LISTED_KINDS } from '../model/asset.ts'

export const ASSET_FORMATS = ['csv', 'ndjson', 'yaml'] as const
export type AssetFormat = (typeof ASSET_FORMATS)[number]

/** One entry of a file, and the line it begins on (0: not known). */
export interface AssetRow {
  readonly line: number
  readonly value: unknown
}

const PROBLEMS_MAX = 50
const LISTS: ReadonlySet<string> = new Set<string>([...LISTED_KINDS, 'tags'])
const KINDS: ReadonlySet<string> = new Set<string>(LISTED_KINDS)

/**
 * Checks the rows of an asset table. Identifiers may stand under `identifiers` or beside the other
 * fields, as text or lists. Gives every problem, with its line: ASSET_INVALID.
 */
export function readAssets(
  rows: readonly AssetRow[],
  file?: string,
): Result<readonly Asset[], readonly Problem[]> {
  const problems: Problem[] = []
  const assets: Asset[] = []
  const ids = new Set<string>()
  const wrong = (line: number, message: string): void => {
    if (problems.length >= PROBLEMS_MAX) return
    const at = { ...(file !== undefined && { file }), ...(line > 0 && { line }) }
    problems.push({ code: 'ASSET_INVALID', message, at })
  }
  for (const { line, value } of rows) {
    const parsed = assetSchema.safeParse(gathered(value))
    if (!parsed.success) {
      const issue = parsed.error.issues[0]
      const field = issue?.path.join('.') ?? ''
      wrong(line, `${field === '' ? '' : `${field}: `}${issue?.message ?? 'not an asset'}`)
    } else if (ids.has(parsed.data.id)) wrong(line, `the id ${parsed.data.id} stands twice`)
    else {
      ids.add(parsed.data.id)
      assets.push(parsed.data)
    }
  }
  return problems.length > 0 ? fail(problems) : ok(assets)
}

/** Identifiers that stand beside the other fields go where they belong; empty cells go away. */
function gathered(value: unknown): unknown {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return value
  const asset: Record<string, unknown> = {}
  const identifiers: Record<string, unknown> = {}
  for (const [name, given] of Object.entries(value)) {
    if (given === '' || given === null || given === undefined) continue
    const one = LISTS.has(name) ? listOf(given) : typeof given === 'number' ? String(given) : given
    if (KINDS.has(name)) identifiers[name] = one
    else asset[name] = one
  }
  if (Object.keys(identifiers).length === 0) return asset
  const inner = asset['identifiers']
  const known = inner !== null && typeof inner === 'object' ? inner : {}
  return { ...asset, identifiers: { ...known, ...identifiers } }
}

/** Several values in one cell are separated by `;`. */
function listOf(given: unknown): unknown {
  const list: readonly unknown[] = Array.isArray(given) ? given : String(given).split(';')
  return list
    .map((one) => (typeof one === 'number' ? String(one) : one))
    .map((one) => (typeof one === 'string' ? one.trim() : one))
    .filter((one) => one !== '')
}

/** RFC 4180, the first row naming the columns. Undefined where a quote is not closed. */
export function parseCsv(text: string): readonly AssetRow[] | undefined {
  const rows: { line: number; cells: string[] }[] = []
  let cells: string[] = []
  let cell = ''
  let line = 1
  let begun = 1
  let quoted = false
  const end = (): void => {
    cells.push(cell)
    cell = ''
    if (cells.some((one) => one !== '')) rows.push({ line: begun, cells })
    cells = []
  }
  for (let at = text.startsWith('\ufeff') ? 1 : 0; at < text.length; at++) {
    const char = text[at]!
    if (char === '\n') line += 1
    if (quoted) {
      if (char !== '"') cell += char
      else if (text[at + 1] === '"') {
        cell += '"'
        at += 1
      } else quoted = false
    } else if (char === '"' && cell === '') quoted = true
    else if (char === ',') {
      cells.push(cell)
      cell = ''
    } else if (char === '\n') {
      end()
      begun = line
    } else if (char !== '\r') cell += char
  }
  if (quoted) return undefined
  if (cell !== '' || cells.length > 0) end()
  const [head, ...body] = rows
  const names = head?.cells.map((name) => name.trim()) ?? []
  return body.map(({ line: at, cells: values }) => {
    const extra = values.slice(names.length).some((one) => one !== '')
    const entries = names.map((name, index) => [name, values[index]?.trim() ?? ''] as const)
    return { line: at, value: extra ? 'more cells than columns' : Object.fromEntries(entries) }
  })
}
