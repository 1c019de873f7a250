import type { AlertRecord } from '../model/alert.ts'
import { MASKED, type Principal } from '../model/access.ts'

/** An alert as this principal may see it: values of masked fields are replaced, names stay. */
export function maskAlert(alert: AlertRecord, principal: Principal): AlertRecord {
  const { masks } = principal
  if (masks === undefined || masks.length === 0) return alert
  const hidden = new Set(masks)
  const group = Object.fromEntries(
    Object.entries(alert.group).map(([field, value]) => [
      field,
      hides(hidden, field) ? MASKED : value,
    ]),
  )
  const { matched } = alert
  if (matched === undefined) return { ...alert, group }
  const shown = Object.entries(matched).map(([field, values]) => [
    field,
    hides(hidden, field) ? [MASKED] : values,
  ])
  return { ...alert, group, matched: Object.fromEntries(shown) }
}

/** A mask hides a field and everything below it: `user` hides `user.name`. */
export function hides(masks: ReadonlySet<string>, field: string): boolean {
  if (masks.has(field)) return true
  for (let at = field.indexOf('.'); at > 0; at = field.indexOf('.', at + 1)) {
    if (masks.has(field.slice(0, at))) return true
  }
  return false
}
