import { claimedTimeMs, instantText, isFineTime } from '../../base/timestamp.ts'
import type { Expr } from '../../model/condition.ts'
import { parseDateMath, type Instants } from '../date-math.ts'
import { isTimeName } from '../field-times.ts'
import type { Scalar } from '../functions.ts'
import { QueryError } from '../syntax.ts'
import type { CompareOp, EqlField } from './ast.ts'

const TIME_FIELDS: ReadonlySet<string> = new Set([
  '@timestamp',
  'event.created',
  'event.ingested',
  'event.start',
  'event.end',
  'file.accessed',
  'file.created',
  'file.ctime',
  'file.mtime',
  'process.start',
  'process.end',
  'process.parent.start',
  'package.installed',
  'x509.not_after',
  'x509.not_before',
  'iot.time.claimed',
])

/**
 * Whether a field is compared with a time, as instants, however either is written: the field named
 * as the timestamp and those of ECS with all that is no time refused, others by their names where
 * the constant is a whole date or a number of the epoch. Throws QueryError.
 */
export function comparesTimes(field: EqlField, constant: Scalar, timestampField: string): boolean {
  if (typeof constant !== 'string' && typeof constant !== 'number') return false
  if (field.path !== timestampField && !TIME_FIELDS.has(field.path)) {
    const isWhole = /^(?:\d{4}-\d\d-\d\d.*|-?\d{9,19})$/.test(String(constant))
    return isWhole && isTimeName(field.path) && timeSpanOf(constant) !== undefined
  }
  if (timeSpanOf(constant) !== undefined) return true
  const hint = String(constant).startsWith('now')
    ? 'leave “now” out: rules see each event once'
    : 'write a time as 2026-01-31, 2026-01-31T08:00:00Z or in milliseconds of the epoch'
  throw new QueryError(`${field.path} holds times, and “${constant}” is none`, field.at, hint)
}

/**
 * The time that a constant names: text all of the second, minute or day that it stops at, as
 * Elasticsearch fills in what a date leaves out. Undefined where it is no time.
 */
function timeSpanOf(constant: Scalar): Instants | undefined {
  const ms = typeof constant === 'number' ? claimedTimeMs(constant) : undefined
  if (ms !== undefined) return { firstMs: Math.floor(ms), lastMs: Math.floor(ms) }
  if (typeof constant !== 'string') return undefined
  const dated = parseDateMath(constant, undefined)
  if (dated !== undefined || !/^-?\d{9,19}$/.test(constant)) return dated
  return timeSpanOf(Number(constant))
}

/**
 * A time field compared with a constant that is a time. Times are compared in whole milliseconds, as
 * Elasticsearch keeps them, unless the constant is written finer.
 */
export function timeComparison(op: Exclude<CompareOp, '!='>, left: Expr, constant: Scalar): Expr {
  const literal = (value: Scalar): Expr => ({ kind: 'literal', value })
  if (isFineTime(constant)) {
    const name = { '==': 'eq', '<': 'lt', '<=': 'lte', '>': 'gt', '>=': 'gte' }[op]
    const instant: Expr = { kind: 'call', name: 'instant', args: [left] }
    return { kind: 'call', name, args: [instant, literal(instantText(constant) ?? null)] }
  }
  const time: Expr = { kind: 'call', name: 'time', args: [left] }
  const { firstMs, lastMs } = timeSpanOf(constant) ?? { firstMs: Number.NaN, lastMs: Number.NaN }
  switch (op) {
    case '==':
      if (firstMs === lastMs) return { kind: 'call', name: 'eq', args: [time, literal(firstMs)] }
      return { kind: 'call', name: 'within', args: [time, literal(firstMs), literal(lastMs)] }
    case '<':
      return { kind: 'call', name: 'lt', args: [time, literal(firstMs)] }
    case '<=':
      return { kind: 'call', name: 'lte', args: [time, literal(lastMs)] }
    case '>':
      return { kind: 'call', name: 'gt', args: [time, literal(lastMs)] }
    case '>=':
      return { kind: 'call', name: 'gte', args: [time, literal(firstMs)] }
  }
}
