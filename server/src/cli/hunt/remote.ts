import { ProblemError } from '../../base/problems.ts'
import { findFiles, readText } from '../../library/library.ts'
import { readPipeline } from '../../library/sigma-format.ts'
import type { RuleProblem } from '../../model/rule.ts'
import type { CliContext } from '../context.ts'
import type { RuleFlags } from '../detect/choose-rules.ts'
import type { PipelineFlag } from '../input/pipelines.ts'
import { postForLines, serverAt, told, type UrlFlags } from '../url-client.ts'
import type { HuntLine } from './told.ts'

export interface RemoteFlags extends RuleFlags, UrlFlags {
  readonly against?: string
  readonly asOf: 'then' | 'now'
  readonly fromMs: number
  readonly toMs: number
  readonly memoryBytesMax?: number
  /** Asks for checkpoints. */
  readonly keep: boolean
  readonly checkpoint?: string
}

/** The hunt is done by the server, over what the token may see. Closing the connection ends it. */
export async function* huntRemotely(
  flags: RemoteFlags,
  how: { readonly adHoc: boolean; readonly signal: AbortSignal; readonly context: CliContext },
): AsyncGenerator<HuntLine> {
  const { adHoc, signal, context } = how
  const server = serverAt(flags, context)
  const { asOf, fromMs, toMs, against, memoryBytesMax, keep, checkpoint } = flags
  const compared =
    against === undefined || against === 'current'
      ? against
      : textsOf({ ...readingOf(flags), rules: [against] })
  const body = {
    rules: { ...textsOf(flags), matches: adHoc },
    ...(compared !== undefined && { against: compared }),
    ...{ from: new Date(fromMs).toISOString(), to: new Date(toMs).toISOString(), as_of: asOf },
    ...(memoryBytesMax !== undefined && { memory_max: memoryBytesMax }),
    ...(keep && { checkpoints: true }),
    ...(checkpoint !== undefined && { resume: checkpoint }),
  }
  for await (const text of postForLines(server, '/api/v1/hunts', { body, signal })) {
    const line = JSON.parse(text) as HuntLine
    yield line.problem === undefined ? line : { problem: told(line.problem).problem }
  }
}

function readingOf({ pipeline, ignoreLogsource }: RuleFlags): Omit<RuleFlags, 'rules'> {
  return {
    ...(pipeline !== undefined && { pipeline }),
    ...(ignoreLogsource !== undefined && { ignoreLogsource }),
  }
}

/** Rules as the server takes them: their texts. That they can be read was seen before. */
function textsOf(flags: RuleFlags): Readonly<Record<string, unknown>> {
  const { rules, eql, kql, sigma, ignoreLogsource = false } = flags
  const reading = { pipeline: pipelineOf(flags.pipeline), ignore_logsource: ignoreLogsource }
  if (eql !== undefined) return { eql, ...reading }
  if (kql !== undefined) return { kql, ...reading }
  const problems: RuleProblem[] = []
  const files = findFiles(sigma === undefined ? rules : [sigma], problems).flatMap((path) => {
    const text = readText(path, problems)
    return text === undefined ? [] : [{ path, text }]
  })
  return { files, ...reading }
}

/** What is no name is a file, whose text goes along. */
function pipelineOf(name: PipelineFlag = 'default'): unknown {
  if (typeof name !== 'string' || name === 'default' || name === 'none') return name
  const read = readPipeline(name)
  if (!read.ok) throw new ProblemError(read.problem)
  return read.value
}
