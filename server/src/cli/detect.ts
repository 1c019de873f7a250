import { InvalidArgumentError, Option } from 'commander'
import { formatProblem, ProblemError } from '../base/problems.ts'
import { compareOffline } from '../detect/event-lines.ts'
import { OfflineDetector } from '../detect/offline.ts'
import { toFinding } from '../ocsf/finding.ts'
import { LATENESS_MS } from '../detect/source-clock.ts'
import { MULTILINE_HELP } from './input/choose-decoder.ts'
import type { CliContext, RegisterCommand } from './context.ts'
import { addPipeline, PIPELINE_HELP, type PipelineFlag } from './input/pipelines.ts'
import { servedOptions, type ServedFlags } from './input/as-served.ts'
import { chooseRules, type ChosenRules } from './detect/choose-rules.ts'
import { AlertPrinter, writeText } from './detect/print-alerts.ts'
import { Folded } from './detect/folded.ts'
import { EventSorter } from './detect/sort-events.ts'
import { readInput, type InputBatch, type InputFlags } from './detect/read-input.ts'

interface DetectFlags extends ServedFlags {
  readonly rules: readonly string[]
  readonly eql?: string
  readonly kql?: string
  readonly sigma?: string
  readonly decoder?: string
  readonly zone?: string
  readonly option: readonly string[]
  readonly multiline?: string
  readonly ndjson?: boolean
  readonly timestampField?: string
  readonly tiebreakerField?: string
  readonly eventCategoryField?: string
  readonly pipeline?: PipelineFlag
  readonly ignoreLogsource?: boolean
  readonly strict?: boolean
  readonly format: 'json' | 'ocsf'
}

/** `picket detect`: rules over files or standard input; one JSON alert a line. */
export const detectCommand: RegisterCommand = (program, context) => {
  const command = program
    .command('detect')
    .description('Try rules on files: decode, normalize, detect; one JSON alert a line.')
    .option('--rules <path>', 'rule file or folder; may be repeated', collect, [])
    .option('--eql <text>', 'one EQL query instead of --rules', once)
    .option('--kql <text>', 'one KQL query instead of --rules', once)
    .option(
      '--sigma <path>',
      'a Sigma file, or a folder of them, instead of --rules: every match is told',
      once,
    )
    .option('--decoder <name>', 'how the input is written, for example mosquitto or json')
    .option('--zone <zone>', 'zone of time stamps that name none, for example Europe/Berlin')
    .option('--option <key=value>', 'an option of the decoder; may be repeated', collect, [])
    .option('--multiline <how>', MULTILINE_HELP)
  servedOptions(command)
    .option('--ndjson', 'the input is one event a line already')
    .option('--timestamp-field <field>', 'field of the event time (with --ndjson)')
    .option('--tiebreaker-field <field>', 'orders events of the same time (with --ndjson)')
    .option('--event-category-field <field>', 'field of the event category (EQL)')
    .option('--pipeline <name>', PIPELINE_HELP, addPipeline)
    .option('--ignore-logsource', 'try every Sigma rule on every event')
    .addOption(
      new Option('--format <format>', 'json, or ocsf: Detection Findings of OCSF')
        .choices(['json', 'ocsf'])
        .default('json'),
    )
    .option('--strict', 'exit with 2 if any input was rejected')
    .argument('<file...>', 'files, plain or gzip; - is standard input, which is streamed')
    .action(async (files: readonly string[], flags: DetectFlags) => {
      await new DetectRun(files, flags, context).run()
    })
}

/** A second query would take the place of the first without a word. */
function once(value: string, before: string | undefined): string {
  if (before !== undefined) throw new InvalidArgumentError('It can be given once.')
  return value
}

function collect(value: string, before: readonly string[]): readonly string[] {
  return [...before, value]
}

/** Output may wait this long for more input, so that what belongs together is told once. */
const QUIET_MS = 150

class DetectRun {
  readonly #files: readonly string[]
  readonly #flags: DetectFlags
  readonly #context: CliContext
  readonly #chosen: ChosenRules
  readonly #detector: OfflineDetector
  readonly #printer: AlertPrinter
  readonly #stream: boolean
  readonly #routine = new Map<string, number>()
  #counts = { lines: 0, events: 0, rejects: 0, untimed: 0 }

