import type { Command } from 'commander'
import { ProblemError } from '../base/problems.ts'
import { loadConfig } from '../config/config.ts'
import { filterSettings } from '../config/filter-section.ts'
import type { Config } from '../config/schema.ts'
import { BUILTIN_TESTS } from '../ingest/filter/builtin.ts'
import { Filter } from '../ingest/filter/filter.ts'
import type { CompiledEntry } from '../ingest/filter/policy.ts'
import { loadRules } from '../library/library.ts'
import { fieldOf } from '../model/event.ts'
import { explain } from '../rule/explain.ts'
import type { CliContext, RegisterCommand } from './context.ts'
import { testPolicy, unseenByRules } from './filter/run-tests.ts'
import { type GivenEvent, givenEvents, shortName } from './input/given-events.ts'
import { writeReasons } from './read-event.ts'

interface Flags {
  readonly config?: string
  readonly data?: string
  readonly json?: boolean
  readonly decoder?: string
  readonly option: readonly string[]
  readonly rules: readonly string[]
}

const collect = (value: string, before: readonly string[]): readonly string[] => [...before, value]

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
  const decided = (await givenEvents(event, flags, context)).map((given) => {
    return { given, decision: filter.decide(given.doc) }
  })
  if (flags.json === true) {
    for (const { given, decision } of decided) {
      const { name, keep, reason, when } = decision
      const line = given.line === undefined ? {} : { line: given.line }
      const row = { ...line, action: fieldOf(given.doc, 'event.action'), entry: name, keep }
      context.stdout.write(`${JSON.stringify({ ...row, reason, when })}\n`)
    }
    return
  }
  // Of many events each entry is explained once, by the first that it decided on.
  const counts = new Map<CompiledEntry, number>()
  for (const { decision } of decided) counts.set(decision, (counts.get(decision) ?? 0) + 1)
  for (const { given, decision } of decided) {
    const count = counts.get(decision)
    if (count !== undefined) tell(given, count, decision, filter, context)
    counts.delete(decision)
  }
}

const KEPT = {
  security: 'kept as a security event',
  routine: 'folded into a rollup of its device',
  both: 'kept as a security event, and counted in a rollup of its device',
} as const

function tell(
  given: GivenEvent,
  count: number,
  decision: CompiledEntry,
  filter: Filter,
  context: CliContext,
): void {
  const { name, keep, reason, when, condition } = decision
  const { stdout } = context
  if (given.line !== undefined) {
    const others = count === 1 ? '' : `, and ${count - 1} more`
    stdout.write(`${shortName(given)}${others}\n`)
  }
  stdout.write(`${KEPT[keep]}, by the entry ${name}: ${reason}\n  when: ${when}\n`)
  writeReasons(explain(condition, given.doc), 1, context)
  const before = filter.settings.policy.entries
  const passed = before.slice(0, before.indexOf(decision)).map((entry) => entry.name)
  if (passed.length > 0) stdout.write(`  did not hold before: ${passed.join(', ')}\n`)
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
