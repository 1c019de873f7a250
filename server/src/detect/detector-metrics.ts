import type { Counter, Metrics } from '../base/metrics.ts'
import type { AlertRecord } from '../model/alert.ts'
import type { DetectorStatus } from './protocol.ts'

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60]

/** Numbers that only grow in the detector's status and are counters here. */
const COUNTED = {
  events: ['picket_detector_events_total', 'Events that rules were tried on.'],
  matches: ['picket_detector_matches_total', 'Matches of rules on events.'],
  hits: ['picket_detector_hits_total', 'Hits of alerting rules, before episodes.'],
  late: ['picket_detector_late_events_total', 'Matched events behind the lateness.'],
  evicted: ['picket_detector_keys_evicted_total', 'Group keys pushed out by newer ones.'],
  refused: ['picket_detector_keys_refused_total', 'Observations refused: all keys were held.'],
  trimmed: ['picket_detector_entries_trimmed_total', 'Entries dropped from keys with too many.'],
  overflowed: ['picket_detector_alerts_overflowed_total', 'Hits put into overflow alerts.'],
} as const
type Counted = keyof typeof COUNTED

/** The detector's numbers in `/metrics`. */
export function detectorMetrics(metrics: Metrics): {
  status(status: DetectorStatus): void
  alerts(alerts: readonly AlertRecord[], waitedMs: number): void
  restarted(): void
} {
  const names = Object.keys(COUNTED) as Counted[]
  const counters = new Map<Counted, Counter>()
  for (const name of names) {
    const [metric, help] = COUNTED[name]
    counters.set(name, metrics.counter(metric, help))
  }
  const last = new Map<Counted, number>()
  const lag = metrics.gauge('picket_detector_lag_entries', 'Journal entries not yet looked at.')
  const keys = metrics.gauge('picket_detector_keys', 'Group keys that correlations hold.')
  const open = metrics.gauge('picket_detector_alerts_open', 'Alerts that still collect hits.')
  const always = metrics.gauge(
    'picket_detector_rules_always',
    'Rules that must be evaluated on every event.',
  )
  const candidates = metrics.gauge(
    'picket_detector_candidates_per_event',
    'Rules looked at for each event, on average.',
  )
  const ofRules = {
    matches: metrics.counter('picket_rule_matches_total', 'Events that a rule matched, by rule.'),
    hits: metrics.counter('picket_rule_hits_total', 'Hits of a correlation, by rule.'),
    lost: metrics.counter(
      'picket_rule_state_lost_total',
      'Keys and entries of a correlation given up for want of room, by rule.',
    ),
  }
  const secondsOfRules = metrics.counter(
    'picket_rule_seconds_total',
    'Time that a rule took for itself; estimated from one event in 64.',
  )
  const delay = metrics.gauge(
    'picket_event_loop_delay_max_seconds',
    'Largest delay of a thread’s event loop since the last look.',
  )
  const seconds = metrics.histogram(
    'picket_alert_seconds',
    'From the receipt of the last event of an alert to the alert being durable.',
    SECONDS,
  )
  const alerts = metrics.counter('picket_alert_records_total', 'Alert records, by state.')
  const restarts = metrics.counter('picket_detector_restarts_total', 'Times it was started anew.')
  return {
    status(status) {
      for (const [name, counter] of counters) {
        const before = last.get(name) ?? 0
        // After a restart some counts begin anew.
        const by = status[name] >= before ? status[name] - before : status[name]
        if (by > 0) counter.inc(undefined, by)
        last.set(name, status[name])
      }
      for (const { ruleId, ...counts } of status.rules) {
        for (const name of ['matches', 'hits', 'lost'] as const) {
          if (counts[name] > 0) ofRules[name].inc({ rule: ruleId }, counts[name])
        }
        if (counts.spentMs > 0) secondsOfRules.inc({ rule: ruleId }, counts.spentMs / 1_000)
      }
      lag.set(Math.max(0, status.lastOffset - status.offset))
      keys.set(status.keys)
      open.set(status.openAlerts)
      always.set(status.matcher.rulesAlways)
      const { events } = status.matcher
      candidates.set(events === 0 ? 0 : status.matcher.candidates / events)
      delay.set(status.loopDelayMs / 1_000, { thread: 'detector' })
    },
    alerts(records, waitedMs) {
      seconds.observe(waitedMs / 1_000)
      for (const { state } of records) alerts.inc({ state })
    },
    restarted: () => restarts.inc(),
  }
}
