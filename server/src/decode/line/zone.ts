/**
 * Gives the offset of local time from UTC, in ms, at a local wall-clock time (ms as if it were UTC). In
 * the hour that occurs twice (summer time ends) it is the first of the two, or with `later` the
 * second; a time that does not occur (summer time begins) counts by the offset before it.
 */
export type ZoneOffset = (localMs: number, later?: boolean) => number

const FIXED = /^(?:UTC|GMT)?([+-])(\d{1,2})(?::?(\d\d))?$/i
const HOUR_MS = 3_600_000

/**
 * `UTC`, `Z`, a fixed offset (`+02:00`, `-0530`, `UTC+1`) or an IANA name (`Europe/Berlin`).
 * Undefined for anything else.
 */
export function parseZone(name: string): ZoneOffset | undefined {
  if (/^(?:UTC|GMT|Z)$/i.test(name)) return () => 0
  const fixed = FIXED.exec(name)
  if (fixed !== null) {
    const minutes = Number(fixed[2]) * 60 + Number(fixed[3] ?? '0')
    if (minutes > 14 * 60) return undefined
    const ms = minutes * 60_000 * (fixed[1] === '-' ? -1 : 1)
    return () => ms
  }
  return ianaZone(name)
}

function ianaZone(name: string): ZoneOffset | undefined {
  let format: Intl.DateTimeFormat
  try {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone: name,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    })
  } catch {
    return undefined
  }
  const cache = new Map<number, readonly [first: number, later: number]>()
  return (localMs, later = false) => {
    const quarter = Math.floor(localMs / (HOUR_MS / 4))
    let known = cache.get(quarter)
    if (known === undefined) {
      if (cache.size > 1_000) cache.clear()
      known = offsetsAt(format, localMs)
      cache.set(quarter, known)
    }
    return later ? known[1] : known[0]
  }
}

/** Offsets in force half a day before and after; both fit a local time that occurs twice. */
function offsetsAt(format: Intl.DateTimeFormat, localMs: number): readonly [number, number] {
  const offset = (utcMs: number): number => localAt(format, utcMs) - utcMs
  const guess = localMs - offset(localMs)
  const before = offset(guess - 12 * HOUR_MS)
  const after = offset(guess + 12 * HOUR_MS)
  if (before === after) return [before, before]
  const fits = [before, after].filter((one) => offset(localMs - one) === one)
  const [first = before, later = first] = fits
  return [first, later]
}

function localAt(format: Intl.DateTimeFormat, utcMs: number): number {
  const whole = Math.floor(utcMs / 1000) * 1000
  const part: Record<string, number> = {}
  for (const { type, value } of format.formatToParts(whole)) part[type] = Number(value)
  const { year = 1970, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = part
  return Date.UTC(year, month - 1, day, hour, minute, second) + (utcMs - whole)
}
