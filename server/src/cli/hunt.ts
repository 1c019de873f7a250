import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { randomBytes } from 'node:crypto'
import { SILENT } from '../base/log.ts'
import { formatProblem, ProblemError } from '../base/problems.ts'
import { loadConfig } from '../config/config.ts'
import { hunt, type EventSource, type HuntProgress, type HuntSummary } from '../hunt/hunt.ts'
import type { RollupSource } from '../hunt/hunt.ts'
import { compareAlerts } from '../hunt/compare.ts'
import type { AlertRecord } from '../model/alert.ts'
import type { QueryPipe } from '../model/query.ts'
import type { RuleSet } from '../model/rule.ts'
import { controlSocket } from '../state/location.ts'
import { connectStore, type ConnectOptions } from '../store/client.ts'
import { startStoreEngine } from '../store/engine/engine.ts'
import { streamRollups } from '../store/search/rollup-stream.ts'
import { streamEvents } from '../store/search/stream.ts'
import { openDataDir } from '../vault/directory.ts'
import { parseChoice, parseWhen, usage } from './arguments.ts'
import type { CliContext, RegisterCommand } from './context.ts'
import { readAssetsNow } from './hunt-assets.ts'
import { chooseRules, type RuleFlags } from './detect/choose-rules.ts'
import { AlertPrinter, writeText } from './detect/print-alerts.ts'
import { createSocketClient, isServed } from './socket-client.ts'

interface HuntFlags extends RuleFlags {
  readonly against?: string
  readonly from: string
  readonly to?: string
  readonly asOf: string
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
    .option('--data <dir>', 'the data directory; else what the configuration says')
    .option('--config <file>', 'the configuration file')
    .action((flags: HuntFlags) => run(flags, context))
}

function collect(value: string, before: readonly string[]): readonly string[] {
  return [...before, value]
}

async function run(flags: HuntFlags, context: CliContext): Promise<void> {
  const nowMs = context.clock.now()
  const fromMs = parseWhen(flags.from, nowMs, '--from')
  const toMs = flags.to === undefined ? nowMs : parseWhen(flags.to, nowMs, '--to')
  if (fromMs >= toMs) throw usage('--from must be earlier than --to')
  const asOf = parseChoice(flags.asOf, ['then', 'now'] as const, '--as-of')
  const chosen = chooseRules({ ...flags, learning: true }, nowMs)
  const { against, pipeline, ignoreLogsource } = flags
  const reading = {
    learning: true,
    ...(pipeline !== undefined && { pipeline }),
    ...(ignoreLogsource !== undefined && { ignoreLogsource }),
  }
  const current =
    against === undefined ? undefined : chooseRules({ rules: [against], ...reading }, nowMs)
  const problems = [...chosen.problems, ...(current?.problems ?? [])]
  for (const problem of problems) context.stderr.write(`picket: ${formatProblem(problem)}\n`)
  if (problems.some(({ severity }) => severity === 'error')) context.exit(2)
  const asOfNow = asOf === 'now' ? await readAssetsNow(flags, context) : undefined
  const past = await openPast(flags, context)
  const progress = new ProgressLine(context)
  const interrupted = new AbortController()
  const stop = (): void => interrupted.abort()
  process.once('SIGINT', stop)
  const common = {
    ...{ fromMs, toMs, nowMs, signal: interrupted.signal, rollups: past.rollups },
    ...(asOfNow !== undefined && { asOfNow }),
    onProgress: (how: HuntProgress) => progress.show(how),
  }
  const huntFor = (ruleSet: RuleSet, tell: 'alerts' | 'matches'): Hunt =>
    hunt(past.source, { ...common, ruleSet, tell })
  try {
    if (current === undefined) {
      const tell = chosen.adHoc ? 'matches' : 'alerts'
      await tellAlerts(huntFor(chosen.ruleSet, tell), chosen.pipes, progress, context)
    } else {
      const before = huntFor(current.ruleSet, 'alerts')
      await tellChanges(before, huntFor(chosen.ruleSet, 'alerts'), progress, context)
    }
  } finally {
    process.off('SIGINT', stop)
    progress.clear()
    await past.close()
  }
}

