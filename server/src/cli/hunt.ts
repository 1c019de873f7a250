import { sha256Hex } from '../base/hash.ts'
import { formatProblem, ProblemError } from '../base/problems.ts'
import { parseSizeBytes } from '../base/units.ts'
import { compareAlerts } from '../hunt/compare.ts'
import { hunt, type HuntProgress, type HuntSummary } from '../hunt/hunt.ts'
import type { AlertRecord } from '../model/alert.ts'
import type { RuleProblem, RuleSet } from '../model/rule.ts'
import { parseChoice, parseWhen, usage } from './arguments.ts'
import type { CliContext, RegisterCommand } from './context.ts'
import { type ChosenRules, chooseRules, type RuleFlags } from './detect/choose-rules.ts'
import { AlertPrinter, writeText } from './detect/print-alerts.ts'
import { readAssetsNow } from './hunt/assets.ts'
import { type HuntKey, readCheckpoint, type SavedHunt } from './hunt/checkpoint.ts'
import { DayByDay } from './hunt/day-by-day.ts'
import { heapGuard } from './hunt/heap-guard.ts'
import { openPast } from './hunt/past.ts'
import { ProgressLine } from './hunt/progress-line.ts'
import { huntRemotely } from './hunt/remote.ts'

interface HuntFlags extends RuleFlags {
  readonly against?: string
  readonly from: string
  readonly to?: string
  readonly asOf: string
  readonly resume?: string
  readonly memoryMax?: string
  readonly url?: string
  readonly tokenFile?: string
  readonly ca?: string
  readonly data?: string
  readonly config?: string
}

/** `picket hunt`: the same detectors over the stored past; one JSON alert a line. */
export const huntCommand: RegisterCommand = (program, context) => {
  program
    .command('hunt')
    .description('Run rules over the stored past; one JSON alert a line.')
    .option('--rules <path>', 'rule file or folder; may be repeated', collect, [])
    .option('--eql <text>', 'one EQL query instead of --rules')
    .option('--kql <text>', 'one KQL query instead of --rules')
    .option('--sigma <file>', 'one Sigma file instead of --rules')
    .option('--against <path>', 'rules to compare with: tells what is added, gone and the same')
    .option('--pipeline <name>', 'Sigma field mapping: a name, a file, or none')
    .option('--ignore-logsource', 'try every Sigma rule on every event')
    .requiredOption('--from <time>', 'from when: 2h, 7d, or ISO 8601')
    .option('--to <time>', 'until when; now unless given')
    .option('--as-of <when>', 'assets as they were (then) or as they are (now)', 'then')
    .option('--resume <file>', 'keep a checkpoint there, day by day, and go on from it')
    .option('--memory-max <size>', 'end when the hunt holds more than this, for example 1GiB')
    .option('--url <address>', 'ask this server, with the token in PICKET_TOKEN')
    .option('--token-file <file>', 'file that holds the token for --url')
    .option('--ca <file>', "who signed the server's certificate, if no public authority (PEM)")
    .option('--data <dir>', 'the data directory; else what the configuration says')
    .option('--config <file>', 'the configuration file')
    .action((flags: HuntFlags) => run(flags, context))
}

function collect(value: string, before: readonly string[]): readonly string[] {
  return [...before, value]
}

