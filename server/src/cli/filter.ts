import { existsSync } from 'node:fs'
import type { Command } from 'commander'
import { ProblemError } from '../base/problems.ts'
import { loadConfig } from '../config/config.ts'
import { filterSettings } from '../config/filter-section.ts'
import type { Config } from '../config/schema.ts'
import { BUILTIN_TESTS } from '../ingest/filter/builtin.ts'
import { Filter } from '../ingest/filter/filter.ts'
import type { CompiledEntry } from '../ingest/filter/policy.ts'
import { createPreparer } from '../ingest/prepare.ts'
import { loadRules } from '../library/library.ts'
import type { EcsDoc } from '../model/event.ts'
import type { SearchAnswer } from '../model/search.ts'
import { explain } from '../rule/explain.ts'
import { chooseDecoder, decoderOptions } from './input/choose-decoder.ts'
import type { CliContext, RegisterCommand } from './context.ts'
import { openDesk } from './desk.ts'
import { openServed } from './input/as-served.ts'
import { testPolicy, unseenByRules } from './filter/run-tests.ts'
import { readEvent, readText, writeReasons } from './read-event.ts'

interface Flags {
  readonly config?: string
  readonly data?: string
  readonly json?: boolean
  readonly decoder?: string
  readonly option: readonly string[]
  readonly rules: readonly string[]
}

const collect = (value: string, before: readonly string[]): readonly string[] => [...before, value]
const LINES_MAX = 10_000

/** `picket filter explain EVENT`, `picket filter test` and `picket filter list`. */
export const filterCommand: RegisterCommand = (program, context) => {
  const filter = program
    .command('filter')
    .description('Ask the security filter what it keeps and what it folds, and why.')
  const sub = (name: string): Command =>
    filter
      .command(name)
      .option('--config <file>', 'the configuration file; else the built-in policy')
      .option('--json', 'one JSON object a line')
  sub('explain')
    .description('Which entry decides on an event, and why.')
    .argument(
      '<event>',
      'a JSON file, JSON text, - for standard input, or the id of a stored event',
    )
    .option('--decoder <name>', 'the input is raw lines, to be decoded first')
    .option('--option <key=value>', 'an option of the decoder; may be repeated', collect, [])
    .option('--data <dir>', 'the data directory; else what the configuration says')
    .action((event: string, flags: Flags) => explainEvents(event, flags, context))
  sub('test')
    .description('Hold the policy against its cases, and against those of rules.')
    .option('--rules <path>', 'rules that must see the events of their own cases', collect, [])
    .action((flags: Flags) => test(flags, context))
  sub('list')
    .description('The entries of the policy, in the order they are tried.')
    .action((flags: Flags) => list(flags, context))
}

async function load(flags: Flags): Promise<{ config: Config; filter: Filter }> {
  const loaded = await loadConfig(flags.config)
  if (!loaded.ok) throw new ProblemError(loaded.problem)
  return { config: loaded.value, filter: new Filter(filterSettings(loaded.value.filter)) }
}

async function explainEvents(event: string, flags: Flags, context: CliContext): Promise<void> {
  const { filter } = await load(flags)
  for (const doc of await eventsOf(event, flags, context)) {
    const decision = filter.decide(doc)
    if (flags.json === true) {
      const { name, keep, reason, when } = decision
      context.stdout.write(`${JSON.stringify({ entry: name, keep, reason, when })}\n`)
    } else tell(doc, decision, filter, context)
  }
}

const KEPT = {
  security: 'kept as a security event',
  routine: 'folded into a rollup of its device',
  both: 'kept as a security event, and counted in a rollup of its device',
} as const

function tell(doc: EcsDoc, decision: CompiledEntry, filter: Filter, context: CliContext): void {
  const { name, keep, reason, when, condition } = decision
  context.stdout.write(`${KEPT[keep]}, by the entry ${name}: ${reason}\n  when: ${when}\n`)
  writeReasons(explain(condition, doc), 1, context)
  const before = filter.settings.policy.entries
  const passed = before.slice(0, before.indexOf(decision)).map((entry) => entry.name)
  if (passed.length > 0) context.stdout.write(`  did not hold before: ${passed.join(', ')}\n`)
}

