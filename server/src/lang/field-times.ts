import { timeToMs } from '../base/timestamp.ts'
import type { Condition, Expr } from '../model/condition.ts'
import { isDateMath, parseDateMath, type Instants } from './date-math.ts'
import { QueryError } from './syntax.ts'

/** What the languages of Elasticsearch know about times when they meet a value. */
export interface TimeContext {
  readonly timestampField?: string
  /** The clock for `now`; without one `now` is a problem. */
  readonly nowMs?: number
}

export type RangeOp = 'lt' | 'lte' | 'gt' | 'gte'

/** A value of a query: where it stands, and whether it stands in quotes. */
export interface Written {
  readonly text: string
  readonly quoted: boolean
  readonly at: number
}

/** Ends of names that Elastic's schema, and most others, give to times only. */
const TIME_ENDS = [
  ...['timestamp', 'created', 'ingested', 'date', 'accessed', 'mtime', 'ctime', 'installed'],
  ...['not_before', 'not_after', 'first_seen', 'last_seen', 'last_activity', 'occurred'],
]
const TIME_NAMES = new RegExp(`(?:^|[._@])(?:${TIME_ENDS.join('|')})$`, 'i')
/** When events and processes begin and end. */
const SPAN_NAMES = /^(?:event|(?:.+\.)?(?:process|parent|[a-z]+_leader))\.(?:start|end)$/i
/** Names that are times, or durations, or moments counted otherwise. */
const MAYBE_TIME_NAMES = /(?:^|[._@])time$|_(?:at|on)$/i
const EPOCH = /^-?\d{9,19}$/

/** A field is a time by its name, or by what it is compared with: a date, or date math. */
function isTime(path: string, { text, quoted }: Written, context: TimeContext): boolean {
  const isDate = parseDateMath(text, 0) !== undefined
  const isNamed = path === context.timestampField || TIME_NAMES.test(path) || SPAN_NAMES.test(path)
  if (isDateMath(text)) return isDate || isNamed
  if (/^\d{4}-\d\d-\d\d/.test(text)) return isDate
  if (!isNamed && !MAYBE_TIME_NAMES.test(path)) return false
  if (EPOCH.test(text)) return true
  return isDate && (isNamed || quoted || !/^\d+$/.test(text))
}

/** Whether a field of that name may hold a time. */
export function isTimeName(path: string): boolean {
  return TIME_NAMES.test(path) || SPAN_NAMES.test(path) || MAYBE_TIME_NAMES.test(path)
}

/** A field compared with a time, as instants; undefined where it is not one. Throws QueryError. */
export function timeRange(
  path: string,
  op: RangeOp,
  value: Written,
  context: TimeContext,
): Condition | undefined {
  if (!isTime(path, value, context)) return undefined
  const { firstMs, lastMs } = instantsOf(value, context)
  return onTime(path, op, op === 'gt' || op === 'lte' ? lastMs : firstMs)
}

/** A field that is a time within what the value spans; undefined where it is not one. */
export function timeEquals(
  path: string,
  value: Written,
  context: TimeContext,
): Condition | undefined {
  if (!isTime(path, value, context)) return undefined
  const { firstMs, lastMs } = instantsOf(value, context)
  const bounds = [firstMs, lastMs].map((value): Expr => ({ kind: 'literal', value }))
  return { kind: 'expr', expr: { kind: 'call', name: 'within', args: [timeOf(path), ...bounds] } }
}

function instantsOf({ text, at }: Written, context: TimeContext): Instants {
  const epochMs = EPOCH.test(text) ? timeToMs(Number(text)) : undefined
  if (epochMs !== undefined) return { firstMs: epochMs, lastMs: epochMs }
  const instants = parseDateMath(text, context.nowMs)
  if (instants !== undefined) return instants
  if (text.startsWith('now') && context.nowMs === undefined) {
    throw new QueryError(
      '“now” has no meaning in a rule, which looks at events of any time',
      at,
      'leave it out: rules see each event once',
    )
  }
  throw new QueryError(
    `“${text}” is no date and no date math`,
    at,
    'such as 2021-01-31 or now-1d/d',
  )
}

/** A time, however the event writes it, as an instant. */
function timeOf(path: string): Expr {
  return { kind: 'call', name: 'time', args: [{ kind: 'path', path }] }
}

function onTime(path: string, op: RangeOp, ms: number): Condition {
  const bound: Expr = { kind: 'literal', value: ms }
  return { kind: 'expr', expr: { kind: 'call', name: op, args: [timeOf(path), bound] } }
}