type Hunt = ReturnType<typeof hunt>

async function tellAlerts(
  running: Hunt,
  pipes: readonly QueryPipe[],
  progress: ProgressLine,
  context: CliContext,
): Promise<void> {
  const startedMs = performance.now()
  const printer = new AlertPrinter(context.stdout, pipes)
  let step = await running.next()
  for (; step.done !== true; step = await running.next()) await printer.print(step.value)
  await printer.end()
  progress.clear()
  const elapsedMs = Math.round(performance.now() - startedMs)
  await tellSummary(step.value, { alerts: printer.printed, elapsedMs }, context)
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

interface Past {
  readonly source: EventSource
  readonly rollups: RollupSource
  close(): Promise<void>
}

/**
 * The store of a running server, by a pass from its control socket; else the data directory is
 * taken and its store started for this command. Either way the work is done in this process.
 */
async function openPast(flags: HuntFlags, context: CliContext): Promise<Past> {
  const loaded = await loadConfig(flags.config)
  if (!loaded.ok) throw new ProblemError(loaded.problem)
  const data = flags.data ?? loaded.value.data
  const socket = controlSocket(data)
  if (existsSync(socket) && (await isServed(socket))) {
    const pass = await createSocketClient(socket).post('/api/v1/store/pass')
    const reader = connectStore(pass as ConnectOptions)
    return { ...sourcesOf(reader), close: () => reader.close() }
  }
  const folder = join(data, 'store')
  if (!existsSync(folder)) {
    const message = 'No server is running on this data directory, and it holds no events.'
    const hint = 'name the data directory with --data'
    throw new ProblemError({ code: 'STATE_MISSING', message, at: { file: data }, hint })
  }
  const dataDir = await openDataDir(data)
  const { memory_max: memoryBytesMax, threads_max: threadsMax } = loaded.value.store
  const started = startStoreEngine({
    dataDir: join(dataDir.path, 'store'),
    limits: { memoryBytesMax, threadsMax },
    log: SILENT,
    metrics: context.metrics,
  })
  if (!started.ok) {
    dataDir.release()
    throw new ProblemError(started.problem)
  }
  const engine = started.value
  const close = async (): Promise<void> => {
    await engine.stop()
    dataDir.release()
  }
  if (await engine.whenReady(AbortSignal.timeout(START_MS_MAX))) {
    return { ...sourcesOf(engine.client('reader')), close }
  }
  const state = engine.state()
  await close()
  throw new ProblemError(
    state.kind === 'down'
      ? state.problem
      : { code: 'STORE_UNAVAILABLE', message: 'The store did not start in time.' },
  )
}

const START_MS_MAX = 60_000

function sourcesOf(reader: ReturnType<typeof connectStore>): Pick<Past, 'source' | 'rollups'> {
  const queryName = `picket-hunt-${randomBytes(12).toString('hex')}`
  return {
    source: (how) => streamEvents({ reader, queryName }, how),
    rollups: (range) => streamRollups({ reader, queryName }, range),
  }
}

const SHOW_EVERY_MS = 250

/** One line on a terminal, written over again and again. */
class ProgressLine {
  readonly #context: CliContext
  #shownMs = Number.NEGATIVE_INFINITY
  #shown = false

  constructor(context: CliContext) {
    this.#context = context
  }

  show({ events, total, timeMs }: HuntProgress): void {
    const nowMs = performance.now()
    if (!this.#context.interactive || nowMs - this.#shownMs < SHOW_EVERY_MS) return
    this.#shownMs = nowMs
    this.#shown = true
    const share = total === 0 ? 100 : Math.floor((events / total) * 100)
    const at = new Date(timeMs).toISOString().slice(0, 16)
    this.#context.stderr.write(`\r${share}% of ${total} events, at ${at}Z `)
  }

  clear(): void {
    if (this.#shown) this.#context.stderr.write('\r\u001b[K')
    this.#shown = false
  }
}
