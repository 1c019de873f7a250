import { formatProblem, type Problem, ProblemError } from '../../base/problems.ts'
import type { AlertRecord } from '../../model/alert.ts'
import type { QueryPipe } from '../../model/query.ts'
import type { RuleProblem } from '../../model/rule.ts'
import type { CliContext } from '../context.ts'
import { AlertPrinter, writeText } from '../detect/print-alerts.ts'
import { DayByDay } from './day-by-day.ts'
import type { ProgressLine } from './progress-line.ts'

/** What a hunt tells as it goes, done here or by a server: a line of the server's answer. */
export interface HuntLine {
  readonly problems?: readonly RuleProblem[]
  readonly progress?: { readonly events: number; readonly total: number; readonly at: string }
  readonly change?: string
  readonly alert?: AlertRecord
  /** Base64. */
  readonly checkpoint?: string
  readonly summary?: Readonly<Record<string, unknown>>
  readonly problem?: Problem
}

export interface TellOptions {
  readonly context: CliContext
  readonly progress: ProgressLine
  readonly pipes: readonly QueryPipe[]
  /** What `--resume` keeps. */
  readonly days?: (printer: AlertPrinter) => DayByDay
}

/** Prints what a hunt tells. Throws the problem that it ended with. */
export async function tellHunt(
  lines: AsyncIterable<HuntLine>,
  { context, progress, pipes, days: daysOf }: TellOptions,
): Promise<void> {
  const startedMs = performance.now()
  const printer = new AlertPrinter(context.stdout, pipes)
  const days = daysOf?.(printer)
  const to = days ?? printer
  for await (const line of lines) {
    if (line.problem !== undefined) throw new ProblemError(line.problem)
    if (line.progress !== undefined) {
      const { events, total, at } = line.progress
      progress.show({ events, total, timeMs: Date.parse(at) })
    } else if (line.change !== undefined) {
      await writeText(context.stdout, `${JSON.stringify(line)}\n`)
    } else if (line.alert !== undefined) await to.print([line.alert])
    else if (line.checkpoint !== undefined) await days?.keep(line.checkpoint)
    else if (line.problems !== undefined) tellProblems(line.problems, context)
    else if (line.summary !== undefined) {
      await to.end()
      progress.clear()
      const elapsedMs = Math.round(performance.now() - startedMs)
      // Pipes tell fewer than were found; what goes on tells those that are left.
      const alerts = pipes.length > 0 ? printer.printed : line.summary['alerts']
      await tellSummary(line.summary, { alerts, elapsedMs }, context)
      days?.done()
      return
    }
  }
  const message = 'The connection ended before the hunt did; what was told before stands.'
  throw new ProblemError({ code: 'API_SOCKET', message })
}

export function tellProblems(problems: readonly RuleProblem[], context: CliContext): void {
  for (const problem of problems) context.stderr.write(`picket: ${formatProblem(problem)}\n`)
  if (problems.some(({ severity }) => severity === 'error')) context.exit(2)
}

async function tellSummary(
  summary: Readonly<Record<string, unknown>>,
  here: { readonly alerts: unknown; readonly elapsedMs: number },
  context: CliContext,
): Promise<void> {
  const {
    left,
    unknowable,
    alerts: _,
    ...counts
  } = summary as {
    readonly left: readonly { readonly ruleId: string; readonly reason: string }[]
    readonly unknowable: readonly string[]
    readonly alerts: number
  }
  const lines = [
    ...left.map(({ ruleId, reason }) => `the rule ${ruleId} does not run: ${reason}`),
    ...unknowable.map(
      (ruleId) => `the rule ${ruleId} is left out: events do not tell of a source's silence`,
    ),
  ]
  const { alerts, elapsedMs } = here
  const isCompared = 'added' in counts
  const shown = { ...(!isCompared && { alerts }), ...counts, elapsedMs }
  const text = lines.map((line) => `picket: ${line}\n`).join('')
  await writeText(context.stderr, `${text}${JSON.stringify({ summary: shown })}\n`)
  if (left.length > 0) context.exit(2)
}
