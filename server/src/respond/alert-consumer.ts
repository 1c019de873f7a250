import { ANEW } from '../base/anew.ts'
import type { Clock } from '../base/clock.ts'
import type { Metrics } from '../base/metrics.ts'
import type { JournalEntry } from '../model/journal.ts'
import {
  type AlertStanding,
  type AlertWrite,
  type HistoryWrite,
  readStandings,
  writeAlerts,
  writeHistory,
} from '../state/alerts.ts'
import type { StateConsumer } from '../state/consumer.ts'
import { type OutboxWrite, queueOutbox } from '../state/flow.ts'
import type { State } from '../state/state.ts'
import type { Db } from '../state/tables.ts'
import { announcementOf, standingOf } from './announce.ts'
import type { Outlet } from './outlet.ts'

export interface AlertConsumerOptions {
  readonly state: State
  readonly outlets: readonly Outlet[]
  readonly metrics: Metrics
  readonly clock: Clock
}

/** What one pass over some entries makes of the alerts in them. */
interface Changes {
  readonly current: readonly AlertWrite[]
  readonly announced: readonly HistoryWrite[]
  readonly stale: number
}

/** Journalled revisions become rows, and outbox entries for those worth telling. */
export function createAlertConsumer(options: AlertConsumerOptions): StateConsumer {
  const { state, outlets, clock } = options
  const opened = options.metrics.counter(
    'picket_alerts_total',
    'Alerts opened, by severity; those a planned change explains are counted apart.',
  )
  const revisions = options.metrics.counter(
    'picket_alert_revisions_total',
    'Alert revisions read from the journal, by outcome.',
  )
  let last: Changes | undefined
  return {
    name: 'alerts',
    parts: ['alerts'],
    wants: (entry) => entry.batch.alerts !== undefined && entry.batch.alerts.length > 0,
    consume: async (db, entries) => {
      const changes = await collect(state, db, entries, clock.now())
      await writeAlerts(state, db, changes.current)
      await writeHistory(state, db, changes.announced)
      await queueOutbox(state, db, outboxOf(changes.announced, outlets))
      last = changes
    },
    committed: () => {
      if (last === undefined) return
      for (const { alert, kind } of last.announced) {
        if (kind !== 'opened') continue
        const suppressed = String(alert.suppressed_by !== null)
        opened.inc({ severity: alert.severity, suppressed })
      }
      revisions.inc({ outcome: 'written' }, last.current.length)
      revisions.inc({ outcome: 'announced' }, last.announced.length)
      revisions.inc({ outcome: 'stale' }, last.stale)
      last = undefined
    },
  }
}

async function collect(
  state: State,
  db: Db,
  entries: readonly JournalEntry[],
  atMs: number,
): Promise<Changes> {
  const writes: AlertWrite[] = []
  for (const { offset, batch } of entries) {
    for (const [index, alert] of (batch.alerts ?? []).entries())
      writes.push({ alert, offset, index })
  }
  const ids = new Set(writes.map(({ alert }) => alert.id))
  const standings: Map<string, AlertStanding> = await readStandings(state, db, [...ids])
  const current = new Map<string, AlertWrite>()
  const announced: HistoryWrite[] = []
  let stale = 0
  for (const write of writes) {
    const { alert } = write
    const before = standings.get(alert.id)
    if (before !== undefined && alert.revision <= before.revision) {
      stale += 1
      continue
    }
    const kind = announcementOf(before, alert)
    if (kind !== undefined) announced.push({ ...ANEW, ...write, kind, atMs })
    standings.set(alert.id, standingOf(alert))
    const earlier = current.get(alert.id)
    const opening =
      earlier?.opening ?? (earlier && { offset: earlier.offset, index: earlier.index })
    current.set(alert.id, { ...ANEW, ...write, ...(opening && { opening }) })
  }
  return { current: [...current.values()], announced, stale }
}

function outboxOf(
  announced: readonly HistoryWrite[],
  outlets: readonly Outlet[],
): readonly OutboxWrite[] {
  // A rule on trial is kept and listed, and told to nobody.
  const told = announced.filter(({ alert }) => (alert.rule.life ?? 'live') === 'live')
  return told.flatMap((write) =>
    outlets
      .filter((outlet) => outlet.wants(write))
      .map((outlet) => ({
        outlet: outlet.name,
        alertId: write.alert.id,
        revision: write.alert.revision,
        kind: write.kind,
        offset: write.offset,
        index: write.index,
      })),
  )
}
