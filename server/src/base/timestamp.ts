const ISO =
  /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?\s?(Z|[+-]\d\d(?::?\d\d)?)?)?$/i

/**
 * Milliseconds since the epoch of an ISO 8601 date or date-time; UTC where it names no zone.
 * Undefined for anything else, and for days and hours that do not exist.
 */
export function isoToMs(text: string): number | undefined {
  if (text.length < 10 || text.length > 40) return undefined
  const parts = ISO.exec(text)
  if (parts === null) return undefined
  const [, year, month, day, hour = '0', minute = '0', second = '0', fraction = '', zone] = parts
  // `Date.UTC` takes years below 100 for those of the last century; 400 years on the calendar is the same.
  const dayMs = Date.UTC(Number(year) + 400, Number(month) - 1, Number(day)) - YEARS_400_MS
  const date = new Date(dayMs)
  if (date.getUTCDate() !== Number(day) || date.getUTCMonth() + 1 !== Number(month))
    return undefined
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 60) return undefined
  const ms = Math.trunc(Number(`0.${fraction}0`) * 1000)
  const clockMs = ((Number(hour) * 60 + Number(minute)) * 60 + Number(second)) * 1000 + ms
  return dayMs + clockMs - zoneMs(zone)
}

function zoneMs(zone: string | undefined): number {
  if (zone === undefined || zone.toUpperCase() === 'Z') return 0
  const digits = zone.slice(1).replace(':', '').padEnd(4, '0')
  const minutes = Number(digits.slice(0, 2)) * 60 + Number(digits.slice(2))
  return (zone.startsWith('-') ? -minutes : minutes) * 60_000
}

const YEARS_400_MS = 146_097 * 86_400_000

const FILETIME_TO_UNIX_MS = 11_644_473_600_000

/** Of nanoseconds, what a calendar can hold. */
const EPOCH_NS_MAX = 8.64e21

/**
 * A number as a time, told apart by magnitude: seconds, milliseconds, microseconds, Windows
 * FILETIME (1.2e17 to 1.6e17, years 1981 to 2108) or nanoseconds since the epoch. Undefined for
 * what is beyond any calendar.
 */
export function epochToMs(value: number): number | undefined {
  const size = Math.abs(value)
  if (!(size <= EPOCH_NS_MAX)) return undefined
  if (size < 1e11) return value * 1000
  if (size < 1e14) return value
  if (size < 1e17) return value / 1000
  if (value >= 1.2e17 && value < 1.6e17) return value / 10_000 - FILETIME_TO_UNIX_MS
  return value / 1e6
}

/** A time as ISO 8601 text or as a number of the epoch, in milliseconds since the epoch. */
export function timeToMs(value: unknown): number | undefined {
  if (typeof value === 'number') return epochToMs(value)
  return typeof value === 'string' ? isoToMs(value) : undefined
}

/**
 * The time that an event claims, in milliseconds: `timeToMs`, with what is below the millisecond as
 * a fraction, and numbers written as text.
 */
export function claimedTimeMs(value: unknown): number | undefined {
  if (typeof value !== 'string') return timeToMs(value)
  if (/^-?\d+(?:\.\d+)?$/.test(value)) {
    const digits = value.replace(/\D.*$/, '')
    // "2026" and "20260102" are no epochs; ten digits are seconds of this century. What is shorter
    // is milliseconds, as Elasticsearch reads it: clocks that were set to zero for a test.
    if (digits.length >= 9) return timeToMs(Number(value))
    return digits.length === 4 || digits.length === 8 ? timeToMs(value) : Number(value)
  }
  const ms = timeToMs(value)
  const below = ms === undefined ? '' : belowMs(value)
  return below === '' || ms === undefined ? ms : ms + Number(`0.${below}`)
}

/** Digits of a written time that stand below the millisecond. */
function belowMs(text: string): string {
  return /[.,]\d{3}(\d{1,6})/.exec(text)?.[1] ?? ''
}

/** Nanoseconds within the millisecond of a time that is written as text, 0 where it is not. */
export function nanosBelowMs(value: unknown): number {
  return typeof value === 'string' ? Number(belowMs(value).padEnd(6, '0')) : 0
}

const OFFSET_MS = 1e15

/** A time as text of one width, to the nanosecond, whose order is that of the times. */
export function instantText(value: unknown): string | undefined {
  const ms = claimedTimeMs(value)
  if (ms === undefined || Math.abs(ms) >= OFFSET_MS) return undefined
  const written = typeof value === 'string' ? isoToMs(value) : undefined
  const whole = written ?? Math.floor(ms)
  const nanos =
    written === undefined ? Math.min(999_999, Math.round((ms - whole) * 1e6)) : nanosBelowMs(value)
  return `${String(whole + OFFSET_MS).padStart(16, '0')}${String(nanos).padStart(6, '0')}`
}

/** Whether a time is written to more than the millisecond. */
export function isFineTime(value: unknown): boolean {
  return typeof value === 'string' && isoToMs(value) !== undefined && /[1-9]/.test(belowMs(value))
}

/** The time behind `instantText`, as ISO 8601 to the nanosecond; undefined for other text. */
export function instantIso(text: string): string | undefined {
  if (!/^\d{22}$/.test(text)) return undefined
  const ms = Number(text.slice(0, 16)) - OFFSET_MS
  return Math.abs(ms) > 8.64e15
    ? undefined
    : new Date(ms).toISOString().replace('Z', `${text.slice(16)}Z`)
}
