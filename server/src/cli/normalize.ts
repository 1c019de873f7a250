import { Option } from 'commander'
import type { Writable } from 'node:stream'
import { createPreparer, type LinePreparer, type Prepared } from '../ingest/prepare.ts'
import { readInput } from '../ingest/read-input.ts'
import type { DecoderSpec } from '../model/decoder.ts'
import type { EcsDoc } from '../model/event.ts'
import { toOcsf } from '../ocsf/project.ts'
import type { CliContext, RegisterCommand } from './context.ts'
import { openServed, servedOptions, type ServedFlags } from './input/as-served.ts'
import {
  chooseDecoder,
  decoderOptions,
  MULTILINE_HELP,
  wholeFileJoining,
} from './input/choose-decoder.ts'

interface NormalizeFlags extends ServedFlags {
  readonly decoder: string
  readonly zone?: string
  readonly option: readonly string[]
  readonly multiline?: string
  readonly format: 'ecs' | 'ocsf'
}

interface Tally {
  lines: number
  events: number
  rejects: number
  readonly routine: Map<string, number>
}

/** How an event is written. */
const FORMS = { ecs: (doc: EcsDoc): unknown => doc, ocsf: toOcsf } as const

const REJECT_RAW_MAX = 2_000

/** `picket normalize --decoder NAME FILE…|-`: one ECS event a line. */
export const registerNormalize: RegisterCommand = (program, context) => {
  const command = program
    .command('normalize')
    .description('Decode files and print one ECS event a line; rejects go to standard error.')
    .requiredOption('--decoder <name>', 'how the input is written, for example mosquitto or json')
    .option('--zone <zone>', 'zone of time stamps that name none, for example Europe/Berlin')
    .option('--option <key=value>', 'an option of the decoder; may be repeated', collect, [])
    .option('--multiline <how>', MULTILINE_HELP)
  servedOptions(command)
    .addOption(
      new Option('--format <format>', 'ecs, or ocsf: the class of OCSF 1.8 that fits each event')
        .choices(['ecs', 'ocsf'])
        .default('ecs'),
    )
    .argument('<file...>', 'files, plain or gzip; - is standard input')
    .action(async (files: readonly string[], flags: NormalizeFlags) => {
      await normalizeFiles(files, flags, context)
    })
}

function collect(value: string, before: readonly string[]): readonly string[] {
  return [...before, value]
}

async function normalizeFiles(
  files: readonly string[],
  flags: NormalizeFlags,
  context: CliContext,
): Promise<void> {
  const decoderSpec = chooseDecoder(flags.decoder)
  const served = await openServed(flags, context)
  const preparer = createPreparer({
    source: 'cli',
    decoderSpec,
    decoderOptions: decoderOptions(decoderSpec, flags.option, flags.zone),
    joining: wholeFileJoining(decoderSpec, flags.multiline),
    ...served.options,
    tenant: 'default',
    // The receipt of a file that is read as complete says nothing about the time of its events.
    skewMs: Number.POSITIVE_INFINITY,
  })
  const tally: Tally = { lines: 0, events: 0, rejects: 0, routine: new Map() }
  try {
    await run({ files, decoderSpec, preparer, form: FORMS[flags.format] }, tally, context)
  } finally {
    served.close()
    await writeSummary(tally, context)
  }
}

interface Input {
  readonly files: readonly string[]
  readonly decoderSpec: DecoderSpec
  readonly preparer: LinePreparer
  readonly form: (doc: EcsDoc) => unknown
}

async function run(input: Input, tally: Tally, context: CliContext): Promise<void> {
  const { files, decoderSpec, preparer, form } = input
  const { stdin, clock } = context
  const sources = files.map((path) => ({ path, stdin }))
  const nowMs = (): number => clock.now()
  for await (const items of readInput(decoderSpec, sources, { nowMs })) {
    tally.lines += items.length
    await print(preparer.prepare({ items }, nowMs()), form, tally, context)
  }
  const waited = preparer.settle(nowMs())
  if (waited !== undefined) await print(waited, form, tally, context)
}

async function print(
  prepared: Prepared,
  form: Input['form'],
  tally: Tally,
  context: CliContext,
): Promise<void> {
  const { events = [], deadLetters = [], routine = {} } = prepared.batch
  tally.events += events.length
  tally.rejects += deadLetters.length
  for (const [name, count] of Object.entries(routine)) {
    tally.routine.set(name, (tally.routine.get(name) ?? 0) + count)
  }
  let text = ''
  for (const event of events) text += `${JSON.stringify(form(event.doc))}\n`
  await write(context.stdout, text)
  let rejects = ''
  for (const { code, message, raw, facts } of deadLetters) {
    const reject = {
      line: Number(facts?.['line'] ?? 0),
      code,
      message,
      raw: raw.slice(0, REJECT_RAW_MAX),
    }
    rejects += `${JSON.stringify({ reject })}\n`
  }
  await write(context.stderr, rejects)
}

async function writeSummary(tally: Tally, context: CliContext): Promise<void> {
  const { lines, events, rejects } = tally
  const routine = Object.fromEntries([...tally.routine].sort(([a], [b]) => (a < b ? -1 : 1)))
  const summary = { lines, events, routine, rejects }
  await write(context.stderr, `${JSON.stringify({ summary })}\n`)
}

/** Waits while the reader of the output is slower than we are. */
async function write(stream: Writable, text: string): Promise<void> {
  if (text === '' || stream.write(text) || stream.destroyed) return
  await new Promise<void>((resolve) => {
    const go = (): void => {
      stream.off('drain', go)
      stream.off('close', go)
      resolve()
    }
    stream.on('drain', go)
    stream.on('close', go)
  })
}
