import type { LogFields } from '../base/log.ts'
import type { Problem } from '../base/problems.ts'
import type { CorrelatorLimits } from '../correlate/correlator.ts'
import type { JournalShare } from '../journal/lmdb-journal.ts'
import type { AlertRecord } from '../model/alert.ts'
import type { KeyringShare } from '../vault/keyring.ts'
import type { CompiledRules } from './compiled-rules.ts'
import type { LiveLimits, LiveStatus } from './live.ts'
import type { RuleCount } from './rule-counts.ts'

/** What passes between the detector's thread and the one that started it. */
export interface DetectorSettings {
  readonly latenessMs?: number
  readonly latenessOf?: Readonly<Record<string, number>>
  readonly limits?: Partial<CorrelatorLimits>
  readonly live?: Partial<LiveLimits>
}

export interface DetectorData {
  readonly journal: JournalShare
  readonly keyring: KeyringShare
  readonly settings: DetectorSettings
}

export interface DetectorStatus extends LiveStatus {
  /** Worst delay of the thread's event loop since the last status. */
  readonly loopDelayMs: number
  /** Since the last status. */
  readonly rules: readonly RuleCount[]
}

export type FromDetector =
  | { readonly kind: 'status'; readonly status: DetectorStatus }
  | { readonly kind: 'alerts'; readonly alerts: readonly AlertRecord[]; readonly waitedMs: number }
  /** Whether these rules are in force or prepared. */
  | { readonly kind: 'has'; readonly hash: string; readonly has: boolean }
  | { readonly kind: 'prepared'; readonly hash: string; readonly problem?: Problem }
  | { readonly kind: 'trouble'; readonly problem: Problem | undefined }
  | {
      readonly kind: 'log'
      readonly level: 'debug' | 'info' | 'warn' | 'error'
      readonly fields: LogFields
      readonly message: string
    }

export type ToDetector =
  | { readonly kind: 'stop' }
  /** Answered by `has` with the same hash. */
  | { readonly kind: 'has'; readonly hash: string }
  /** Rules that are about to be journalled; answered by `prepared` with the same hash. */
  | { readonly kind: 'prepare'; readonly rules: CompiledRules }