  constructor(files: readonly string[], flags: DetectFlags, context: CliContext) {
    this.#files = files
    this.#flags = flags
    this.#context = context
    this.#chosen = chooseRules(flags, context.clock.now())
    this.#stream = files.includes('-')
    const { ruleSet, adHoc, pipes } = this.#chosen
    this.#detector = new OfflineDetector(ruleSet, {
      tell: adHoc ? 'matches' : 'alerts',
      latenessMs: this.#stream ? LATENESS_MS : 0,
      early: this.#stream && !adHoc,
      ...(this.#stream && { nowMs: () => context.clock.now() }),
    })
    const form = flags.format === 'ocsf' ? toFinding : undefined
    this.#printer = new AlertPrinter(context.stdout, pipes, form)
  }

  async run(): Promise<void> {
    const context = this.#context
    const flags = this.#flags
    await this.#tellProblems()
    const input = readInput(this.#files, inputFlags(flags), context)
    await (this.#stream ? this.#runStream(input) : this.#runFiles(input))
    this.#detector.finish()
    await this.#tell()
    await this.#printer.end()
    await this.#tellSummary()
    if (flags.strict === true && this.#counts.rejects > 0) context.exit(2)
  }

  /** Files are complete: all their events, in the order of event time. */
  async #runFiles(input: AsyncIterable<InputBatch>): Promise<void> {
    const sorter = new EventSorter()
    const folded = new Folded()
    for await (const batch of input) {
      await this.#count(batch)
      sorter.add(batch.events, batch.bytes)
      folded.add(batch.rollups ?? [])
    }
    let count = 0
    for (const event of sorter.sorted()) {
      for (const rollup of folded.until(event.time)) this.#detector.alive(rollup)
      this.#detector.observe(event)
      if (count++ % 5_000 === 0) await this.#tell()
    }
    for (const rollup of folded.until(Number.POSITIVE_INFINITY)) this.#detector.alive(rollup)
  }

  /** A stream: events as they come, within the lateness. */
  async #runStream(input: AsyncIterable<InputBatch>): Promise<void> {
    let quiet: NodeJS.Timeout | undefined
    let told: Promise<void> = Promise.resolve()
    for await (const batch of input) {
      clearTimeout(quiet)
      await told
      await this.#count(batch)
      for (const event of batch.events.toSorted(compareOffline)) this.#detector.observe(event)
      for (const rollup of batch.rollups ?? []) this.#detector.alive(rollup)
      this.#detector.settle()
      quiet = setTimeout(() => {
        told = this.#tell()
      }, QUIET_MS)
    }
    clearTimeout(quiet)
    await told
  }

  async #tell(): Promise<void> {
    await this.#printer.print(this.#detector.take())
  }

  async #count(batch: InputBatch): Promise<void> {
    this.#counts.lines += batch.lines
    this.#counts.events += batch.events.length
    this.#counts.rejects += batch.rejects.length
    this.#counts.untimed += batch.untimed
    for (const [name, count] of Object.entries(batch.routine)) {
      this.#routine.set(name, (this.#routine.get(name) ?? 0) + count)
    }
    let text = ''
    for (const reject of batch.rejects) text += `${JSON.stringify({ reject })}\n`
    await writeText(this.#context.stderr, text)
  }

  async #tellProblems(): Promise<void> {
    const { problems } = this.#chosen
    let text = ''
    for (const problem of problems) text += `picket: ${formatProblem(problem)}\n`
    for (const { ruleId, reason } of this.#detector.stats().left) {
      text += `picket: the rule ${ruleId} does not run: ${reason}\n`
    }
    await writeText(this.#context.stderr, text)
    const broken = problems.some(({ severity }) => severity === 'error')
    if (broken || this.#detector.stats().left.length > 0) this.#context.exit(2)
  }

  async #tellSummary(): Promise<void> {
    const { late, evicted, refused, trimmed, overflowed } = this.#detector.stats()
    const routine = Object.fromEntries([...this.#routine].sort(([a], [b]) => (a < b ? -1 : 1)))
    const losses = { late, evicted, refused, trimmed, overflowed }
    const summary = { ...this.#counts, routine, alerts: this.#printer.printed, ...losses }
    await writeText(this.#context.stderr, `${JSON.stringify({ summary })}\n`)
  }
}

function inputFlags(flags: DetectFlags): InputFlags {
  const { decoder, zone, option, ndjson, multiline, timestampField, tiebreakerField } = flags
  const { assets, lookups, filter, config } = flags
  if ((decoder === undefined) === (ndjson !== true)) {
    const message = 'Say how the input is written: one of --decoder NAME and --ndjson.'
    throw new ProblemError({ code: 'USAGE', message })
  }
  const isJoined = [assets, lookups, filter, config].some((given) => given !== undefined)
  if (ndjson === true && isJoined) {
    const message = 'Events of --ndjson are taken as they are: leave --assets and the like out.'
    throw new ProblemError({ code: 'USAGE', message })
  }
  return {
    option,
    served: {
      ...(assets !== undefined && { assets }),
      ...(lookups !== undefined && { lookups }),
      ...(filter !== undefined && { filter }),
      ...(config !== undefined && { config }),
    },
    fields: {
      ...(timestampField !== undefined && { timestamp: timestampField }),
      ...(tiebreakerField !== undefined && { tiebreaker: tiebreakerField }),
    },
    ...(decoder !== undefined && { decoder }),
    ...(zone !== undefined && { zone }),
    ...(multiline !== undefined && { multiline }),
    ...(ndjson !== undefined && { ndjson }),
  }
}
