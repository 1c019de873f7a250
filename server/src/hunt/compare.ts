import type { AlertRecord } from '../model/alert.ts'

/** What a change of rules does to the alerts of the past. */
export interface Compared {
  /** `added`: only the proposed rules tell of it; `gone`: only the current ones; `same`: both. */
  readonly change: 'added' | 'gone' | 'same'
  /** As the proposed rules tell it, where they do. */
  readonly alert: AlertRecord
}

/**
 * Pairs alerts by rule, group and overlapping time, one to one, in the order of their first events.
 * A single rule that is compared with a single other is paired whatever their ids.
 */
export function compareAlerts(
  current: readonly AlertRecord[],
  proposed: readonly AlertRecord[],
): readonly Compared[] {
  const byRule = rulesOf(current).size > 1 || rulesOf(proposed).size > 1
  const waiting = new Map<string, AlertRecord[]>()
  for (const alert of inOrder(current)) {
    const key = keyOf(alert, byRule)
    const list = waiting.get(key)
    if (list === undefined) waiting.set(key, [alert])
    else list.push(alert)
  }
  const compared: Compared[] = []
  for (const alert of inOrder(proposed)) {
    const list = waiting.get(keyOf(alert, byRule)) ?? []
    const at = list.findIndex((one) => one.first <= alert.last && alert.first <= one.last)
    if (at >= 0) list.splice(at, 1)
    compared.push({ change: at >= 0 ? 'same' : 'added', alert })
  }
  for (const list of waiting.values()) {
    for (const alert of list) compared.push({ change: 'gone', alert })
  }
  return compared.toSorted((a, b) => compareTexts(a.alert.first, b.alert.first))
}

function rulesOf(alerts: readonly AlertRecord[]): Set<string> {
  return new Set(alerts.map((alert) => alert.rule.id))
}

function keyOf(alert: AlertRecord, byRule: boolean): string {
  const group = Object.entries(alert.group).toSorted(([a], [b]) => compareTexts(a, b))
  return JSON.stringify([byRule ? alert.rule.id : '', group])
}

function inOrder(alerts: readonly AlertRecord[]): readonly AlertRecord[] {
  return alerts.toSorted((a, b) => compareTexts(a.first, b.first))
}

/** Times are ISO 8601 UTC of one length, so their texts have their order. */
function compareTexts(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
