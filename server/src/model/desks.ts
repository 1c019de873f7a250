import type { Severity } from './alert.ts'
import type { Visibility } from './access.ts'
import type { Asset, KeptAsset } from './asset.ts'
import type { SourceReport } from './source.ts'

/** What a rule does in this installation, whatever its file says. */
export const RULE_LIVES = ['live', 'shadow', 'disabled'] as const
export type RuleLife = (typeof RULE_LIVES)[number]

export interface RuleLine {
  readonly id: string
  readonly title: string
  readonly kind: string
  readonly language: string
  readonly severity: Severity
  readonly author: string
  readonly path: string
  /** As the file says, or as it was set here. */
  readonly life: 'draft' | RuleLife
  /** Set here, and not by its file. */
  readonly isSet: boolean
  /** Whether it compiles. */
  readonly ok: boolean
  readonly problems: readonly string[]
  /** Null where the rule has none. */
  readonly version: string | null
  /** Of its normalised text, as on its alerts. */
  readonly hash: string
  readonly totals: RuleTotals
}

/** What came of a rule since the server's start, replays included. */
export interface RuleTotals {
  /** Events that it matched; of a correlation none of its own. */
  readonly matches: number
  /** Hits of a correlation. */
  readonly hits: number
  /** Group keys evicted, observations refused and entries trimmed, for want of room. */
  readonly lost: number
  /** Time that it took for itself; an estimate. */
  readonly seconds: number
}

export interface RulesInForce {
  /** Names the rules that run; the same rules have the same hash. */
  readonly hash: string
  readonly count: number
  readonly broken: number
  /** What is wrong with those that do not compile, with file and line; the first twenty. */
  readonly problems: readonly string[]
  /** False where the call changed nothing. */
  readonly changed: boolean
}

export interface RuleFile {
  readonly path: string
  readonly text: string
}

/** The rules of a running server. Changes are control records of the journal, one after another. */
export interface RuleDesk {
  list(): readonly RuleLine[]
  /** Undefined: as the file says. Rejects with ProblemError RULE_UNKNOWN. */
  setLife(id: string, life: RuleLife | undefined, by: string): Promise<RuleLine>
  /** Reads the files anew. Rejects with RULES_BROKEN, changing nothing, where a running rule broke. */
  reload(): Promise<RulesInForce>
  /** Replaces a folder of rules of the installation's own; all of it must compile. */
  upload(folder: string, files: readonly RuleFile[]): Promise<RulesInForce>
  /** Rejects with ProblemError RULE_UNKNOWN. */
  removeFolder(folder: string): Promise<RulesInForce>
}

export interface ConfigReload {
  /** Dotted names of the sections that changed and are in force. */
  readonly applied: readonly string[]
  /** Sections that changed and take effect at the next start. */
  readonly needsRestart: readonly string[]
}

/** Rejects with ProblemError CONFIG_…, changing nothing, where the file is not good. */
export interface ConfigDesk {
  reload(): Promise<ConfigReload>
}

/** The sources of a running server. */
export interface SourceDesk {
  names(): readonly string[]
  report(name: string): SourceReport | undefined
}

export interface AssetImport {
  readonly added: number
  readonly changed: number
  readonly removed: number
  readonly unchanged: number
  /** Names that several assets list now: events by them are marked, not joined. */
  readonly shared: number
}

/** The assets of a running server. Changes are control records of the journal. */
export interface AssetDesk {
  /** In order of id. */
  list(
    filter: { readonly site?: string; readonly type?: string; readonly visibility?: Visibility },
    page: { readonly limit: number; readonly after?: string },
  ): Promise<readonly KeptAsset[]>
  get(id: string): Promise<KeptAsset | undefined>
  /**
   * Makes or replaces an asset. `expected`: the revision it must have (0: none yet), else rejects with
   * ProblemError ASSET_CHANGED.
   */
  put(asset: Asset, expected?: number): Promise<KeptAsset>
  /** Rejects with ProblemError ASSET_UNKNOWN, ASSET_CHANGED. */
  remove(id: string, expected?: number): Promise<void>
  /** `replace`: assets that are not in the list, and were not read from a file, go. */
  import(assets: readonly Asset[], replace: boolean): Promise<AssetImport>
}
