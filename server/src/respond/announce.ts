import { SEVERITIES, type AlertRecord } from '../model/alert.ts'
import type { AlertStanding, AnnouncementKind } from '../state/alerts.ts'

/**
 * Whether a revision is worth telling a person: quiet by intent, one word when an alert opens, when
 * it gets worse, when what was said of it changes, and when it ends; none for a further hit.
 */
export function announcementOf(
  before: AlertStanding | undefined,
  alert: AlertRecord,
): AnnouncementKind | undefined {
  if (before === undefined) return 'opened'
  const suppressed = alert.suppressed_by !== null
  // What a planned change explained until now, and does not any more, is news.
  if (before.suppressedBy !== null && !suppressed) return 'opened'
  const withdrawn = alert.state === 'retracted' || alert.state === 'amended'
  if (withdrawn && alert.state !== before.state) return 'changed'
  if (before.open && !alert.open) return 'ended'
  if (SEVERITIES.indexOf(alert.severity) > SEVERITIES.indexOf(before.severity)) return 'raised'
  if (alert.state !== before.state) return 'changed'
  if (suppressed && before.suppressedBy === null) return 'changed'
  return undefined
}

export function standingOf(alert: AlertRecord): AlertStanding {
  return {
    revision: alert.revision,
    severity: alert.severity,
    state: alert.state,
    open: alert.open,
    suppressedBy: alert.suppressed_by,
  }
}
