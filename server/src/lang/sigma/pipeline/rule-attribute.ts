import { SEVERITIES } from '../../../model/alert.ts'
import { childOf, textOf, type MapTree } from '../yaml/yaml-tree.ts'

type Plain = string | number | boolean

/** From the least to the most, as pySigma orders them. */
const ORDERS: Readonly<Record<string, readonly string[]>> = {
  level: SEVERITIES,
  status: ['unsupported', 'deprecated', 'experimental', 'test', 'stable'],
}
const DATE = /^\d{4}-\d\d-\d\d$/

/** Whether an attribute of a rule stands in the relation that a condition asks for. */
export function holdsAttribute(params: MapTree, value: unknown): boolean {
  const wanted = textOf(childOf(params, 'value'))
  const op = textOf(childOf(params, 'op')) ?? 'eq'
  if (value === undefined || value === null || wanted === undefined) return false
  if (Array.isArray(value)) {
    const has = value.some((item) => String(item) === wanted)
    if (op === 'in' || op === 'not_in') return has === (op === 'in')
    return op === 'ne'
  }
  const order = ORDERS[textOf(childOf(params, 'attribute')) ?? '']
  if (order !== undefined) {
    const [left, right] = [order.indexOf(String(value)), order.indexOf(wanted.toLowerCase())]
    return left >= 0 && right >= 0 && inRelation(op, left, right)
  }
  if (typeof value === 'number') return inRelation(op, value, Number(wanted))
  if (typeof value !== 'string' && typeof value !== 'boolean') return false
  const text = String(value)
  const isOrdered = DATE.test(text) && DATE.test(wanted)
  return isOrdered || op === 'eq' || op === 'ne' ? inRelation(op, text, wanted) : false
}

export function inRelation(op: string, left: Plain, right: Plain): boolean {
  switch (op) {
    case 'eq':
      return left === right
    case 'ne':
      return left !== right
    case 'gte':
      return typeof left === typeof right && left >= right
    case 'gt':
      return typeof left === typeof right && left > right
    case 'lte':
      return typeof left === typeof right && left <= right
    case 'lt':
      return typeof left === typeof right && left < right
    default:
      return false
  }
}
