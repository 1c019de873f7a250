/** Pipelines and old rules write more units than the specification's s, m, h, d. */
const UNITS_MS: Readonly<Record<string, number>> = {
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
  M: 2_629_746_000,
  y: 31_556_952_000,
}

const TIMESPAN = /^\s*(\d{1,9})\s*([smhdwMy])\s*$/
const TIMESPAN_MS_MAX = 10 * 31_556_952_000

/** `15s`, `5m`, `2h`, `1d` in milliseconds; undefined for anything else and for nothing at all. */
export function parseTimespan(text: string | undefined): number | undefined {
  const parts = TIMESPAN.exec(text ?? '')
  if (parts === null) return undefined
  const ms = Number(parts[1]) * (UNITS_MS[parts[2] ?? ''] ?? Number.NaN)
  return ms > 0 && ms <= TIMESPAN_MS_MAX ? ms : undefined
}
