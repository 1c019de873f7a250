import { ProblemError } from '../../base/problems.ts'
import type { RuleFileText } from '../../library/format.ts'
import { joinPipelines } from '../../library/sigma-format.ts'

/** Sigma's field mapping as flags give it: a name, or several pipeline files as one text. */
export type PipelineFlag = string | RuleFileText

export const PIPELINE_HELP =
  'Sigma field mapping: default, none, or a pipeline file, which may be repeated'

/** A value of `--pipeline`, with those before it. Throws RULE_PIPELINE and problems of reading. */
export function addPipeline(value: string, before: PipelineFlag | undefined): PipelineFlag {
  if (before === undefined) return value
  const joined = joinPipelines(before, value)
  if (!joined.ok) throw new ProblemError(joined.problem)
  return joined.value
}
