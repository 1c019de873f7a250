import type { EcsDoc } from '../../model/event.ts'
import { unescape } from './unescape.ts'

/** What the `#` lines at the head of a Zeek log in ASCII form say (Zeek: LogAscii writer). */
export interface Header {
  readonly separator: string
  readonly setSeparator: string
  readonly empty: string
  readonly unset: string
  readonly path: string | undefined
  readonly fields: readonly string[]
  readonly types: readonly string[]
}

export const FRESH: Header = {
  separator: '\t',
  setSeparator: ',',
  empty: '(empty)',
  unset: '-',
  path: undefined,
  fields: [],
  types: [],
}

const COLUMNS_MAX = 1_000

/** The header with one more line of it taken in; undefined where the line is none that Zeek writes. */
export function withLine(header: Header, line: string): Header | undefined {
  if (line.startsWith('#separator '))
    return { ...FRESH, separator: unescape(line.slice(11)) || '\t' }
  const { separator } = header
  const end = line.indexOf(separator)
  const name = end < 0 ? line : line.slice(0, end)
  const rest = end < 0 ? '' : line.slice(end + separator.length)
  switch (name) {
    case '#set_separator':
      return { ...header, setSeparator: unescape(rest) || ',' }
    case '#empty_field':
      return { ...header, empty: rest }
    case '#unset_field':
      return { ...header, unset: rest }
    case '#path':
      return { ...header, path: unescape(rest).slice(0, 100) }
    case '#fields':
      return { ...header, fields: rest.split(separator, COLUMNS_MAX), types: [] }
    case '#types':
      return { ...header, types: rest.split(separator, COLUMNS_MAX) }
    case '#open':
    case '#close':
      return header
    default:
      return undefined
  }
}

/** A line of values by name; undefined where their number is not that of the fields. */
export function rowOf(header: Header, line: string): EcsDoc | undefined {
  const cells = line.split(header.separator, COLUMNS_MAX + 1)
  const { fields, types, unset } = header
  if (cells.length !== fields.length) return undefined
  const row: EcsDoc = {}
  for (let column = 0; column < cells.length; column++) {
    const cell = cells[column] ?? ''
    const field = fields[column] ?? ''
    if (cell === unset || field === '__proto__') continue
    row[field] = valueOf(cell, types[column] ?? 'string', header)
  }
  return row
}

function valueOf(cell: string, type: string, header: Header): unknown {
  switch (type) {
    case 'bool':
      return cell === 'T'
    case 'count':
    case 'int':
    case 'port':
    case 'double':
    case 'time':
    case 'interval': {
      const number = Number(cell)
      return Number.isFinite(number) && cell !== '' ? number : unescape(cell)
    }
    default:
  }
  const inner = /^(?:set|vector)\[(.*)\]$/.exec(type)?.[1]
  if (inner === undefined) return cell === header.empty ? '' : unescape(cell)
  if (cell === header.empty) return []
  return cell
    .split(header.setSeparator)
    .map((part) => (part === header.unset ? null : valueOf(part, inner, header)))
}
