import { EVENT_COLUMNS } from '../schema/columns.ts'
import type { EventColumn, EventColumnName } from '../schema/columns.ts'
import type { Visibility } from '../../model/access.ts'
import { allOf, anyOf, identifier, p, sql } from '../sql.ts'
import type { Sql } from '../sql.ts'

/** A typed column, for a condition of one's own. */
export function column(name: EventColumnName): Sql {
  return identifier(name)
}

/**
 * A condition on a typed column that loses no match: it also lets through the rows whose document
 * says more than the column holds (see schema/columns.ts). What reads them must look again at `doc`.
 */
export function orUnfit(name: EventColumnName, condition: Sql): Sql {
  return anyOf([condition, unfit(name)])
}

/** The column does not say all: it could not hold it, or the row was written before there was one. */
function unfit(name: EventColumnName): Sql {
  const { since = 1 } = PATHS.get(name) ?? {}
  const marked = sql`has(unfit, ${p('String', name)})`
  return since === 1 ? marked : anyOf([marked, sql`schema_version < ${p('UInt16', since)}`])
}

/** The field has this value: the column, or where it could not hold all of it, the document. */
export function fieldEquals(name: EventColumnName, value: string): Sql {
  const known = PATHS.get(name) ?? { path: name, kind: 'text' }
  const path = joinPath(known.path.split('.'))
  const plain =
    known.kind === 'words'
      ? sql`has(${identifier(name)}, ${p('String', value)})`
      : sql`${identifier(name)} = ${p('String', value)}`
  return anyOf([
    plain,
    sql`(${unfit(name)}) AND (
      JSONExtractString(doc, ${path}) = ${p('String', value)}
      OR has(JSONExtract(doc, ${path}, 'Array(String)'), ${p('String', value)}))`,
  ])
}

/**
 * Rows that somebody may see. Closed in doubt: a row without the field, or with more of it than the
 * column holds, is shown only to those who may see all.
 */
export function visibleTo(visibility: Visibility): Sql {
  const limits: readonly [EventColumnName, readonly string[] | undefined][] = [
    ['iot_site', visibility.sites],
    ['device_type', visibility.deviceTypes],
    ['event_dataset', visibility.datasets],
  ]
  const conditions = limits.flatMap(([name, allowed]) =>
    allowed === undefined
      ? []
      : [
          sql`${identifier(name)} != '' AND has(${p('Array(String)', allowed)}, ${identifier(name)})
            AND NOT has(unfit, ${p('String', name)})`,
        ],
  )
  return allOf(conditions)
}

const PATHS = new Map<string, EventColumn>(EVENT_COLUMNS.map((one) => [one.name, one]))

function joinPath(parts: readonly string[]): Sql {
  let joined = sql``
  for (const [index, part] of parts.entries()) {
    joined = index === 0 ? sql`${p('String', part)}` : sql`${joined}, ${p('String', part)}`
  }
  return joined
}

const HOUR_MS = 3_600_000

/** Event time in [fromMs, toMs), said for the sorting key as well. */
export function timeWithin(fromMs: number, toMs: number): Sql {
  return sql`hour BETWEEN ${p('Int32', Math.floor(fromMs / HOUR_MS))}
      AND ${p('Int32', Math.floor((toMs - 1) / HOUR_MS))}
    AND time >= fromUnixTimestamp64Milli(${p('Int64', Math.floor(fromMs))})
    AND time < fromUnixTimestamp64Milli(${p('Int64', Math.floor(toMs))})`
}
