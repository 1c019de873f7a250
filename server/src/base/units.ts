/** Readable durations and sizes: `90s`, `1h30m`, `10GiB`. Parsers give undefined on anything else. */

const DURATION_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
}

const SIZE_BYTES: Readonly<Record<string, number>> = {
  B: 1,
  kB: 1e3,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
}

const DURATION = /^(?:\d{1,15}(?:\.\d{1,6})?(?:ms|[smhdw]))+$/
const DURATION_PART = /(\d+(?:\.\d+)?)(ms|[smhdw])/g
const SIZE = /^(\d{1,15}(?:\.\d{1,6})?) ?([kKMGT]?i?B)$/

/** Milliseconds, rounded; units ms, s, m, h, d, w, one after another (`1h30m`). */
export function parseDurationMs(text: string): number | undefined {
  if (text.length > 64 || !DURATION.test(text)) return undefined
  let sum = 0
  for (const [, count, unit] of text.matchAll(DURATION_PART)) {
    sum += Number(count) * (DURATION_MS[unit ?? ''] ?? Number.NaN)
  }
  const ms = Math.round(sum)
  return Number.isSafeInteger(ms) ? ms : undefined
}

/** Bytes, rounded; units B, kB, MB, GB, TB (powers of 1000) and KiB, MiB, GiB, TiB (of 1024). */
export function parseSizeBytes(text: string): number | undefined {
  const [, count, unit] = SIZE.exec(text) ?? []
  const factor = SIZE_BYTES[unit ?? '']
  if (count === undefined || factor === undefined) return undefined
  const bytes = Math.round(Number(count) * factor)
  return Number.isSafeInteger(bytes) ? bytes : undefined
}

/** The largest unit that divides the value: 90000 → `90s`, 86400000 → `1d`. */
export function formatDuration(ms: number): string {
  return inLargestUnit(ms, ['d', 'h', 'm', 's', 'ms'], DURATION_MS, 'ms')
}

/** The largest binary unit that divides the value: 10737418240 → `10GiB`. */
export function formatSize(bytes: number): string {
  return inLargestUnit(bytes, ['TiB', 'GiB', 'MiB', 'KiB', 'B'], SIZE_BYTES, 'B')
}

function inLargestUnit(
  value: number,
  units: readonly string[],
  factors: Readonly<Record<string, number>>,
  smallest: string,
): string {
  for (const unit of units) {
    const factor = factors[unit] ?? 1
    if (value >= factor && value % factor === 0) return `${value / factor}${unit}`
  }
  return `${value}${smallest}`
}
