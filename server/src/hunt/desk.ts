import type { Problem } from '../base/problems.ts'
import type { Visibility } from '../model/access.ts'
import type { AlertRecord } from '../model/alert.ts'
import type { RuleProblem } from '../model/rule.ts'
import type { Compared } from './compare.ts'
import type { HuntProgress, HuntSummary } from './hunt.ts'
import type { RulesNeed } from './rules-need.ts'

/** Rules as texts: files of any rule language, or one query. */
export interface HuntRules {
  readonly files?: readonly { readonly path: string; readonly text: string }[]
  readonly eql?: string
  readonly kql?: string
  /** Sigma's field mapping: by name, or a pipeline file. */
  readonly pipeline: 'default' | 'none' | { readonly path: string; readonly text: string }
  readonly ignoreLogsource: boolean
  /** One file that was given for this hunt: each of its matches is told by itself, as of a query. */
  readonly adHoc: boolean
}

export interface HuntRequest {
  readonly rules: HuntRules
  /** To compare with: other rules, or those in force that have the ids of these. */
  readonly against?: HuntRules | 'current'
  readonly fromMs: number
  readonly toMs: number
  readonly asOf: 'then' | 'now'
  /** Events outside of it are not there. */
  readonly visibility?: Visibility
  /** Whose it is. */
  readonly owner: string
  /** Checkpoints are told. */
  readonly keep?: boolean
  /** A checkpoint that was told of a hunt with the same rules, range, context and owner. */
  readonly resume?: string
  /** Less than the server's own limit. */
  readonly memoryBytesMax?: number
}

export type HuntNews =
  | ({ readonly kind: 'progress' } & HuntProgress)
  | { readonly kind: 'alerts'; readonly alerts: readonly AlertRecord[] }
  | { readonly kind: 'changes'; readonly changes: readonly Compared[] }
  /** How far it is, after what was told before: sealed for its owner, where it leaves the server. */
  | { readonly kind: 'checkpoint'; readonly checkpoint: Uint8Array }
  /** The last. `changes`: how many of each kind, where rules were compared. */
  | {
      readonly kind: 'done'
      readonly summary: HuntSummary
      readonly changes?: Readonly<Record<Compared['change'], number>>
    }
  /** The last, where it did not get there. */
  | { readonly kind: 'failed'; readonly problem: Problem }
  /** Nothing new; said so that whoever listens knows that it goes on. */
  | { readonly kind: 'beat' }

/** A hunt whose rules are compiled; it reads nothing before its news are asked for. */
export interface RunningHunt {
  readonly need: RulesNeed
  /** Rules that do not run, and why. */
  readonly problems: readonly RuleProblem[]
  readonly rulesHash: string
  /** Once. Leaving the loop ends the hunt. */
  news(): AsyncGenerator<HuntNews>
}

/** The hunts of a running server. */
export interface HuntDesk {
  readonly atOnce: number
  /** Rejects with ProblemError: of the rules, of the store, HUNT_LIMIT. Aborting ends it at any time. */
  start(request: HuntRequest, signal: AbortSignal): Promise<RunningHunt>
}
