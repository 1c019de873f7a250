import type { Problem } from '../../base/problems.ts'

/** Where a key of a TOML file is set. */
export interface KeyPlace {
  /** The table that it stands in, without indices: `rule.threshold.cardinality`. */
  readonly table: string
  readonly key: string
  /** Of the key, from 1. */
  readonly line: number
  /** Of the first character of its value, where that is text; column from 1. */
  readonly text: { readonly line: number; readonly column: number } | undefined
}

const HEADER = /^\s*\[{1,2}\s*([A-Za-z0-9_.\- "']+?)\s*\]{1,2}/
const ENTRY = /^\s*([A-Za-z0-9_-]+)\s*=\s*/
const OPENING = /^("""|'''|"|')/

/**
 * Every plain key of a TOML file with its place, which the parser does not tell. Lines inside of
 * texts of several lines are no keys. Of keys within inline tables nothing is known.
 */
export function keyPlaces(text: string): readonly KeyPlace[] {
  const places: KeyPlace[] = []
  const lines = text.split('\n')
  let table = ''
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at] ?? ''
    const header = HEADER.exec(line)
    const entry = header === null ? ENTRY.exec(line) : null
    if (header !== null) table = (header[1] ?? '').replace(/["'\s]/g, '')
    if (entry === null) continue
    const from = entry[0].length
    const delimiter = OPENING.exec(line.slice(from))?.[1]
    places.push({ table, key: entry[1] ?? '', line: at + 1, text: textPlace(line, from, at) })
    if (delimiter?.length === 3 && !line.includes(delimiter, from + 3)) {
      at++
      while (at < lines.length && !(lines[at] ?? '').includes(delimiter)) at++
    }
  }
  return places
}

function textPlace(line: string, from: number, at: number): KeyPlace['text'] {
  const delimiter = OPENING.exec(line.slice(from))?.[1]
  if (delimiter === undefined) return undefined
  const column = from + delimiter.length
  // A line break right behind the delimiter is no part of the text.
  if (delimiter.length === 3 && line.slice(column).trim() === '') return { line: at + 2, column: 1 }
  return { line: at + 1, column: column + 1 }
}

/**
 * The line, from 1, of what a path of keys and indices names: of the key itself, else of the nearest
 * table around it that has a header.
 */
export function lineOfPath(text: string, path: readonly PropertyKey[]): number | undefined {
  const names = path.filter((part) => typeof part === 'string')
  const places = keyPlaces(text)
  for (let length = names.length; length > 0; length--) {
    const table = names.slice(0, length - 1).join('.')
    const found = places.find((place) => place.table === table && place.key === names[length - 1])
    if (found !== undefined) return found.line
    const header = headerLine(text, names.slice(0, length).join('.'))
    if (header !== undefined) return header
  }
  return undefined
}

function headerLine(text: string, table: string): number | undefined {
  const at = text.split('\n').findIndex((line) => {
    return HEADER.exec(line)?.[1]?.replace(/["'\s]/g, '') === table
  })
  return at < 0 ? undefined : at + 1
}

/** Places in the query are places in the file; of anything else the line is that of its key. */
export function placed(problem: Problem, text: string, path: string): Problem {
  const { line, column, field } = problem.at ?? {}
  if (line !== undefined) {
    const start = keyPlaces(text).find(
      ({ table, key }) => table === 'rule' && key === 'query',
    )?.text
    if (start === undefined) return { ...problem, at: { file: path } }
    const shift = line === 1 ? start.column - 1 : 0
    return {
      ...problem,
      at: {
        file: path,
        line: line + start.line - 1,
        ...(column !== undefined && { column: column + shift }),
      },
    }
  }
  const keyLine = lineOfPath(text, (field ?? 'rule.query').split('.'))
  return {
    ...problem,
    at: { file: path, ...(field && { field }), ...(keyLine !== undefined && { line: keyLine }) },
  }
}
