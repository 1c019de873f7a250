import { ProblemError } from '../base/problems.ts'
import type { SearchAnswer, SearchTemplate } from '../model/search.ts'
import { parseChoice, parseCount, parseWhen, usage } from './arguments.ts'
import type { CliContext, RegisterCommand } from './context.ts'
import { openDesk } from './desk.ts'
import type { SocketClient } from './socket-client.ts'
import { renderTable } from './table.ts'

const FORMATS = ['table', 'json', 'csv'] as const
type Format = (typeof FORMATS)[number]
const ROWS_MAX = 10_000

interface Flags {
  readonly set: readonly string[]
  readonly from?: string
  readonly to?: string
  readonly limit: string
  readonly format: string
  readonly data?: string
  readonly config?: string
}

/** `picket search [TEMPLATE] [--set name=value…]`: without a template, the list of them. */
export const registerSearch: RegisterCommand = (program, context) => {
  program
    .command('search')
    .description('Search the stored events by template; without one, list the templates.')
    .argument('[template]', 'name of the template')
    .option('--set <name=value>', 'a value of the template; may be repeated', collect, [])
    .option('--from <time>', 'from when: 2h, 7d, or ISO 8601; a day before the end unless given')
    .option('--to <time>', 'until when; now unless given')
    .option('--limit <n>', 'at most so many rows', '100')
    .option('--format <format>', `one of: ${FORMATS.join(', ')}`, 'table')
    .option('--data <dir>', 'the data directory; else what the configuration says')
    .option('--config <file>', 'the configuration file')
    .action((template: string | undefined, flags: Flags) => search(template, flags, context))
}

function collect(value: string, before: readonly string[]): readonly string[] {
  return [...before, value]
}

async function search(
  template: string | undefined,
  flags: Flags,
  context: CliContext,
): Promise<void> {
  const format = parseChoice(flags.format, FORMATS, '--format')
  const now = context.clock.now()
  const when = (text: string, option: string): string =>
    new Date(parseWhen(text, now, option)).toISOString()
  const body = {
    values: valuesOf(flags.set),
    ...(flags.from !== undefined && { from: when(flags.from, '--from') }),
    ...(flags.to !== undefined && { to: when(flags.to, '--to') }),
    limit: parseCount(flags.limit, ROWS_MAX, '--limit'),
  }
  const desk = await openDesk(flags, context)
  try {
    if (desk.server === undefined) throw notRunning()
    if (template === undefined) await listTemplates(desk.server, format, context)
    else {
      const path = `/api/v1/search/templates/${encodeURIComponent(template)}`
      const answer = (await desk.server.post(path, body)) as SearchAnswer
      context.stdout.write(renderAnswer(answer, format))
      if (answer.truncated) context.stderr.write('There are more rows: raise --limit.\n')
    }
  } finally {
    await desk.close()
  }
}

async function listTemplates(
  server: SocketClient,
  format: Format,
  context: CliContext,
): Promise<void> {
  const found = (await server.get('/api/v1/search/templates')) as { templates: SearchTemplate[] }
  if (format === 'json') {
    for (const one of found.templates) context.stdout.write(`${JSON.stringify(one)}\n`)
    return
  }
  const rows = found.templates
  context.stdout.write(
    renderTable(
      [
        { title: 'TEMPLATE', value: (one) => one.name },
        {
          title: 'VALUES',
          value: (one) =>
            one.parameters.map(({ name, required }) => (required ? name : `[${name}]`)).join(' '),
        },
        { title: 'WHAT IT FINDS', value: (one) => one.summary, widthMax: 100 },
      ],
      rows,
    ),
  )
}

function valuesOf(set: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    set.map((text) => {
      const cut = text.indexOf('=')
      if (cut < 1) throw usage('--set takes name=value')
      return [text.slice(0, cut), text.slice(cut + 1)]
    }),
  )
}

/** JSON: one object a row. CSV: RFC 4180, with what a spreadsheet would run as a formula quoted. */
export function renderAnswer({ columns, rows }: SearchAnswer, format: Format): string {
  switch (format) {
    case 'json':
      return rows
        .map((row) => Object.fromEntries(columns.map((column, at) => [column, row[at]])))
        .map((row) => `${JSON.stringify(row)}\n`)
        .join('')
    case 'csv':
      return [columns, ...rows].map((row) => `${row.map(csvCell).join(',')}\r\n`).join('')
    case 'table': {
      const shown = columns.map((title, at) => ({
        title,
        value: (row: readonly unknown[]) => textOf(row[at]),
        widthMax: 60,
      }))
      return renderTable(shown, rows)
    }
  }
}

function csvCell(value: unknown): string {
  const text = textOf(value)
  const safe = /^[=+\-@\t\r]/.test(text) && !/^-?\d+(\.\d+)?$/.test(text) ? `'${text}` : text
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}

function textOf(value: unknown): string {
  if (value === null || value === undefined) return ''
  return typeof value === 'string' ? value : JSON.stringify(value)
}

function notRunning(): ProblemError {
  return new ProblemError({
    code: 'API_UNAVAILABLE',
    message: 'No server is running on this data directory; events are searched through one.',
    hint: 'picket serve',
  })
}
