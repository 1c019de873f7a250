import { readFileSync, statSync } from 'node:fs'
import { parse } from 'yaml'
import type { Problem } from '../base/problems.ts'
import { fail, type Result } from '../base/result.ts'
import { type AssetFormat, type AssetRow, parseCsv, readAssets } from '../fleet/read-assets.ts'
import type { Asset } from '../model/asset.ts'

const FILE_BYTES_MAX = 256 * 1024 * 1024
const ALIASES_MAX = 100

/** By the end of the name; CSV where it tells nothing. */
export function formatOfName(path: string): AssetFormat {
  if (/\.(nd)?jsonl?$/i.test(path)) return 'ndjson'
  return /\.ya?ml$/i.test(path) ? 'yaml' : 'csv'
}

/** Reads an asset table from text. Problems: ASSET_INVALID, with lines. */
export function readAssetText(
  text: string,
  format: AssetFormat,
  file?: string,
): Result<readonly Asset[], readonly Problem[]> {
  const rows = rowsOfText(text, format)
  if (typeof rows !== 'string') return readAssets(rows, file)
  const at = file === undefined ? {} : { at: { file } }
  return fail([{ code: 'ASSET_INVALID', message: rows, ...at }])
}

export function readAssetFile(
  path: string,
  format: AssetFormat = formatOfName(path),
): Result<readonly Asset[], readonly Problem[]> {
  try {
    if (statSync(path).size > FILE_BYTES_MAX) {
      const message = `The file is larger than ${FILE_BYTES_MAX} bytes.`
      return fail([{ code: 'INPUT_UNREADABLE', message, at: { file: path } }])
    }
    return readAssetText(readFileSync(path, 'utf8'), format, path)
  } catch (error) {
    const message = `Cannot be read: ${(error as NodeJS.ErrnoException).code ?? 'unknown'}.`
    return fail([{ code: 'INPUT_UNREADABLE', message, at: { file: path } }])
  }
}

/** The rows of a table in one of the formats, or what is wrong with it. */
export function rowsOfText(text: string, format: AssetFormat): readonly AssetRow[] | string {
  // What a writer truncated before it writes is no table without rows.
  if (text.trim() === '') return 'the file is empty'
  if (format === 'csv') return parseCsv(text) ?? 'a quote is not closed'
  if (format === 'ndjson') return ndjson(text)
  try {
    const parsed: unknown = parse(text, { maxAliasCount: ALIASES_MAX })
    const list = isList(parsed) ? parsed : (parsed as { assets?: unknown } | null)?.assets
    if (!isList(list)) return 'a list of assets is expected, or one under the key assets'
    return list.map((value) => ({ line: 0, value }))
  } catch (error) {
    return error instanceof Error ? (error.message.split('\n')[0] ?? 'no YAML') : 'no YAML'
  }
}

const isList = (value: unknown): value is readonly unknown[] => Array.isArray(value)

/** One object a line; one JSON list will do as well. */
function ndjson(text: string): readonly AssetRow[] | string {
  if (text.trimStart().startsWith('[')) {
    const list = parsed(text)
    return isList(list) ? list.map((value) => ({ line: 0, value })) : 'this is no JSON'
  }
  const rows: AssetRow[] = []
  for (const [index, line] of text.split('\n').entries()) {
    if (line.trim() !== '') rows.push({ line: index + 1, value: parsed(line) ?? 'this is no JSON' })
  }
  return rows
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined
  }
}
