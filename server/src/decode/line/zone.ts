/** Gives the offset of local time from UTC, in ms, at a local wall-clock time (ms as if it were UTC). */
export type ZoneOffset = (localMs: number) => number

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
  const cache = new Map<number, number>()
  return (localMs) => {
    const quarter = Math.floor(localMs / (HOUR_MS / 4))
    const known = cache.get(quarter)
    if (known !== undefined) return known
    if (cache.size > 1_000) cache.clear()
    const offset = offsetAt(format, localMs)
    cache.set(quarter, offset)
    return offset
  }
}

/** Two rounds settle on the offset in force; in the hour that occurs twice it is the first of the two. */
function offsetAt(format: Intl.DateTimeFormat, localMs: number): number {
  const first = localAt(format, localMs) - localMs
  return localAt(format, localMs - first) - (localMs - first)
}

function localAt(format: Intl.DateTimeFormat, utcMs: number): number {
  const whole = Math.floor(utcMs / 1000) * 1000
  const part: Record<string, number> = {}
  for (const { type, value } of format.formatToParts(whole)) part[type] = Number(value)
  const { year = 1970, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = part
  return Date.UTC(year, month - 1, day, hour, minute, second) + (utcMs - whole)
}