async function eventsOf(
  event: string,
  flags: Flags,
  context: CliContext,
): Promise<readonly EcsDoc[]> {
  if (flags.decoder !== undefined) return decoded(flags.decoder, event, flags, context)
  const isId = /^[A-Za-z0-9_-]{8,128}$/.test(event) && !existsSync(event)
  return isId ? [await stored(event, flags, context)] : [await readEvent(event, context)]
}

async function decoded(
  name: string,
  path: string,
  flags: Flags,
  context: CliContext,
): Promise<readonly EcsDoc[]> {
  const decoderSpec = chooseDecoder(name)
  // Conditions may ask for what the table of assets or a lookup says.
  const { config } = flags
  const served = await openServed(config === undefined ? {} : { config }, context)
  const { enricher } = served.options
  const preparer = createPreparer({
    ...(enricher !== undefined && { enricher }),
    source: 'cli',
    decoderSpec,
    decoderOptions: decoderOptions(decoderSpec, flags.option, undefined),
    tenant: 'default',
    skewMs: Number.POSITIVE_INFINITY,
  })
  const receivedMs = context.clock.now()
  const lines = (await readText(path, context)).split('\n').slice(0, LINES_MAX)
  const items = lines
    .filter((text) => text !== '')
    .map((text, index) => ({ text, key: String(index + 1), receivedMs }))
  const { batch } = preparer.prepare({ items }, receivedMs)
  const rest = preparer.settle(receivedMs)?.batch.events ?? []
  served.close()
  for (const { code, message, key = '' } of batch.deadLetters ?? []) {
    context.stderr.write(`line ${key}: ${code}: ${message}\n`)
  }
  const routine = Object.entries(batch.routine ?? {})
  for (const [kind, count] of routine) {
    context.stderr.write(`${count} lines are no events: the decoder calls them ${kind}\n`)
  }
  return [...(batch.events ?? []), ...rest].map(({ doc }) => doc)
}

async function stored(id: string, flags: Flags, context: CliContext): Promise<EcsDoc> {
  const desk = await openDesk(flags, context)
  try {
    const body = { values: { ids: id }, limit: 1 }
    const found = (await desk.server?.post('/api/v1/search/templates/events', body)) as
      | SearchAnswer
      | undefined
    const doc = found?.rows[0]?.at(-1)
    if (doc !== null && typeof doc === 'object') return doc as EcsDoc
    const message =
      found === undefined
        ? `There is no file ${id}, and no server runs that could be asked for an event of this id.`
        : `There is no stored event of the id ${id}.`
    throw new ProblemError({ code: 'INPUT_UNREADABLE', message })
  } finally {
    await desk.close()
  }
}

async function list(flags: Flags, context: CliContext): Promise<void> {
  const { filter } = await load(flags)
  for (const { name, keep, when, reason } of filter.settings.policy.entries) {
    const text = `${keep.padEnd(9)}${name}: ${when}\n         ${reason}`
    context.stdout.write(
      `${flags.json === true ? JSON.stringify({ name, keep, when, reason }) : text}\n`,
    )
  }
}

async function test(flags: Flags, context: CliContext): Promise<void> {
  const { config, filter } = await load(flags)
  const isBuiltin = config.filter.policy.every((entry) => entry === 'builtin')
  const cases = [...(isBuiltin ? BUILTIN_TESTS : []), ...config.filter.tests]
  const outcomes = [
    ...testPolicy(filter, cases),
    ...(flags.rules.length === 0 ? [] : unseenByRules(filter, loadRules(flags.rules))),
  ]
  for (const { name, passed, message } of outcomes) {
    const text = `${passed ? 'ok  ' : 'FAIL'} ${name}${passed ? '' : ` (${message})`}`
    const line = flags.json === true ? JSON.stringify({ name, passed, message }) : text
    context.stdout.write(`${line}\n`)
  }
  const bad = outcomes.filter(({ passed }) => !passed).length
  context.stderr.write(`${outcomes.length} cases, ${bad} failed.\n`)
  if (bad > 0) context.exit(1)
}
