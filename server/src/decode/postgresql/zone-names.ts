const HOUR_MS = 3_600_000

/** Hours from UTC of zone names that PostgreSQL knows by default (`pg_timezone_abbrevs`). */
const HOURS: Readonly<Record<string, number>> = {
  ...{ UTC: 0, GMT: 0, Z: 0, UCT: 0, WET: 0, WEST: 1, BST: 1, CET: 1, CEST: 2, MET: 1, MEST: 2 },
  ...{ EET: 2, EEST: 3, MSK: 3, SAST: 2, EST: -5, EDT: -4, CST: -6, CDT: -5, MST: -7, MDT: -6 },
  ...{ PST: -8, PDT: -7, AKST: -9, AKDT: -8, HST: -10, BRT: -3, ART: -3, JST: 9, KST: 9 },
  ...{ SGT: 8, HKT: 8, AWST: 8, AEST: 10, AEDT: 11, NZST: 12, NZDT: 13 },
}

const STAMP =
  /(\d{4})-(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d)(?:[.,](\d{1,6}))?(?: ?([A-Z]{1,5})\b| ?([+-]\d\d)(?::?(\d\d))?)?/

/**
 * The first time in a text, `2026-11-21 22:10:00.123 CET`, in ms; `local` gives the offset of a time without a zone,
 * or with one of a name that several places share.
 */
export function timeIn(text: string, local: (ms: number) => number): number | undefined {
  const found = STAMP.exec(text)
  if (found === null) return undefined
  const [year, month, day, hour, minute, second] = found.slice(1, 7).map(Number)
  const fraction = Number((found[7] ?? '').slice(0, 3).padEnd(3, '0'))
  const ms = Date.UTC(year ?? 0, (month ?? 1) - 1, day, hour, minute, second, fraction)
  const [, , , , , , , , name, hours, minutes] = found
  if (hours !== undefined) {
    const sign = hours.startsWith('-') ? -1 : 1
    return ms - (Number(hours) * HOUR_MS + sign * Number(minutes ?? 0) * 60_000)
  }
  const known = name !== undefined && Object.hasOwn(HOURS, name) ? HOURS[name] : undefined
  return ms - (known === undefined ? local(ms) : known * HOUR_MS)
}