async function run(flags: HuntFlags, context: CliContext): Promise<void> {
  const asOf = parseChoice(flags.asOf, ['then', 'now'] as const, '--as-of')
  checkFlags(flags)
  const guard = flags.memoryMax === undefined ? undefined : heapGuard(parseMemory(flags.memoryMax))
  const nowMs = context.clock.now()
  const chosen = chooseRules({ ...flags, learning: true }, nowMs)
  const current = currentRules(flags, nowMs)
  if (flags.url !== undefined) {
    return underInterrupt(context, (signal, progress) => {
      const { url = '' } = flags
      const remote = { ...flags, url, asOf, ...rangeOf(flags, nowMs) }
      return huntRemotely(remote, chosen, { signal, progress, context })
    })
  }
  tellProblems([...chosen.problems, ...(current?.problems ?? [])], context)
  const asOfNow = asOf === 'now' ? await readAssetsNow(flags, context) : undefined
  const key = { ...keyOf(flags, chosen.ruleSet), assets: asOfNow?.hash ?? '' }
  const resuming = resumed(flags, chosen, key)
  const range = resuming ?? { ...rangeOf(flags, nowMs), nowMs }
  const past = await openPast(flags, context)
  try {
    await underInterrupt(context, async (signal, progress) => {
      const common = {
        ...{ fromMs: range.fromMs, toMs: range.toMs, nowMs: range.nowMs },
        ...{ signal, rollups: past.rollups },
        ...(asOfNow !== undefined && { asOfNow }),
        ...(guard !== undefined && { check: guard }),
        onProgress: (how: HuntProgress) => progress.show(how),
      }
      const huntFor = (ruleSet: RuleSet, tell: 'alerts' | 'matches', more = {}): Hunt =>
        hunt(past.source, { ...common, ...more, ruleSet, tell })
      if (current !== undefined) {
        const before = huntFor(current.ruleSet, 'alerts')
        await tellChanges(before, huntFor(chosen.ruleSet, 'alerts'), progress, context)
        return
      }
      const tell = chosen.adHoc ? 'matches' : 'alerts'
      const printer = new AlertPrinter(context.stdout, chosen.pipes)
      const { resume: file } = flags
      const days = file === undefined ? undefined : new DayByDay(file, { key, range, printer })
      const more = days && { onDay: days.onDay, ...days.resumeFrom(resuming) }
      const tellTo = days ?? printer
      await tellAlerts(huntFor(chosen.ruleSet, tell, more), { printer, tellTo }, progress, context)
      days?.done()
    })
  } catch (error) {
    if (flags.resume !== undefined) context.stderr.write(GO_ON)
    throw error
  } finally {
    await past.close()
  }
}

/** Ctrl-C calls it off. */
async function underInterrupt(
  context: CliContext,
  work: (signal: AbortSignal, progress: ProgressLine) => Promise<void>,
): Promise<void> {
  const progress = new ProgressLine(context)
  const interrupted = new AbortController()
  const stop = (): void => interrupted.abort()
  process.once('SIGINT', stop)
  try {
    await work(interrupted.signal, progress)
  } finally {
    process.off('SIGINT', stop)
    progress.clear()
  }
}

function checkFlags({ resume, against, url, data, config, memoryMax }: HuntFlags): void {
  if (resume !== undefined && against !== undefined) {
    throw usage('--resume does not go with --against')
  }
  if (url === undefined) return
  if (data !== undefined || config !== undefined) {
    throw usage('--url asks a server; --data and --config are of this machine')
  }
  if (resume !== undefined || memoryMax !== undefined) {
    throw usage(
      "with --url the server's own limits hold; --resume and --memory-max do not go with it",
    )
  }
}

const GO_ON = 'picket: the days done so far are kept; the same command goes on from there\n'

function rangeOf(flags: HuntFlags, nowMs: number): { fromMs: number; toMs: number } {
  const fromMs = parseWhen(flags.from, nowMs, '--from')
  const toMs = flags.to === undefined ? nowMs : parseWhen(flags.to, nowMs, '--to')
  if (fromMs >= toMs) throw usage('--from must be earlier than --to')
  return { fromMs, toMs }
}

function currentRules(flags: HuntFlags, nowMs: number): ChosenRules | undefined {
  const { against, pipeline, ignoreLogsource } = flags
  if (against === undefined) return undefined
  const reading = {
    learning: true,
    ...(pipeline !== undefined && { pipeline }),
    ...(ignoreLogsource !== undefined && { ignoreLogsource }),
  }
  return chooseRules({ rules: [against], ...reading }, nowMs)
}

function tellProblems(problems: readonly RuleProblem[], context: CliContext): void {
  for (const problem of problems) context.stderr.write(`picket: ${formatProblem(problem)}\n`)
  if (problems.some(({ severity }) => severity === 'error')) context.exit(2)
}

