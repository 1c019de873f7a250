import { printable } from '../base/printable.ts'

export interface Column<T> {
  readonly title: string
  readonly value: (row: T) => string
  /** Longer values are cut; 40 unless given. */
  readonly widthMax?: number
}

/** Rows in aligned columns, the titles above. Values from outside are made safe to print. */
export function renderTable<T>(columns: readonly Column<T>[], rows: readonly T[]): string {
  const cells = rows.map((row) =>
    columns.map((column) => printable(column.value(row), column.widthMax ?? 40)),
  )
  const titles = columns.map((column) => column.title)
  const widths = titles.map((title, at) =>
    Math.max(title.length, ...cells.map((row) => row[at]?.length ?? 0)),
  )
  const line = (row: readonly string[]): string =>
    row
      .map((text, at) => text.padEnd(widths[at] ?? 0))
      .join('  ')
      .trimEnd()
  return [titles, ...cells].map((row) => `${line(row)}\n`).join('')
}
