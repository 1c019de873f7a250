import type { Counter, Metrics } from '../../base/metrics.ts'
import { AssetIndex } from '../../fleet/asset-index.ts'
import { joinAsset } from '../../fleet/enrich.ts'
import { LeaseTable } from '../../fleet/leases.ts'
import { Cohorts } from '../time/cohorts.ts'
import { IDENTIFIER_KINDS, type IdentifierKind } from '../../model/asset.ts'
import type { StateChange } from '../../model/decoder.ts'
import type { EcsDoc } from '../../model/event.ts'

/** Adds to a joined event what other tables know of it: see `lookup/`. */
export type AddFacts = (doc: EcsDoc) => void

/**
 * Joins events to what is known of their devices. One for all sources: what a DHCP server says of an
 * address is good for the events of a firewall. What it learnt from a batch is taken right after it, so
 * that it commits with that batch.
 */
export class Enricher {
  readonly assets = new AssetIndex()
  readonly leases = new LeaseTable()
  readonly cohorts = new Cohorts()
  /** As the configuration says; a reload replaces it. */
  precedence: readonly IdentifierKind[] = IDENTIFIER_KINDS
  addFacts: AddFacts | undefined
  readonly #joined: Counter | undefined
  readonly #counts = new Map<string, number>()

  constructor(metrics?: Metrics) {
    this.#joined = metrics?.counter(
      'picket_identity_events_total',
      'Events joined to an asset, by rule, or not: ambiguous, conflict.',
    )
  }

  enrich(doc: EcsDoc, timeMs: number): void {
    const event = doc['event'] as EcsDoc | undefined
    if (event?.['action'] === 'dhcp-lease') this.leases.learn(doc, timeMs)
    if (this.assets.size > 0) {
      const found = joinAsset(doc, timeMs, this)
      if (found !== undefined) {
        const how = found.state === 'resolved' ? found.rule : found.state
        this.#counts.set(how, (this.#counts.get(how) ?? 0) + 1)
      }
    }
    this.addFacts?.(doc)
  }

  /** What is to be saved with the batch that was just read. */
  takeChanges(): readonly StateChange[] {
    for (const [rule, count] of this.#counts) this.#joined?.inc({ rule }, count)
    this.#counts.clear()
    return [...this.leases.takeChanges(), ...this.cohorts.takeChanges()]
  }

  /** False where the entry is not of its own. */
  restore(key: string, value: string): boolean {
    return this.leases.restore(key, value) || this.cohorts.restore(key, value)
  }
}
