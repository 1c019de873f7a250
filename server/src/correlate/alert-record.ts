import { ALERT_EVENTS_MAX, type AlertRecord } from '../model/alert.ts'
import type { RuleMeta } from '../model/rule.ts'
import { wholeOf, type Episode } from './episode.ts'
import { mapped, type Mapped } from './mapped.ts'
import { scopeOf } from './origin.ts'
import { OVERFLOW_KEY, type Said } from './episodes.ts'

export interface AlertFrame {
  readonly meta: RuleMeta
  /** `match` or the type of the correlation. */
  readonly kind: string
  /** The key of the episode, field by field. */
  readonly group: Readonly<Record<string, string>>
}

/** Of a rule that counts events people want to know how many there were, not how many were over. */
const COUNTS_EVENTS = /^(event|value)_/

/** The record of an episode as it stands; `say` is what changed about it. */
export function alertRecord(
  frame: AlertFrame,
  one: { readonly key: string; readonly episode: Episode; readonly say: Said },
): AlertRecord {
  const { key, episode, say } = one
  const whole = wholeOf(episode)
  const is = mapped(frame.meta, episode.matched)
  const scope = scopeOf(whole.origins)
  return {
    id: episode.id,
    revision: episode.revision,
    rule: ruleOf(frame, is),
    severity: is.severity,
    author: frame.meta.author,
    group: frame.group,
    first: isoTime(whole.firstMs),
    last: isoTime(whole.lastMs),
    count: COUNTS_EVENTS.test(frame.kind) ? whole.eventsTotal : whole.count,
    events: whole.events.slice(0, ALERT_EVENTS_MAX).map((event) => event.id),
    eventsTotal: whole.eventsTotal,
    state: say.state,
    suppressed_by: null,
    ...(episode.matched !== undefined && { matched: episode.matched }),
    ...(episode.continues !== undefined && { continues: episode.continues }),
    ...(say.merged !== undefined && { merged: say.merged }),
    ...(episode.late > 0 && { late: episode.late }),
    ...(key === OVERFLOW_KEY && { overflow: true }),
    open: say.open,
    ...(scope !== undefined && { scope }),
  }
}

function ruleOf(frame: AlertFrame, { name, risk }: Mapped): AlertRecord['rule'] {
  const { meta, kind } = frame
  return {
    id: meta.id,
    name,
    kind,
    ...(meta.version !== undefined && { version: meta.version }),
    hash: meta.hash,
    ...(meta.life !== 'live' && { life: meta.life }),
    ...(meta.tags.length > 0 && { tags: meta.tags }),
    ...(meta.references.length > 0 && { references: meta.references }),
    ...(meta.falsepositives.length > 0 && { falsepositives: meta.falsepositives }),
    ...(risk !== undefined && { risk }),
    ...(meta.response.length > 0 && { response: meta.response }),
  }
}

const TIME_MAX_MS = 8.64e15

/** ISO 8601 UTC; what no calendar can hold is shown at the calendar's end. */
export function isoTime(ms: number): string {
  const bounded = Number.isNaN(ms) ? 0 : Math.min(Math.max(ms, -TIME_MAX_MS), TIME_MAX_MS)
  return new Date(bounded).toISOString()
}
