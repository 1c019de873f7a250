import type { Pending } from '../state/flow.ts'

/**
 * A place where alerts are told. What it is given comes from the outbox, in journal order; it
 * stays there until `tell` resolves, so a crash between the two tells again rather than not at all.
 */
export interface Outlet {
  /** Names its part of the outbox; never changed for a configured outlet. */
  readonly name: string
  wants(pending: Pending): boolean
  /** Rejects where nothing, or not all, could be told; it is then tried again. */
  tell(pending: readonly Pending[]): Promise<void>
  /**
   * Of the first batch after a start: which were told before the last run ended. Outlets that can
   * look (a file) make the outbox exact by this; the others tell again.
   */
  alreadyTold?(pending: readonly Pending[]): Promise<ReadonlySet<Pending>>
  close?(): Promise<void>
}
