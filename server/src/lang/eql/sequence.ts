import type {
  GroupField,
  SampleCorrelation,
  SequenceCorrelation,
  SequenceStage,
} from '../../model/correlation.ts'
import type { MatchRule } from '../../model/rule.ts'
import { QueryError } from '../syntax.ts'
import type { EqlFilter, EqlNode, EqlQuery, EqlSequence, EqlStage } from './ast.ts'

type StageRule = (filter: EqlFilter, suffix: string) => MatchRule

const RUNS_MAX = 100
const STAGES_MAX = 500
const UNIT_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
}

/** The stages of a sequence as hidden rules `<id>#<n>` and `<id>#until`, and what joins them. */
export function compileSequence(
  query: EqlSequence,
  id: string,
  stageRule: StageRule,
): { matches: MatchRule[]; correlation: SequenceCorrelation } {
  if (query.lateBy !== undefined) {
    throw new QueryError('“by” stands before “with maxspan”, not after it', query.at)
  }
  const { matches, stages } = compileStages(query.stages, query.by, id, stageRule)
  checkStages(query, stages)
  const correlation: SequenceCorrelation = {
    type: 'sequence',
    inputs: matches.map((rule) => rule.meta.id),
    groupBy: groupFields(stages),
    stages,
    ...maxspanOf(query),
  }
  if (query.until === null) return { matches, correlation }
  const until = compileStage(query.until, query.by, `${id}#until`)
  checkKeys(query.until, until, stages[0])
  matches.push(stageRule(query.until.filter, 'until'))
  return {
    matches,
    correlation: { ...correlation, inputs: matches.map((rule) => rule.meta.id), until },
  }
}

export function compileSample(
  query: Extract<EqlQuery, { readonly kind: 'sample' }>,
  id: string,
  stageRule: StageRule,
): { matches: MatchRule[]; correlation: SampleCorrelation } {
  for (const stage of query.stages) {
    if (stage.missing) throw new QueryError('A sample has no missing events (“![ ]”)', stage.at)
    if (stage.runs !== null) throw new QueryError('A sample has no “with runs”', stage.runs.at)
  }
  if (query.stages.length < 2) {
    throw new QueryError('A sample has at least two events in brackets', query.at)
  }
  const { matches, stages } = compileStages(query.stages, query.by, id, stageRule)
  if (stages[0]?.by.length === 0) {
    throw new QueryError('A sample has at least one join key', query.at, 'add “by FIELD”')
  }
  const inputs = matches.map((rule) => rule.meta.id)
  return { matches, correlation: { type: 'sample', inputs, groupBy: groupFields(stages), stages } }
}

function compileStages(
  nodes: readonly EqlStage[],
  by: readonly EqlNode[],
  id: string,
  stageRule: StageRule,
): { matches: MatchRule[]; stages: SequenceStage[] } {
  const matches: MatchRule[] = []
  const stages: SequenceStage[] = []
  for (const [index, node] of nodes.entries()) {
    const stage = compileStage(node, by, `${id}#${index + 1}`)
    checkKeys(node, stage, stages[0])
    matches.push(stageRule(node.filter, String(index + 1)))
    stages.push(stage)
  }
  return { matches, stages }
}

function compileStage(node: EqlStage, by: readonly EqlNode[], input: string): SequenceStage {
  return {
    input,
    by: [...by, ...node.by].map(toKey),
    runs: runsOf(node),
    missing: node.missing,
  }
}

function toKey(node: EqlNode): { path: string; optional: boolean } {
  if (node.kind === 'field' && !node.indexed) return { path: node.path, optional: node.optional }
  throw new QueryError('Events are joined by fields only', node.at, undefined, 'QUERY_UNSUPPORTED')
}

function runsOf(node: EqlStage): number {
  if (node.runs === null) return 1
  const { key, value, at } = node.runs
  if (key !== 'runs')
    throw new QueryError(`“with ${key}” is unknown here`, at, 'write “with runs=N”')
  if (value.float || value.value < 1 || value.value > RUNS_MAX) {
    throw new QueryError(`“runs” is a whole number from 1 to ${RUNS_MAX}, found ${value.text}`, at)
  }
  return value.value
}

function checkKeys(node: EqlStage, stage: SequenceStage, first: SequenceStage | undefined): void {
  const wanted = first?.by.length ?? stage.by.length
  if (stage.by.length === wanted) return
  const at = node.by[0]?.at ?? node.at
  const found = stage.by.length
  throw new QueryError(`Every event has as many join keys: expected ${wanted}, found ${found}`, at)
}

function checkStages(query: EqlSequence, stages: readonly SequenceStage[]): void {
  const total = stages.reduce((sum, stage) => sum + stage.runs, 0)
  if (total < 2) throw new QueryError('A sequence has at least two events in brackets', query.at)
  if (total > STAGES_MAX) {
    throw new QueryError(`A sequence has at most ${STAGES_MAX} events, found ${total}`, query.at)
  }
  if (query.until?.missing === true) {
    throw new QueryError('“until” takes an event that occurs', query.until.at)
  }
  if (query.until?.runs) {
    throw new QueryError('“until” takes one event, without “with runs”', query.until.runs.at)
  }
  if (!stages.some((stage) => stage.missing)) return
  if (stages.every((stage) => stage.missing)) {
    throw new QueryError('A sequence has at least one event that does occur', query.at)
  }
  if (query.maxspan === null) {
    const hint = 'write “sequence … with maxspan=…”'
    throw new QueryError('A sequence with missing events needs a maxspan', query.at, hint)
  }
}

function maxspanOf(query: EqlSequence): { maxspanMs?: number } {
  if (query.maxspan === null) return {}
  const { value, unit, at } = query.maxspan
  if (value.float) {
    const message = `“maxspan” is a whole number and a unit, found ${value.text}${unit}`
    throw new QueryError(message, at, wholeSpan(value.value, unit))
  }
  if (value.value <= 0) throw new QueryError('“maxspan” is more than zero', at)
  if (unit === '') {
    throw new QueryError('“maxspan” has no unit', at, `did you mean “${value.text}s”?`)
  }
  const unitMs = UNIT_MS[unit]
  if (unitMs === undefined) {
    throw new QueryError(`“${unit}” is no unit of time`, at, 'there are ms, s, m, h and d')
  }
  return { maxspanMs: value.value * unitMs }
}

/** How a span that is no whole number is written in a smaller unit. */
function wholeSpan(count: number, unit: string): string {
  const ms = count * (UNIT_MS[unit] ?? Number.NaN)
  const smaller = Object.entries(UNIT_MS).toReversed()
  const found = smaller.find(([, unitMs]) => ms >= unitMs && Math.abs(ms % unitMs) < 1e-6)
  return found === undefined
    ? 'take a smaller unit: 500ms, not 0.5s'
    : `did you mean “${Math.round(ms / found[1])}${found[0]}”?`
}

/** The common key, by the names that the first event has for its parts. */
function groupFields(stages: readonly SequenceStage[]): GroupField[] {
  const [first] = stages
  return (first?.by ?? []).map(({ path }, index) => {
    const paths: Record<string, string> = {}
    for (const stage of stages) {
      const other = stage.by[index]?.path
      if (other !== undefined && other !== path) paths[stage.input] = other
    }
    return { name: path, path, ...(Object.keys(paths).length === 0 ? {} : { paths }) }
  })
}
