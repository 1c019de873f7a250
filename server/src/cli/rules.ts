import { existsSync, writeFileSync } from 'node:fs'
import type { Command } from 'commander'
import { ProblemError } from '../base/problems.ts'
import { isFine } from '../library/format.ts'
import { loadRules, type LoadedRules } from '../library/library.ts'
import { rulesOfIds } from '../detect/rule-subset.ts'
import type { EcsDoc } from '../model/event.ts'
import type { RuleSet } from '../model/rule.ts'
import type { CliContext, RegisterCommand } from './context.ts'
import { type DeskOptions, openDesk } from './desk.ts'
import { addPipeline, PIPELINE_HELP, type PipelineFlag } from './input/pipelines.ts'
import { readEvent, writeClauses } from './read-event.ts'
import { checkLine, checkText, fileLine, problemLines, summaryLine } from './rules/check.ts'
import { coverageOf } from './rules/coverage.ts'
import { explainRules } from './rules/explain.ts'
import { junitOf, runsInItsCases, runTests } from './rules/run-tests.ts'
import { registerRunningRules } from './rules/running.ts'

interface Options {
  readonly json?: boolean
  readonly junit?: string
  readonly pipeline?: PipelineFlag
  readonly ignoreLogsource?: boolean
}

/** `picket rules check|test|list|explain` of files, and those of `running.ts` of a running server. */
export const rulesCommand: RegisterCommand = (program, context) => {
  const rules = program
    .command('rules')
    .description('check, test, list and explain rules; say which run')
  const sub = (name: string, summary: string): Command =>
    rules
      .command(`${name} <path...>`)
      .description(summary)
      .option('--json', 'one JSON object a line')
      .option('--pipeline <name>', PIPELINE_HELP, addPipeline)
      .option('--ignore-logsource', 'leave the log sources of Sigma rules out of account')
  sub('check', 'compile rules and say what is wrong, what they cost and cover').action(
    (paths: string[], options: Options) => check(paths, options, context),
  )
  sub('list', 'list rules').action((paths: string[], options: Options) =>
    list(paths, options, context),
  )
  sub('test', 'run the cases that rules carry')
    .option('--junit <file>', 'write the results as JUnit XML')
    .action((paths: string[], options: Options) => test(paths, options, context))
  rules
    .command('explain <rule> <event>')
    .description(
      'why a rule matches an event or does not; RULE: a file, or the id of a running rule; ' +
        'EVENT: a JSON file, JSON text, or -',
    )
    .option('--json', 'one JSON object a rule')
    .option('--pipeline <name>', PIPELINE_HELP, addPipeline)
    .option('--ignore-logsource', 'leave the log sources of Sigma rules out of account')
    .option('--data <dir>', 'for an id: the data directory; else what the configuration says')
    .option('--config <file>', 'for an id: the configuration file')
    .action(async (rule: string, event: string, options: Options & DeskOptions) => {
      const doc = await readEvent(event, context)
      const running = existsSync(rule) ? undefined : await runningRule(rule, options, context)
      if (running !== undefined) tellExplained(running, doc, { options, context })
      else explainRule(load([rule], options), doc, { options, context })
    })
  registerRunningRules(rules, context)
}

function load(paths: readonly string[], options: Options): LoadedRules {
  return loadRules(paths, {
    ...(options.pipeline === undefined ? {} : { pipeline: options.pipeline }),
    ignoreLogsource: options.ignoreLogsource === true,
  })
}

function failed(loaded: LoadedRules): boolean {
  const broken = loaded.problems.some((problem) => problem.severity === 'error')
  return broken || !loaded.reports.every(isFine)
}

function check(paths: readonly string[], options: Options, context: CliContext): void {
  const loaded = load(paths, options)
  if (options.json === true) {
    for (const problem of loaded.problems) context.stdout.write(`${fileLine(problem)}\n`)
    for (const report of loaded.reports) context.stdout.write(`${checkLine(report)}\n`)
    context.stderr.write(`${summaryLine(loaded)}\n`)
  } else context.stdout.write(checkText(loaded))
  if (failed(loaded)) context.exit(2)
}

