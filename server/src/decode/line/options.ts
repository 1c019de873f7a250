import type { StampOptions } from './stamp.ts'
import { parseZone } from './zone.ts'

/** The options that every decoder of lines with local time takes. */
export const STAMP_OPTIONS = {
  zone: 'Zone of time stamps that name none: UTC, +02:00 or Europe/Berlin. UTC unless set.',
  month_first: 'true: 03/04/2026 is 4 March.',
} as const

export function stampOptions(options: Readonly<Record<string, unknown>>): StampOptions {
  const { zone = 'UTC', month_first: monthFirst = false } = options
  return {
    zone: (typeof zone === 'string' ? parseZone(zone) : undefined) ?? ((): number => 0),
    monthFirst: monthFirst === true || monthFirst === 'true',
  }
}

export function checkStampOptions({ zone }: Readonly<Record<string, unknown>>): string | undefined {
  return zone === undefined || (typeof zone === 'string' && parseZone(zone) !== undefined)
    ? undefined
    : `${String(zone)} is no time zone`
}
