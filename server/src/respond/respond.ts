import type { Clock } from '../base/clock.ts'
import type { Logger } from '../base/log.ts'
import type { Metrics } from '../base/metrics.ts'
import type { Journal } from '../model/journal.ts'
import type { StateConsumer } from '../state/consumer.ts'
import { countOutbox } from '../state/flow.ts'
import type { State } from '../state/state.ts'
import { createAlertConsumer } from './alert-consumer.ts'
import { Follower } from './follower.ts'
import type { Outlet } from './outlet.ts'
import { Pump } from './pump.ts'

export interface ResponderOptions {
  readonly journal: Journal
  readonly state: State
  readonly outlets: readonly Outlet[]
  readonly log: Logger
  readonly metrics: Metrics
  readonly clock: Clock
  /** Others whose part of the journal ends in the state: dead letters. They share the pass. */
  readonly also?: readonly StateConsumer[]
}

export interface ResponderHealth {
  readonly ok: boolean
  /** Journal entries not yet dealt with. */
  readonly lagEntries: number
  readonly problems: readonly string[]
}

export interface Responder {
  /** Begins where the state says it ended; returns once the first pass is under way. */
  start(): Promise<void>
  /** Finishes what is under way. Safe twice and before `start`. */
  stop(): Promise<void>
  /** Resolves when all that is in the journal now is in the state, and told. For tests, for exit. */
  settled(): Promise<void>
  health(): ResponderHealth
  /** Called after each commit of new alert revisions; for live streams. */
  onAlerts(listener: () => void): () => void
}

/**
 * The essential reader named `state`: from journalled alerts to rows and to people. Its position is
 * saved in the transaction of its rows; what is told goes through an outbox in the same one.
 */
export function createResponder(options: ResponderOptions): Responder {
  const { journal, state, outlets, log, metrics } = options
  const listeners = new Set<() => void>()
  const announced = metrics.counter(
    'picket_alerts_announced_total',
    'Alert revisions told to people, by outlet and kind.',
  )
  const waiting = metrics.gauge('picket_outbox_pending', 'Alert revisions still to be told.')
  const pumps = outlets.map((outlet) => {
    const told = (pending: { readonly kind: string }): void =>
      announced.inc({ outlet: outlet.name, kind: pending.kind })
    return { outlet, pump: new Pump({ state, outlet, log, told }) }
  })
  const kick = (): void => {
    for (const { pump } of pumps) pump.kick()
    for (const listener of listeners) listener()
  }
  const alerts = createAlertConsumer(options)
  const told: StateConsumer = {
    ...alerts,
    committed: () => {
      alerts.committed?.()
      kick()
    },
  }
  const consumers = [told, ...(options.also ?? [])]
  const follower = new Follower({ journal, state, consumers, log, metrics })
  return {
    start: async () => {
      await follower.start()
      kick()
    },
    stop: async () => {
      await follower.stop()
      for (const { pump } of pumps) await pump.stop()
    },
    settled: async () => {
      await follower.settled()
      for (const { outlet, pump } of pumps) {
        await pump.idle()
        const count = await state.query((db) => countOutbox(state, db, outlet.name))
        waiting.set(count, { outlet: outlet.name })
      }
    },
    health: () => {
      const problems = [
        ...(follower.failure === undefined ? [] : [`state: ${follower.failure}`]),
        ...pumps.flatMap(({ outlet, pump }) =>
          pump.failure === undefined ? [] : [`outlet ${outlet.name}: ${pump.failure}`],
        ),
      ]
      return { ok: problems.length === 0, lagEntries: follower.lagEntries(), problems }
    },
    onAlerts: (listener) => {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
  }
}
