import { existsSync } from 'node:fs'
import { sha256Hex } from '../base/hash.ts'
import { parseSizeBytes } from '../base/units.ts'
import { currentOf, type JobRange } from '../hunt/job.ts'
import type { RuleProblem, RuleSet } from '../model/rule.ts'
import { parseChoice, parseWhen, usage } from './arguments.ts'
import type { CliContext, RegisterCommand } from './context.ts'
import { openDesk } from './desk.ts'
import { type ChosenRules, chooseRules, type RuleFlags } from './detect/choose-rules.ts'
import type { AlertPrinter } from './detect/print-alerts.ts'
import { readAssetsNow } from './hunt/assets.ts'
import { type HuntKey, readCheckpoint, type SavedHunt } from './hunt/checkpoint.ts'
import { DayByDay } from './hunt/day-by-day.ts'
import { heapGuard } from './hunt/heap-guard.ts'
import { huntInProcess } from './hunt/here.ts'
import { openPast } from './hunt/past.ts'
import { ProgressLine } from './hunt/progress-line.ts'
import { huntRemotely } from './hunt/remote.ts'
import { tellHunt, tellProblems } from './hunt/told.ts'
import { addPipeline, PIPELINE_HELP } from './input/pipelines.ts'

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
    .option(
      '--against <path>',
      'rules to compare with, or current: those now running, by their ids',
    )
    .option('--pipeline <name>', PIPELINE_HELP, addPipeline)
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
  const memoryBytesMax = flags.memoryMax === undefined ? undefined : parseMemory(flags.memoryMax)
  const nowMs = context.clock.now()
  const chosen = chooseRules({ ...flags, learning: true }, nowMs)
  const compared = comparedRules(flags, nowMs)
  const rules = { chosen, compared }
  const { url } = flags
  try {
    if (url === undefined) return await huntLocally({ ...flags, asOf }, rules, nowMs, context)
    const key = keyOf(flags, chosen.ruleSet, compared?.ruleSet)
    const resuming = resumed(flags, chosen, key)
    const range = resuming ?? { ...rangeOf(flags, nowMs), nowMs }
    const { checkpoint } = resuming ?? {}
    const asked = {
      ...{ ...flags, url, asOf, fromMs: range.fromMs, toMs: range.toMs },
      keep: flags.resume !== undefined,
      ...(memoryBytesMax !== undefined && { memoryBytesMax }),
      ...(checkpoint !== undefined && { checkpoint }),
    }
    const { adHoc, pipes } = chosen
    await underInterrupt(context, (signal, progress) =>
      tellHunt(huntRemotely(asked, { adHoc, signal, context }), {
        ...{ context, progress, pipes },
        ...daysOf(flags, key, range, resuming),
      }),
    )
  } catch (error) {
    if (flags.resume !== undefined && existsSync(flags.resume)) context.stderr.write(GO_ON)
    throw error
  }
}

interface Rules {
  readonly chosen: ChosenRules
  /** Of `--against`; undefined where it is not given, or is `current`. */
  readonly compared: ChosenRules | undefined
}

