import { ProblemError } from '../base/problems.ts'

const AGO = /^(\d{1,6})([smhdw])$/
const UNIT_MS: Readonly<Record<string, number>> = {
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
}
const ISO = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:?\d{2}))?$/

/** `30m`, `2h`, `7d` ago, or ISO 8601 (a date alone is its midnight in UTC). In ms. */
export function parseWhen(text: string, nowMs: number, option: string): number {
  const ago = AGO.exec(text)
  if (ago !== null) return nowMs - Number(ago[1]) * (UNIT_MS[ago[2] ?? ''] ?? 0)
  const ms = ISO.test(text) ? Date.parse(text) : Number.NaN
  if (Number.isFinite(ms)) return ms
  throw usage(`${option} takes a time such as 2h, 7d or 2026-03-01T10:00:00Z`)
}

export function parseCount(text: string, max: number, option: string): number {
  const count = /^\d{1,7}$/.test(text) ? Number(text) : Number.NaN
  if (count >= 1 && count <= max) return count
  throw usage(`${option} takes a number from 1 to ${max}`)
}

export function parseChoice<T extends string>(
  text: string,
  choices: readonly T[],
  option: string,
): T {
  const found = choices.find((choice) => choice === text)
  if (found !== undefined) return found
  throw usage(`${option} takes one of: ${choices.join(', ')}`)
}

export function usage(message: string): ProblemError {
  return new ProblemError({ code: 'USAGE', message })
}
