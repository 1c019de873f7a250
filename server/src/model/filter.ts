/**
 * What the security filter does with an event: `security`: stored and detected on by itself;
 * `routine`: folded into a rollup of its device and interval; `both`.
 */
export const FILTER_KEEPS = ['security', 'routine', 'both'] as const
export type FilterKeep = (typeof FILTER_KEEPS)[number]

/** One entry of a policy. The first whose condition holds decides. */
export interface PolicyEntry {
  readonly name: string
  /** KQL over the fields of the event. */
  readonly when: string
  readonly keep: FilterKeep
  /** Why, for the person who asks. */
  readonly reason: string
}

/** A case that a policy carries: an event, and which entry must decide on it, or what is done. */
export interface PolicyTest {
  readonly name: string
  readonly event: Readonly<Record<string, unknown>>
  readonly keep: FilterKeep
  readonly entry?: string | undefined
}
