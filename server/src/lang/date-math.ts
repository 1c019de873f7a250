/** The instants that a date stands for, first and last, in milliseconds since the epoch. */
export interface Instants {
  readonly firstMs: number
  readonly lastMs: number
}

const PARTIAL =
  /^(\d{4})(?:-(\d\d)(?:-(\d\d)(?:[T ](\d\d)(?::?(\d\d)(?::?(\d\d)(?:[.,](\d{1,9}))?)?)?)?)?)?\s?(Z|[+-]\d\d:?\d\d)?$/i
const STEP = /(?:([+-])(\d{0,9})|\/1?)(y|M|w|d|h|H|m|s)/y
const UNIT_MS: Readonly<Record<string, number>> = {
  w: 604_800_000,
  d: 86_400_000,
  h: 3_600_000,
  H: 3_600_000,
  m: 60_000,
  s: 1_000,
}

/**
 * A date as Elasticsearch takes it: ISO 8601 with parts left out from the end (`2021`, `2021-01`),
 * `now`, and date math (`now-1d/d`, `2021-02-17||+1M/d`). From first to last are the instants that
 * it spans: a month or day that is left out is the first, a time that is left out is all of that day
 * (Elasticsearch, “Missing date components”), and what is rounded off is all of its unit. Undefined
 * for anything else, and for `now` without a clock.
 */
export function parseDateMath(text: string, nowMs: number | undefined): Instants | undefined {
  if (text.startsWith('now')) return applyMath(nowMs, text.slice(3))
  const bars = text.indexOf('||')
  if (bars < 0) return partialDate(text)
  return applyMath(partialDate(text.slice(0, bars))?.firstMs, text.slice(bars + 2))
}

/** Whether the text can only be meant as date math. */
export function isDateMath(text: string): boolean {
  return /^now(?:[+-]\d*[a-zA-Z]|\/1?[a-zA-Z])/.test(text) || /^\d{4}[^|]*\|\|/.test(text)
}

function partialDate(text: string): Instants | undefined {
  const found = PARTIAL.exec(text)
  if (found === null) return undefined
  const [, year, month, day, hour, minute, second, fraction, zone] = found
  const parts = [year, month, day, hour, minute, second].map((part) =>
    part === undefined ? undefined : Number(part),
  )
  const [y = 0, mo = 1, d = 1, h = 0, mi = 0, s = 0] = parts
  const ms = fraction === undefined ? 0 : Math.trunc(Number(`0.${fraction}`) * 1_000)
  const firstMs = Date.UTC(y, mo - 1, d, h, mi, s, ms)
  const check = new Date(Date.UTC(y, mo - 1, d))
  if (check.getUTCMonth() !== mo - 1 || h > 23 || mi > 59 || s > 59) return undefined
  const given = parts.filter((part) => part !== undefined).length
  const unit = ['d', 'd', 'd', 'h', 'm', 's'][given - 1] ?? 's'
  const lastMs = fraction === undefined ? shift(firstMs, 1, unit) - 1 : firstMs
  const offsetMs = zoneMs(zone)
  return { firstMs: firstMs - offsetMs, lastMs: lastMs - offsetMs }
}

function zoneMs(zone: string | undefined): number {
  if (zone === undefined || zone.toUpperCase() === 'Z') return 0
  const digits = zone.slice(1).replace(':', '')
  const minutes = Number(digits.slice(0, 2)) * 60 + Number(digits.slice(2))
  return (zone.startsWith('-') ? -minutes : minutes) * 60_000
}

/** Each step on both ends: one rounds down, the other up to the last millisecond of the unit. */
function applyMath(startMs: number | undefined, math: string): Instants | undefined {
  if (startMs === undefined) return undefined
  let [firstMs, lastMs] = [startMs, startMs]
  let end = 0
  STEP.lastIndex = 0
  for (let step = STEP.exec(math); step !== null; step = STEP.exec(math)) {
    const [, sign, digits = '', unit = ''] = step
    end = STEP.lastIndex
    if (sign === undefined) {
      firstMs = floor(firstMs, unit)
      lastMs = shift(floor(lastMs, unit), 1, unit) - 1
    } else {
      const amount = Number(`${sign}${digits === '' ? '1' : digits}`)
      firstMs = shift(firstMs, amount, unit)
      lastMs = shift(lastMs, amount, unit)
    }
  }
  const isDate = end === math.length && Number.isFinite(firstMs) && Number.isFinite(lastMs)
  return isDate ? { firstMs, lastMs } : undefined
}

function shift(ms: number, amount: number, unit: string): number {
  const fixed = UNIT_MS[unit]
  if (fixed !== undefined) return ms + amount * fixed
  const date = new Date(ms)
  const months = date.getUTCMonth() + (unit === 'y' ? amount * 12 : amount)
  const first = Date.UTC(date.getUTCFullYear(), months, 1)
  const days = new Date(Date.UTC(date.getUTCFullYear(), months + 1, 0)).getUTCDate()
  const dayMs = (Math.min(date.getUTCDate(), days) - 1) * 86_400_000
  return first + dayMs + (((ms % 86_400_000) + 86_400_000) % 86_400_000)
}

function floor(ms: number, unit: string): number {
  const date = new Date(ms)
  const [year, month] = [date.getUTCFullYear(), date.getUTCMonth()]
  if (unit === 'y') return Date.UTC(year, 0, 1)
  if (unit === 'M') return Date.UTC(year, month, 1)
  if (unit === 'w') {
    const sinceMonday = (date.getUTCDay() + 6) % 7
    return Date.UTC(year, month, date.getUTCDate() - sinceMonday)
  }
  const size = UNIT_MS[unit] ?? 1
  return Math.floor(ms / size) * size
}
