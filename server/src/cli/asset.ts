import { formatProblem, ProblemError } from '../base/problems.ts'
import { ASSET_FORMATS, type AssetFormat } from '../fleet/read-assets.ts'
import { formatOfName, readAssetFile, readAssetText } from '../library/asset-files.ts'
import type { Asset } from '../model/asset.ts'
import type { AssetImport } from '../model/desks.ts'
import { withDesk } from './alert.ts'
import { type ResolveFlags, resolveEvents } from './asset/resolve-event.ts'
import { parseChoice, parseCount } from './arguments.ts'
import type { CliContext, RegisterCommand } from './context.ts'
import { openDesk } from './desk.ts'
import { readText } from './read-event.ts'
import type { SocketClient } from './socket-client.ts'
import { renderTable } from './table.ts'

interface Flags {
  readonly data?: string
  readonly config?: string
  readonly json?: boolean
  readonly format?: string
  readonly replace?: boolean
  readonly dryRun?: boolean
  readonly site?: string
  readonly type?: string
  readonly limit: string
}

type AssetView = Asset & {
  readonly revision: number
  readonly changed: string
  readonly origin: string
}

const PAGE = 500
const LIMIT_MAX = 1_000_000

const collect = (value: string, before: readonly string[]): readonly string[] => [...before, value]

/** `picket asset import FILE`, and `list`, `show ID`, `resolve EVENT`, `remove ID`. */
export const assetCommand: RegisterCommand = (program, context) => {
  const asset = program.command('asset').description('The devices that are known.')
  withDesk(asset.command('import'))
    .description('Take a table of assets over, whole or not at all.')
    .argument('<file>', 'CSV, YAML or NDJSON; - is standard input')
    .option(
      '--format <format>',
      `one of: ${ASSET_FORMATS.join(', ')}; else by the name of the file`,
    )
    .option('--replace', 'assets that are not in the file go')
    .option('--dry-run', 'only say what is wrong with the file')
    .action((file: string, flags: Flags) => importFile(file, flags, context))
  withDesk(asset.command('list'))
    .description('Assets in order of their ids; one JSON object a line with --json.')
    .option('--site <name>', 'only of this site')
    .option('--type <name>', 'only of this type')
    .option('--limit <n>', 'at most so many', '1000')
    .action((flags: Flags) => list(flags, context))
  withDesk(asset.command('show'))
    .description('One asset, and by what it is known.')
    .argument('<id>', 'id of the asset')
    .action((id: string, flags: Flags) => show(id, flags, context))
  withDesk(asset.command('resolve'))
    .description('Which asset an event is of, by which rule, and what else was looked at.')
    .argument(
      '<event>',
      'a JSON file, JSON text, - for standard input, or the id of a stored event',
    )
    .option('--assets <file>', 'this table, instead of that of the server')
    .option('--decoder <name>', 'the input is raw lines, to be decoded first')
    .option('--option <key=value>', 'an option of the decoder; may be repeated', collect, [])
    .action((event: string, flags: ResolveFlags) => resolveEvents(event, flags, context))
  withDesk(asset.command('remove'))
    .description('Forget an asset.')
    .argument('<id>', 'id of the asset')
    .action((id: string, flags: Flags) =>
      atServer(flags, context, async (server) => {
        await server.send('DELETE', `/api/v1/assets/${encodeURIComponent(id)}`)
        context.stdout.write(
          flags.json === true ? `${JSON.stringify({ removed: id })}\n` : 'removed\n',
        )
      }),
    )
}

async function importFile(file: string, flags: Flags, context: CliContext): Promise<void> {
  const format: AssetFormat =
    flags.format === undefined
      ? formatOfName(file)
      : parseChoice(flags.format, ASSET_FORMATS, '--format')
  const read =
    file === '-'
      ? readAssetText(await readText('-', context), format, 'standard input')
      : readAssetFile(file, format)
  if (!read.ok) {
    for (const problem of read.problem) context.stderr.write(`${formatProblem(problem)}\n`)
    context.exit(2)
    return
  }
  const assets = read.value
  if (flags.dryRun === true) {
    context.stdout.write(`${assets.length} assets, all of them valid\n`)
    return
  }
  await atServer(flags, context, async (server) => {
    const body = { assets, replace: flags.replace === true }
    const done = (await server.post('/api/v1/assets/import', body)) as AssetImport
    const { added, changed, removed, unchanged, shared } = done
    const text = `${added} added, ${changed} changed, ${removed} removed, ${unchanged} as they were`
    context.stdout.write(`${flags.json === true ? JSON.stringify(done) : text}\n`)
    if (shared > 0) {
      context.stderr.write(
        `${shared} names are listed by several assets: events by them are marked, not joined.\n`,
      )
    }
  })
}

async function list(flags: Flags, context: CliContext): Promise<void> {
  const limit = parseCount(flags.limit, LIMIT_MAX, '--limit')
  await atServer(flags, context, async (server) => {
    const found: AssetView[] = []
    let cursor: string | undefined
    do {
      const query = { site: flags.site, type: flags.type, cursor, limit: String(PAGE) }
      const page = (await server.get('/api/v1/assets', query)) as {
        assets: AssetView[]
        cursor?: string
      }
      found.push(...page.assets)
      cursor = page.cursor
    } while (cursor !== undefined && found.length < limit)
    const shown = found.slice(0, limit)
    const text =
      flags.json === true
        ? shown.map((asset) => `${JSON.stringify(asset)}\n`).join('')
        : renderTable(COLUMNS, shown)
    context.stdout.write(text)
  })
}

async function show(id: string, flags: Flags, context: CliContext): Promise<void> {
  await atServer(flags, context, async (server) => {
    const asset = (await server.get(`/api/v1/assets/${encodeURIComponent(id)}`)) as AssetView
    if (flags.json === true) {
      context.stdout.write(`${JSON.stringify(asset)}\n`)
      return
    }
    const { identifiers, tags = [], ...rest } = asset
    const rows = [
      ...Object.entries(rest).map(([name, value]) => [name, String(value)] as const),
      ...(tags.length > 0 ? [['tags', tags.join(', ')] as const] : []),
      ...Object.entries(identifiers).map(
        ([name, values]) => [`known by ${name}`, values.join(', ')] as const,
      ),
    ]
    for (const [name, value] of rows) context.stdout.write(`${name.padEnd(22)} ${value}\n`)
  })
}

async function atServer(
  flags: Flags,
  context: CliContext,
  work: (server: SocketClient) => Promise<void>,
): Promise<void> {
  const desk = await openDesk(flags, context)
  try {
    if (desk.server === undefined) {
      throw new ProblemError({
        code: 'API_UNAVAILABLE',
        message: 'No server is running on this data directory; assets are kept by one.',
        hint: 'picket serve',
      })
    }
    await work(desk.server)
  } finally {
    await desk.close()
  }
}

const COLUMNS = [
  { title: 'ID', value: (asset: AssetView) => asset.id },
  { title: 'TYPE', value: (asset: AssetView) => asset.type ?? '' },
  { title: 'SITE', value: (asset: AssetView) => asset.site ?? '' },
  { title: 'OWNER', value: (asset: AssetView) => asset.owner ?? '' },
  {
    title: 'KNOWN BY',
    value: ({ identifiers }: AssetView) =>
      Object.entries(identifiers)
        .map(([name, values]) => `${name}:${values.join(';')}`)
        .join(' '),
    widthMax: 60,
  },
]
