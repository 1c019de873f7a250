import { printable } from '../base/printable.ts'
import { ProblemError } from '../base/problems.ts'
import { withDesk } from './alert.ts'
import { parseCount } from './arguments.ts'
import type { CliContext, RegisterCommand } from './context.ts'
import { type LetterFull, type LetterLine, openDesk } from './desk.ts'
import { renderTable } from './table.ts'

const LIMIT_MAX = 500
const RAW_SHOWN_MAX = 4_000

interface Where {
  readonly data?: string
  readonly config?: string
  readonly json?: boolean
}

interface ListFlags extends Where {
  readonly source?: string
  readonly code?: string
  readonly replayed?: boolean
  readonly limit: string
  readonly cursor?: string
}

/** `picket deadletter list`, `show ID` and `replay ID…`. */
export const registerDeadLetter: RegisterCommand = (program, context) => {
  const letter = program.command('deadletter').description('Look at input that was not read.')
  withDesk(letter.command('list'))
    .description('Dead letters, the newest first; one JSON object a line with --json.')
    .option('--source <name>', 'only of this source')
    .option('--code <code>', 'only of this reason')
    .option('--replayed', 'only those replayed before')
    .option('--no-replayed', 'only those not yet replayed')
    .option('--limit <n>', 'at most so many', '50')
    .option('--cursor <text>', 'go on where a list ended')
    .action((flags: ListFlags) => list(flags, context))
  withDesk(letter.command('show'))
    .description('A dead letter with its reason and its input.')
    .argument('<id>', 'id of the dead letter')
    .action((id: string, flags: Where) => show(id, flags, context))
  withDesk(letter.command('replay'))
    .description('Put dead letters through their decoder again; a server must be running.')
    .argument('<id...>', 'ids of the dead letters')
    .action((ids: readonly string[], flags: Where) => replay(ids, flags, context))
}

async function list(flags: ListFlags, context: CliContext): Promise<void> {
  const limit = parseCount(flags.limit, LIMIT_MAX, '--limit')
  const { source, code, replayed } = flags
  const filter = {
    ...(source !== undefined && { source }),
    ...(code !== undefined && { code }),
    ...(replayed !== undefined && { replayed }),
  }
  const desk = await openDesk(flags, context)
  try {
    const page = { limit, ...(flags.cursor !== undefined && { cursor: flags.cursor }) }
    const { letters, cursor } = await desk.listLetters(filter, page)
    if (flags.json === true) {
      for (const letter of letters) context.stdout.write(`${JSON.stringify(letter)}\n`)
    } else if (letters.length === 0) context.stderr.write('No dead letters.\n')
    else context.stdout.write(renderTable(COLUMNS, letters))
    if (cursor !== undefined) context.stderr.write(`There are more: --cursor ${cursor}\n`)
  } finally {
    await desk.close()
  }
}

async function show(id: string, flags: Where, context: CliContext): Promise<void> {
  const desk = await openDesk(flags, context)
  try {
    const letter = await desk.showLetter(id)
    context.stdout.write(flags.json === true ? `${JSON.stringify(letter)}\n` : render(letter))
  } finally {
    await desk.close()
  }
}

/** Exit code 1 where one was not accepted. */
async function replay(ids: readonly string[], flags: Where, context: CliContext): Promise<void> {
  const desk = await openDesk(flags, context)
  try {
    if (desk.server === undefined) {
      throw new ProblemError({
        code: 'API_UNAVAILABLE',
        message: 'No server is running on this data directory; only one can replay.',
        hint: 'picket serve',
      })
    }
    for (const id of ids) {
      const path = `/api/v1/dead-letters/${encodeURIComponent(id)}/replay`
      const done = (await desk.server.post(path)) as { outcome: string; events: number }
      if (done.outcome !== 'accepted') context.exit(1)
      const text = `${printable(id)}: ${done.outcome}, ${done.events} events`
      context.stdout.write(flags.json === true ? `${JSON.stringify(done)}\n` : `${text}\n`)
    }
  } finally {
    await desk.close()
  }
}

function render(letter: LetterFull): string {
  const lines = [
    `Dead letter ${printable(letter.id)}`,
    `  reason    ${printable(letter.code)}: ${printable(letter.message)}`,
    `  source    ${printable(letter.source)}, decoder ${printable(letter.decoder)}`,
    `  received  ${letter.received}`,
    ...Object.entries(letter.facts ?? {}).map(
      ([name, value]) => `  ${printable(name).padEnd(8)}  ${printable(value)}`,
    ),
    ...(letter.replayed === undefined
      ? []
      : [`  replayed  ${letter.replayed}: ${printable(letter.replayOutcome ?? '')}`]),
    `  input     ${letter.bytes} bytes, ${letter.rawEncoding}`,
    '',
    printable(letter.raw, RAW_SHOWN_MAX),
  ]
  return `${lines.join('\n')}\n`
}

const COLUMNS = [
  { title: 'RECEIVED', value: (letter: LetterLine) => letter.received },
  { title: 'REASON', value: (letter: LetterLine) => letter.code },
  { title: 'SOURCE', value: (letter: LetterLine) => letter.source },
  { title: 'DECODER', value: (letter: LetterLine) => letter.decoder },
  { title: 'BYTES', value: (letter: LetterLine) => String(letter.bytes) },
  { title: 'REPLAYED', value: (letter: LetterLine) => letter.replayOutcome ?? '-' },
  { title: 'ID', value: (letter: LetterLine) => letter.id },
]
