import { formatProblem, type Problem, ProblemError } from '../../base/problems.ts'
import { findFiles, readText } from '../../library/library.ts'
import type { AlertRecord } from '../../model/alert.ts'
import type { RuleProblem } from '../../model/rule.ts'
import { usage } from '../arguments.ts'
import type { CliContext } from '../context.ts'
import type { ChosenRules, RuleFlags } from '../detect/choose-rules.ts'
import { AlertPrinter, writeText } from '../detect/print-alerts.ts'
import { postForLines, serverAt, told, type UrlFlags } from '../url-client.ts'
import type { ProgressLine } from './progress-line.ts'

export interface RemoteFlags extends RuleFlags, UrlFlags {
  readonly against?: string
  readonly asOf: 'then' | 'now'
  readonly fromMs: number
  readonly toMs: number
}

/** One line of the server's answer; one of them at a time. */
interface Line {
  readonly problems?: readonly RuleProblem[]
  readonly progress?: { readonly events: number; readonly total: number; readonly at: string }
  readonly change?: string
  readonly alert?: AlertRecord
  readonly summary?: Readonly<Record<string, unknown>>
  readonly problem?: Problem
}

/**
 * The hunt is done by the server, over what the token may see, and told here as one that is done here.
 * Closing the connection ends it.
 */
export async function huntRemotely(
  flags: RemoteFlags,
  chosen: ChosenRules,
  how: {
    readonly signal: AbortSignal
    readonly progress: ProgressLine
    readonly context: CliContext
  },
): Promise<void> {
  const { signal, progress, context } = how
  const server = serverAt(flags, context)
  const { asOf, fromMs, toMs, against } = flags
  const body = {
    rules: { ...textsOf(flags), matches: chosen.adHoc },
    ...(against !== undefined && { against: textsOf({ ...readingOf(flags), rules: [against] }) }),
    ...{ from: new Date(fromMs).toISOString(), to: new Date(toMs).toISOString(), as_of: asOf },
  }
  const startedMs = performance.now()
  const printer = new AlertPrinter(context.stdout, chosen.pipes)
  for await (const text of postForLines(server, '/api/v1/hunts', { body, signal })) {
    const line = JSON.parse(text) as Line
    if (line.problem !== undefined) throw told(line.problem)
    if (line.progress !== undefined) {
      const { events, total, at } = line.progress
      progress.show({ events, total, timeMs: Date.parse(at) })
    } else if (line.change !== undefined) {
      await writeText(context.stdout, `${JSON.stringify(line)}\n`)
    } else if (line.alert !== undefined) await printer.print([line.alert])
    else if (line.problems !== undefined) {
      for (const one of line.problems) context.stderr.write(`picket: ${formatProblem(one)}\n`)
      context.exit(2)
    } else if (line.summary !== undefined) {
      await printer.end()
      progress.clear()
      const elapsedMs = Math.round(performance.now() - startedMs)
      return tellSummary(line.summary, { printed: printer.printed, elapsedMs }, context)
    }
  }
  const message = 'The connection ended before the hunt did; what was told before stands.'
  throw new ProblemError({ code: 'API_SOCKET', message })
}

async function tellSummary(
  summary: Readonly<Record<string, unknown>>,
  here: { readonly printed: number; readonly elapsedMs: number },
  context: CliContext,
): Promise<void> {
  const { left, unknowable, ...counts } = summary as {
    readonly left: readonly { readonly ruleId: string; readonly reason: string }[]
    readonly unknowable: readonly string[]
  }
  const lines = [
    ...left.map(({ ruleId, reason }) => `the rule ${ruleId} does not run: ${reason}`),
    ...unknowable.map(
      (ruleId) => `the rule ${ruleId} is left out: events do not tell of a source's silence`,
    ),
  ]
  const isCompared = 'added' in counts
  const { printed, elapsedMs } = here
  const shown = { ...counts, ...(!isCompared && { alerts: printed }), elapsedMs }
  const text = lines.map((line) => `picket: ${line}\n`).join('')
  await writeText(context.stderr, `${text}${JSON.stringify({ summary: shown })}\n`)
  if (left.length > 0) context.exit(2)
}

function readingOf({ pipeline, ignoreLogsource }: RuleFlags): Omit<RuleFlags, 'rules'> {
  return {
    ...(pipeline !== undefined && { pipeline }),
    ...(ignoreLogsource !== undefined && { ignoreLogsource }),
  }
}

/** Rules as the server takes them: their texts. That they can be read was seen before. */
function textsOf(flags: RuleFlags): Readonly<Record<string, unknown>> {
  const { rules, eql, kql, sigma, pipeline = 'default', ignoreLogsource = false } = flags
  if (pipeline !== 'default' && pipeline !== 'none') {
    throw usage('with --url, --pipeline is default or none')
  }
  const reading = { pipeline, ignore_logsource: ignoreLogsource }
  if (eql !== undefined) return { eql, ...reading }
  if (kql !== undefined) return { kql, ...reading }
  const problems: RuleProblem[] = []
  const files = findFiles(sigma === undefined ? rules : [sigma], problems).flatMap((path) => {
    const text = readText(path, problems)
    return text === undefined ? [] : [{ path, text }]
  })
  return { files, ...reading }
}
