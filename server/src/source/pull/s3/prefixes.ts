const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
const PREFIXES_MAX = 20_000

/** The prefixes that a template stands for from one time to another (UTC), in order. */
export function expandPrefix(template: string, fromMs: number, toMs: number): readonly string[] {
  if (!/\{(?:yyyy|MM|dd|HH)\}/.test(template)) return [template]
  const stepMs = template.includes('{HH}') ? HOUR_MS : DAY_MS
  const made = new Set<string>()
  const first = Math.max(Math.floor(fromMs / stepMs) * stepMs, toMs - PREFIXES_MAX * stepMs)
  for (let ms = first; ms <= toMs; ms += stepMs) made.add(fill(template, ms))
  return [...made]
}

function fill(template: string, ms: number): string {
  const iso = new Date(ms).toISOString()
  return template
    .replaceAll('{yyyy}', iso.slice(0, 4))
    .replaceAll('{MM}', iso.slice(5, 7))
    .replaceAll('{dd}', iso.slice(8, 10))
    .replaceAll('{HH}', iso.slice(11, 13))
}
