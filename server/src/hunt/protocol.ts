import type { Problem } from '../base/problems.ts'
import type { RuleProblem } from '../model/rule.ts'
import type { ConnectOptions } from '../store/client.ts'
import type { HuntNews } from './desk.ts'
import type { HuntJob } from './job.ts'
import type { RulesNeed } from './rules-need.ts'

/** What passes between a hunt's thread and the one that started it. */
export interface HuntThreadData {
  readonly job: HuntJob
  readonly pass: ConnectOptions
}

export type FromHunt =
  | {
      readonly kind: 'compiled'
      readonly need: RulesNeed
      readonly problems: readonly RuleProblem[]
      readonly rulesHash: string
    }
  | { readonly kind: 'broken'; readonly problem: Problem }
  | { readonly kind: 'news'; readonly news: HuntNews }

/** `go`: begin. `taken`: the news before (but progress) were taken. */
export type ToHunt = 'go' | 'taken'
