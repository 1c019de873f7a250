import { ProblemError } from '../base/problems.ts'
import { fail, ok, type Result } from '../base/result.ts'
import { AssetIndex } from '../fleet/asset-index.ts'
import { compileEql } from '../lang/eql/compile.ts'
import { compileKql } from '../lang/kql/compile.ts'
import { readRules } from '../library/library.ts'
import type { Visibility } from '../model/access.ts'
import type { AlertRecord } from '../model/alert.ts'
import type { Asset, IdentifierKind } from '../model/asset.ts'
import type { CompiledQuery } from '../model/query.ts'
import type { RuleProblem, RuleSet } from '../model/rule.ts'
import { type Compared, compareAlerts } from './compare.ts'
import type { HuntNews, HuntRules } from './desk.ts'
import {
  type EventSource,
  hunt,
  type HuntOptions,
  type HuntSummary,
  type RollupSource,
} from './hunt.ts'
import { rulesNeed, type RulesNeed } from './rules-need.ts'

/** A hunt as plain data, for whichever thread does it. */
export interface HuntJob {
  readonly rules: HuntRules
  readonly against?: HuntRules
  readonly fromMs: number
  readonly toMs: number
  readonly nowMs: number
  readonly asOfNow?: {
    readonly assets: readonly Asset[]
    readonly precedence: readonly IdentifierKind[]
  }
  readonly visibility?: Visibility
  /** Alerts that are told, or compared. */
  readonly alertsMax: number
}

export interface CompiledJob {
  readonly ruleSet: RuleSet
  readonly tell: 'alerts' | 'matches'
  readonly against: RuleSet | undefined
  readonly need: RulesNeed
  readonly problems: readonly RuleProblem[]
}

/** Fails with the problem of the rules where none of them runs. */
export function compileJob(job: HuntJob): Result<CompiledJob> {
  const rules = compileRules(job.rules, job.nowMs)
  if (!rules.ok) return rules
  const against = job.against && compileRules(job.against, job.nowMs)
  if (against !== undefined && !against.ok) return against
  const { ruleSet, adHoc } = rules.value
  const other = against?.value.ruleSet
  return ok({
    ruleSet,
    tell: adHoc && other === undefined ? 'matches' : 'alerts',
    against: other,
    need: rulesNeed(ruleSet, ...(other === undefined ? [] : [other])),
    problems: [...rules.value.problems, ...(against?.value.problems ?? [])],
  })
}

interface CompiledRules {
  readonly ruleSet: RuleSet
  readonly adHoc: boolean
  readonly problems: readonly RuleProblem[]
}

function compileRules(rules: HuntRules, nowMs: number): Result<CompiledRules> {
  if (rules.eql !== undefined) return ofQuery(compileEql(rules.eql, { id: 'eql' }))
  if (rules.kql !== undefined) return ofQuery(compileKql(rules.kql, { id: 'kql', nowMs }))
  const { pipeline, ignoreLogsource, adHoc } = rules
  const { ruleSet, reports, problems } = readRules(rules.files ?? [], { pipeline, ignoreLogsource })
  const found = [
    ...problems,
    ...reports.flatMap((report) =>
      report.problems.map((one) => ({ ...one, at: { file: report.path, ...one.at } })),
    ),
  ].filter(({ severity }) => severity === 'error')
  if (ruleSet.matches.length + ruleSet.correlations.length > 0) {
    return ok({ ruleSet, adHoc, problems: found })
  }
  return fail(found[0] ?? { code: 'RULE_INVALID', message: 'There is no rule to hunt with.' })
}

function ofQuery(compiled: Result<CompiledQuery>): Result<CompiledRules> {
  if (!compiled.ok) return compiled
  const { matches, correlation } = compiled.value
  const correlations = correlation === undefined ? [] : [correlation]
  return ok({ ruleSet: { hash: 'ad-hoc', matches, correlations }, adHoc: true, problems: [] })
}