function list(paths: readonly string[], options: Options, context: CliContext): void {
  const loaded = load(paths, options)
  for (const { meta, kind, path, ok, tests } of loaded.reports) {
    const { id, title, severity, life, language, author, version, hash, tags } = meta
    const { enterprise, ics } = coverageOf([{ tags }])
    const techniques = [...enterprise, ...ics]
    const about = { path, id, title, kind, language, ok, severity, life, author, hash, techniques }
    const summary = { ...about, version: version ?? null, tests: tests.length }
    const line =
      options.json === true
        ? JSON.stringify(summary)
        : [severity.padEnd(13), ok ? life.padEnd(7) : 'refused', kind.padEnd(11), id, title].join(
            ' ',
          )
    context.stdout.write(`${line}\n`)
  }
  if (!failed(loaded)) return
  for (const line of problemLines(loaded)) context.stderr.write(`${line}\n`)
  context.exit(2)
}

function test(paths: readonly string[], options: Options, context: CliContext): void {
  const loaded = load(paths, options)
  const outcomes = runTests(loaded)
  const bad = outcomes.filter((outcome) => !outcome.passed)
  if (options.junit !== undefined) writeOut(options.junit, junitOf(outcomes))
  for (const outcome of outcomes) {
    const mark = outcome.passed ? 'ok  ' : 'FAIL'
    const { path, line, message } = outcome
    const why = outcome.passed ? '' : ` (${message}) at ${path}:${line}`
    const text = `${mark} ${outcome.rule}: ${outcome.test}${why}`
    context.stdout.write(`${options.json === true ? JSON.stringify(outcome) : text}\n`)
  }
  const untested = loaded.reports.filter((report) => report.tests.length === 0).length
  context.stderr.write(
    `${outcomes.length} cases, ${bad.length} failed; ${untested} documents without cases.\n`,
  )
  const reports = loaded.reports.filter((report) => !runsInItsCases(report))
  if (failed({ ...loaded, reports })) {
    context.stderr.write(checkText(loaded))
    context.exit(2)
  } else if (bad.length > 0) context.exit(1)
}

function writeOut(path: string, text: string): void {
  try {
    writeFileSync(path, text)
  } catch {
    const message = 'The file could not be written.'
    throw new ProblemError({ code: 'OUTPUT_UNWRITABLE', message, at: { file: path } })
  }
}

interface TellOptions {
  readonly options: Options
  readonly context: CliContext
}

/**
 * The rule of this id and what feeds it, as a server has it in force: with exceptions, lists and what was
 * uploaded. Undefined where there is no server and none has left anything.
 */
async function runningRule(
  id: string,
  options: DeskOptions,
  context: CliContext,
): Promise<RuleSet | undefined> {
  const ruleSet = await rulesInForce(options, context)
  if (ruleSet === undefined) return undefined
  const found = rulesOfIds(ruleSet, new Set([id]))
  if (found.matches.length + found.correlations.length > 0) return found
  const message = `There is no file of the name "${id}", and no running rule of this id.`
  throw new ProblemError({ code: 'RULE_UNKNOWN', message, hint: 'see `picket rules running`' })
}

async function rulesInForce(
  options: DeskOptions,
  context: CliContext,
): Promise<RuleSet | undefined> {
  try {
    const desk = await openDesk(options, context)
    try {
      return await desk.rulesInForce()
    } finally {
      await desk.close()
    }
  } catch (error) {
    if (error instanceof ProblemError) return undefined
    throw error
  }
}

function explainRule(loaded: LoadedRules, event: EcsDoc, how: TellOptions): void {
  tellExplained(loaded.ruleSet, event, how)
  if (!failed(loaded)) return
  how.context.stderr.write(checkText(loaded))
  how.context.exit(2)
}

function tellExplained(ruleSet: RuleSet, event: EcsDoc, { options, context }: TellOptions): void {
  for (const one of explainRules(ruleSet, event)) {
    if (options.json === true) {
      context.stdout.write(`${JSON.stringify(one)}\n`)
      continue
    }
    const words =
      one.kind === 'match' ? ['matches', 'does not match'] : ['takes it', 'passes it by']
    context.stdout.write(`${one.rule} (${one.title}) ${one.holds ? words[0] : words[1]}\n`)
    for (const part of one.parts) writeClauses(part, 1, context)
  }
}