async function huntLocally(
  flags: HuntFlags & { readonly asOf: 'then' | 'now' },
  { chosen, compared }: Rules,
  nowMs: number,
  context: CliContext,
): Promise<void> {
  const current =
    flags.against === 'current' ? await runningRules(flags, chosen, context) : compared
  tellProblems([...chosen.problems, ...(current?.problems ?? [])], context)
  const asOfNow = flags.asOf === 'now' ? await readAssetsNow(flags, context) : undefined
  const against = current?.ruleSet
  const key = { ...keyOf(flags, chosen.ruleSet, against), assets: asOfNow?.hash ?? '' }
  const resuming = resumed(flags, chosen, key)
  const range = resuming ?? { ...rangeOf(flags, nowMs), nowMs }
  const { checkpoint } = resuming ?? {}
  const { fromMs, toMs } = range
  const job: JobRange = {
    ...{ fromMs, toMs, nowMs: range.nowMs },
    alertsMax: against === undefined ? Number.POSITIVE_INFINITY : COMPARED_MAX,
    ...(asOfNow !== undefined && { asOfNow }),
    ...(flags.resume !== undefined && { keepBytesMax: Number.POSITIVE_INFINITY }),
    ...(checkpoint !== undefined && { resume: Buffer.from(checkpoint, 'base64') }),
  }
  const { ruleSet, adHoc, pipes } = chosen
  const tell = adHoc && against === undefined ? 'matches' : 'alerts'
  const guard =
    flags.memoryMax === undefined ? {} : { check: heapGuard(parseMemory(flags.memoryMax)) }
  const past = await openPast(flags, context)
  try {
    await underInterrupt(context, (signal, progress) =>
      tellHunt(huntInProcess(job, { ruleSet, tell, against }, { past, signal, ...guard }), {
        ...{ context, progress, pipes },
        ...daysOf(flags, key, range, resuming),
      }),
    )
  } finally {
    await past.close()
  }
}

const COMPARED_MAX = 100_000

/** Those that are proposed anew, as they run now. */
async function runningRules(
  flags: HuntFlags,
  { ruleSet }: ChosenRules,
  context: CliContext,
): Promise<{ readonly ruleSet: RuleSet; readonly problems: readonly RuleProblem[] }> {
  const desk = await openDesk(flags, context)
  try {
    return currentOf(ruleSet, await desk.rulesInForce())
  } finally {
    await desk.close()
  }
}

/** What `--resume` keeps. */
function daysOf(
  { resume: file }: HuntFlags,
  key: HuntKey,
  range: Pick<SavedHunt, 'fromMs' | 'toMs' | 'nowMs'>,
  resuming: SavedHunt | undefined,
): { readonly days?: (printer: AlertPrinter) => DayByDay } {
  if (file === undefined) return {}
  return {
    days: (printer) => {
      const days = new DayByDay(file, { key, range, printer })
      if (resuming === undefined) days.begin()
      return days
    },
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

function checkFlags({ against, eql, kql, url, data, config }: HuntFlags): void {
  if (against === 'current' && (eql !== undefined || kql !== undefined)) {
    throw usage('--against current compares rules by their ids; a query has none')
  }
  if (url !== undefined && (data !== undefined || config !== undefined)) {
    throw usage('--url asks a server; --data and --config are of this machine')
  }
}

const GO_ON = 'picket: the days done so far are kept; the same command goes on from there\n'

function rangeOf(flags: HuntFlags, nowMs: number): { fromMs: number; toMs: number } {
  const fromMs = parseWhen(flags.from, nowMs, '--from')
  const toMs = flags.to === undefined ? nowMs : parseWhen(flags.to, nowMs, '--to')
  if (fromMs >= toMs) throw usage('--from must be earlier than --to')
  return { fromMs, toMs }
}

function comparedRules(flags: HuntFlags, nowMs: number): ChosenRules | undefined {
  const { against, pipeline, ignoreLogsource } = flags
  if (against === undefined || against === 'current') return undefined
  const reading = {
    learning: true,
    ...(pipeline !== undefined && { pipeline }),
    ...(ignoreLogsource !== undefined && { ignoreLogsource }),
  }
  return chooseRules({ rules: [against], ...reading }, nowMs)
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

function keyOf(flags: HuntFlags, ruleSet: RuleSet, against: RuleSet | undefined): HuntKey {
  const { from, to = '', asOf, url = '', against: other = '' } = flags
  const [rules, others] = [ruleSet, against].map((set) => sha256Hex(JSON.stringify(set ?? null)))
  const range = { '--from': from, '--to': to, '--as-of': asOf, '--url': url }
  return { rules: rules!, 'rules to compare with': `${other} ${others}`, ...range }
}