export interface JobPorts {
  readonly events: EventSource
  readonly rollups: RollupSource
  /** Resolves when there is room for more. */
  tell(news: HuntNews): Promise<void>
  readonly signal?: AbortSignal
}

/** Does it; the last news are `done`. Throws StoreError, and ProblemError HUNT_LIMIT. */
export async function doJob(job: HuntJob, compiled: CompiledJob, ports: JobPorts): Promise<void> {
  const tell = (news: HuntNews): Promise<void> => ports.tell(news)
  const options = optionsOf(job, ports)
  const seen = job.visibility === undefined ? {} : { visibility: job.visibility }
  const source: EventSource = (how) => ports.events({ ...how, ...seen })
  const rollups: RollupSource = (range) => ports.rollups({ ...range, ...seen })
  const limit = countTo(job.alertsMax)
  if (compiled.against === undefined) {
    const { ruleSet, tell: how } = compiled
    const running = hunt(source, { ...options, rollups, ruleSet, tell: how })
    const summary = await each(running, async (alerts) => {
      limit(alerts.length)
      await tell({ kind: 'alerts', alerts })
    })
    return tell({ kind: 'done', summary })
  }
  const collect = async (
    ruleSet: RuleSet,
  ): Promise<{ readonly alerts: AlertRecord[]; readonly summary: HuntSummary }> => {
    const alerts: AlertRecord[] = []
    const running = hunt(source, { ...options, rollups, ruleSet, tell: 'alerts' })
    const summary = await each(running, async (found) => {
      limit(found.length)
      alerts.push(...found)
    })
    return { alerts, summary }
  }
  const current = await collect(compiled.against)
  const proposed = await collect(compiled.ruleSet)
  const changes = compareAlerts(current.alerts, proposed.alerts)
  for (let at = 0; at < changes.length; at += CHANGES_BATCH) {
    await tell({ kind: 'changes', changes: changes.slice(at, at + CHANGES_BATCH) })
  }
  await tell({ kind: 'done', summary: proposed.summary, changes: countsOf(changes) })
}

const CHANGES_BATCH = 500
const PROGRESS_MS = 250

function optionsOf(
  job: HuntJob,
  ports: JobPorts,
): Pick<HuntOptions, 'fromMs' | 'toMs' | 'nowMs' | 'asOfNow' | 'signal' | 'onProgress'> {
  const { fromMs, toMs, nowMs, asOfNow } = job
  let toldMs = Number.NEGATIVE_INFINITY
  const assets = new AssetIndex()
  for (const asset of asOfNow?.assets ?? []) assets.put(asset)
  return {
    ...{ fromMs, toMs, nowMs },
    ...(asOfNow !== undefined && { asOfNow: { assets, precedence: asOfNow.precedence } }),
    ...(ports.signal !== undefined && { signal: ports.signal }),
    onProgress: (how) => {
      if (performance.now() - toldMs < PROGRESS_MS) return
      toldMs = performance.now()
      void ports.tell({ kind: 'progress', ...how })
    },
  }
}

async function each(
  running: ReturnType<typeof hunt>,
  take: (alerts: readonly AlertRecord[]) => Promise<void>,
): Promise<HuntSummary> {
  for (;;) {
    const step = await running.next()
    if (step.done === true) return step.value
    if (step.value.length > 0) await take(step.value)
  }
}

function countTo(most: number): (more: number) => void {
  let count = 0
  return (more) => {
    count += more
    if (count > most) throw tooMany(most)
  }
}

function tooMany(most: number): ProblemError {
  const message = `The hunt found more than ${most} alerts.`
  const hint = 'narrow its range or its rules'
  return new ProblemError({ code: 'HUNT_LIMIT', message, hint })
}

function countsOf(changes: readonly Compared[]): Record<Compared['change'], number> {
  const counts = { added: 0, gone: 0, same: 0 }
  for (const { change } of changes) counts[change] += 1
  return counts
}
