import type { AlertRecord } from '../model/alert.ts'
import { MASKED, type Principal } from '../model/access.ts'
import { toFinding } from '../ocsf/finding.ts'
import type { AlertView } from './schemas.ts'

/** As `viewOf`, as a Detection Finding of OCSF. */
export function findingOf(alert: AlertRecord, principal: Principal): unknown {
  const { scope: _inside, ...shown } = maskAlert(alert, principal)
  return toFinding(shown)
}

/** As this principal may see it; what is only for us stays inside. */
export function viewOf(alert: AlertRecord, principal: Principal): AlertView {
  const { scope: _inside, ...shown } = maskAlert(alert, principal)
  return shown as AlertView
}

/** Fields that may say in their text what a masked field holds: hidden from all who have masks. */
const TEXTS = new Set([
  'document',
  'message',
  'event.original',
  'event.reason',
  'error.message',
  'error.stack_trace',
  'process.args',
  'process.command_line',
  'url.full',
  'url.original',
  'url.path',
  'url.query',
  'http.request.body.content',
  'http.response.body.content',
])
/** Names in an alert that are none of fields, and hold no value of one. */
const PLAIN_NAMES = new Set(['correlation', 'silent_since', '@timestamp'])
/** Shorter ones stand in other values by chance; they are still hidden where they are the whole value. */
const INSIDE_CHARS_MIN = 3

/**
 * Hides masked fields, and what copies them: fields of free text, the lists `related.*`, names that are
 * no field (an alias of a group key, the `value` of a rule that counts values), and any other value that
 * holds a masked one. Closed in doubt: what cannot be told to be clean is hidden.
 */
export class Mask {
  readonly #masks: readonly string[]

  constructor(masks: readonly string[] | undefined) {
    this.#masks = masks ?? []
  }

  get isEmpty(): boolean {
    return this.#masks.length === 0
  }

  hides(field: string): boolean {
    if (this.isEmpty || PLAIN_NAMES.has(field)) return false
    if (!field.includes('.') || TEXTS.has(field) || field.startsWith('related.')) return true
    return this.#masks.some((mask) => isWithin(field, mask) || mask.startsWith(`${field}.`))
  }

  /** Says of a value of a field that is shown whether it gives away one of these. */
  isTold(text: string, secrets: ReadonlySet<string>): boolean {
    if (secrets.size === 0) return false
    const folded = text.toLowerCase()
    if (secrets.has(folded)) return true
    for (const secret of secrets) {
      if (secret.length >= INSIDE_CHARS_MIN && folded.includes(secret)) return true
    }
    return false
  }
}

/** What is compared: any case, and without the mark of a value that was cut. */
export function secretOf(value: string): string {
  return value.toLowerCase().replace(/…$/, '')
}

/**
 * A mask hides a field, everything below it, and it as a part of others, as ECS reuses its field sets:
 * `user.name` hides `source.user.name`.
 */
function isWithin(field: string, mask: string): boolean {
  return `.${field}.`.includes(`.${mask}.`)
}

/** An alert as this principal may see it: values of masked fields are replaced, names stay. */
export function maskAlert(alert: AlertRecord, principal: Principal): AlertRecord {
  const mask = new Mask(principal.masks)
  if (mask.isEmpty) return alert
  const matched = alert.matched ?? {}
  const secrets = new Set<string>()
  for (const [field, value] of Object.entries(alert.group)) {
    if (mask.hides(field)) secrets.add(secretOf(value))
  }
  for (const [field, values] of Object.entries(matched)) {
    if (mask.hides(field)) for (const value of values) secrets.add(secretOf(value))
  }
  secrets.delete('')
  const show = (field: string, value: string): string =>
    mask.hides(field) || mask.isTold(value, secrets) ? MASKED : value
  const group = Object.fromEntries(
    Object.entries(alert.group).map(([field, value]) => [field, show(field, value)]),
  )
  const { rule } = alert
  const name = mask.isTold(rule.name, secrets) ? MASKED : rule.name
  const masked = { ...alert, group, rule: { ...rule, name } }
  if (alert.matched === undefined) return masked
  const shown = Object.entries(matched).map(([field, values]) => [
    field,
    values.map((value) => show(field, value)),
  ])
  return { ...masked, matched: Object.fromEntries(shown) }
}

/** Columns of searches that are none of fields, and hold no value of one. */
const COUNTED = new Set([
  'from',
  'to',
  'first_seen',
  'last_seen',
  'events',
  'messages',
  'bytes',
  'topics',
  'device.field',
])
/** Columns that are named otherwise than the fields they hold. */
const HELD: Readonly<Record<string, readonly string[]>> = {
  device: ['device.id', 'iot.mqtt.client_id'],
  'topics.names': ['iot.mqtt.topic'],
}

/** Rows of a search: a cell of a masked field is hidden, and every other cell that repeats it. */
export function maskRows(
  columns: readonly string[],
  rows: readonly (readonly unknown[])[],
  masks: readonly string[] | undefined,
): unknown[][] {
  const mask = new Mask(masks)
  if (mask.isEmpty) return rows.map((row) => [...row])
  const hides = (column: string): boolean =>
    !COUNTED.has(column) && (HELD[column] ?? [column]).some((field) => mask.hides(field))
  const hidden = columns.map(hides)
  const [device, field] = [columns.indexOf('device'), columns.indexOf('device.field')]
  return rows.map((row) => {
    // What names a device may be a field of any kind; the row says which.
    const named = row[field]
    const isHidden = (at: number): boolean =>
      at === device && typeof named === 'string' ? mask.hides(named) : hidden[at] === true
    const secrets = new Set(row.flatMap((value, at) => (isHidden(at) ? textsOf(value) : [])))
    secrets.delete('')
    return row.map((value, at) => {
      const isTold = textsOf(value).some((text) => mask.isTold(text, secrets))
      return isHidden(at) || isTold ? MASKED : value
    })
  })
}

function textsOf(value: unknown): readonly string[] {
  if (Array.isArray(value)) return value.flatMap(textsOf)
  return typeof value === 'string' ? [secretOf(value)] : []
}