function parseMemory(text: string): number {
  const bytes = parseSizeBytes(text)
  if (bytes !== undefined && bytes >= MEMORY_BYTES_MIN) return bytes
  throw usage('--memory-max takes a size such as 512MiB or 2GiB, at least 64MiB')
}

const MEMORY_BYTES_MIN = 64 * 2 ** 20

/** The hunt that the file of `--resume` is of; undefined where it begins. */
function resumed(flags: HuntFlags, chosen: ChosenRules, key: HuntKey): SavedHunt | undefined {
  if (flags.resume === undefined) return undefined
  if (chosen.pipes.length > 0) throw usage('--resume does not go with | head and | tail')
  return readCheckpoint(flags.resume, key)
}

function keyOf(flags: HuntFlags, ruleSet: RuleSet): HuntKey {
  const { from, to = '', asOf } = flags
  const rules = sha256Hex(JSON.stringify(ruleSet))
  return { rules, '--from': from, '--to': to, '--as-of': asOf }
}

type Hunt = ReturnType<typeof hunt>

async function tellAlerts(
  running: Hunt,
  to: { readonly printer: AlertPrinter; readonly tellTo: Pick<AlertPrinter, 'print' | 'end'> },
  progress: ProgressLine,
  context: CliContext,
): Promise<void> {
  const startedMs = performance.now()
  let step = await running.next()
  for (; step.done !== true; step = await running.next()) await to.tellTo.print(step.value)
  await to.tellTo.end()
  progress.clear()
  const elapsedMs = Math.round(performance.now() - startedMs)
  // Pipes tell fewer than were found; what goes on tells those that are left.
  const alerts = to.tellTo === to.printer ? to.printer.printed : step.value.alerts
  await tellSummary(step.value, { alerts, elapsedMs }, context)
}

/** A line an alert, as the proposed rules tell it, with what the change of rules means for it. */
async function tellChanges(
  current: Hunt,
  proposed: Hunt,
  progress: ProgressLine,
  context: CliContext,
): Promise<void> {
  const startedMs = performance.now()
  const before = await collectAlerts(current)
  const after = await collectAlerts(proposed)
  const counts = { added: 0, gone: 0, same: 0 }
  for (const compared of compareAlerts(before.alerts, after.alerts)) {
    counts[compared.change] += 1
    await writeText(context.stdout, `${JSON.stringify(compared)}\n`)
  }
  progress.clear()
  const elapsedMs = Math.round(performance.now() - startedMs)
  await tellSummary(after.summary, { ...counts, elapsedMs }, context)
}

const COMPARED_MAX = 100_000

async function collectAlerts(
  running: Hunt,
): Promise<{ readonly alerts: readonly AlertRecord[]; readonly summary: HuntSummary }> {
  const alerts: AlertRecord[] = []
  for (;;) {
    const step = await running.next()
    if (step.done === true) return { alerts, summary: step.value }
    alerts.push(...step.value)
    if (alerts.length > COMPARED_MAX) {
      const message = `There are more than ${COMPARED_MAX} alerts to compare.`
      throw new ProblemError({ code: 'STORE_LIMIT', message, hint: 'narrow --from and --to' })
    }
  }
}

async function tellSummary(
  summary: HuntSummary,
  more: Readonly<Record<string, number>>,
  context: CliContext,
): Promise<void> {
  let text = ''
  const { readFromMs, readToMs, left, unknowable, ...counts } = summary
  for (const { ruleId, reason } of left) {
    text += `picket: the rule ${ruleId} does not run: ${reason}\n`
  }
  for (const ruleId of unknowable) {
    text += `picket: the rule ${ruleId} is left out: events do not tell of a source's silence\n`
  }
  const [from, to] = [readFromMs, readToMs].map((ms) => new Date(ms).toISOString())
  const told = { ...counts, ...more, read: { from, to } }
  await writeText(context.stderr, `${text}${JSON.stringify({ summary: told })}\n`)
  if (left.length > 0) context.exit(2)
}
