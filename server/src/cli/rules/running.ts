import type { Command } from 'commander'
import { printable } from '../../base/printable.ts'
import { ProblemError } from '../../base/problems.ts'
import { readRuleFiles } from '../../library/rule-files.ts'
import { RULE_LIVES, type RuleLine, type RulesInForce } from '../../model/desks.ts'
import { withDesk } from '../alert.ts'
import { parseChoice, usage } from '../arguments.ts'
import type { CliContext } from '../context.ts'
import { type DeskOptions, openDesk } from '../desk.ts'
import type { SocketClient } from '../socket-client.ts'
import { renderTable } from '../table.ts'

interface Where extends DeskOptions {
  readonly json?: boolean
}
interface RunningFlags extends Where {
  readonly life?: string
}

const LIVES = [...RULE_LIVES, 'as-written'] as const
/** The short words, and what they set. */
const WORDS = [
  ['enable', 'live', 'Let rules run and tell, whatever their files say.'],
  ['shadow', 'shadow', 'Let rules run and keep what they find, told to nobody.'],
  ['disable', 'disabled', 'Let rules run no more.'],
  ['reset', 'as-written', 'Leave rules to what their files say.'],
] as const

/** `picket rules running|life|enable|shadow|disable|reset|reload|upload|remove`, of a running server. */
export function registerRunningRules(rules: Command, context: CliContext): void {
  withDesk(rules.command('running'))
    .description('The rules of the running server, and which of them run.')
    .option('--life <life>', `only these: draft, ${RULE_LIVES.join(', ')}`)
    .action((flags: RunningFlags) => running(flags, context))
  withDesk(rules.command('life'))
    .description('Say whether a rule runs and tells, from the next event on.')
    .argument('<id>', 'id of the rule')
    .argument('<life>', LIVES.join(', '))
    .action((id: string, life: string, flags: Where) => setLife([id], life, flags, context))
  for (const [word, life, summary] of WORDS) {
    withDesk(rules.command(word))
      .description(summary)
      .argument('<id...>', 'ids of the rules')
      .action((ids: readonly string[], flags: Where) => setLife(ids, life, flags, context))
  }
  withDesk(rules.command('reload'))
    .description('Read the rule files anew; nothing changes where a running rule broke.')
    .action((flags: Where) =>
      change(flags, context, (server) => server.post('/api/v1/rules/reload')),
    )
  withDesk(rules.command('upload'))
    .description('Replace a folder of own rules by these files; all must compile.')
    .argument('<folder>', 'its name: a-z, 0-9, - and _')
    .argument('<path>', 'a file, or a folder with all below it')
    .action((folder: string, path: string, flags: Where) =>
      change(flags, context, (server) => {
        const files = readRuleFiles(path)
        if (!files.ok) throw new ProblemError(files.problem)
        return server.send('PUT', folderPath(folder), { files: files.value })
      }),
    )
  withDesk(rules.command('remove'))
    .description('Take an uploaded folder of rules away.')
    .argument('<folder>', 'its name')
    .action((folder: string, flags: Where) =>
      change(flags, context, (server) => server.send('DELETE', folderPath(folder))),
    )
}

const folderPath = (name: string): string => `/api/v1/rule-folders/${encodeURIComponent(name)}`

async function running(flags: RunningFlags, context: CliContext): Promise<void> {
  const life =
    flags.life === undefined
      ? undefined
      : parseChoice(flags.life, ['draft', ...RULE_LIVES] as const, '--life')
  await withServer(flags, context, async (server) => {
    const { rules } = (await server.get('/api/v1/rules')) as { rules: readonly RuleLine[] }
    show(
      rules.filter((rule) => life === undefined || rule.life === life),
      flags,
      context,
    )
  })
}

async function setLife(
  ids: readonly string[],
  given: string,
  flags: Where,
  context: CliContext,
): Promise<void> {
  const life = parseChoice(given, LIVES, '<life>')
  if (ids.length > 1_000) throw usage('At most 1,000 rules at a time.')
  await withServer(flags, context, async (server) => {
    for (const id of ids) {
      const path = `/api/v1/rules/${encodeURIComponent(id)}/life`
      const line = (await server.send('PUT', path, { life })) as RuleLine
      const from = line.isSet ? 'set here' : 'as its file says'
      const text = `${printable(line.id)} (${printable(line.title)}): ${line.life}, ${from}\n`
      context.stdout.write(flags.json === true ? `${JSON.stringify(line)}\n` : text)
    }
  })
}

async function change(
  flags: Where,
  context: CliContext,
  work: (server: SocketClient) => Promise<unknown>,
): Promise<void> {
  await withServer(flags, context, async (server) => {
    const now = (await work(server)) as RulesInForce
    const broken = now.broken === 0 ? '' : `, ${now.broken} documents that do not compile`
    const what = now.changed ? 'in force now' : 'nothing changed'
    const text = `${what}: ${now.count} rules${broken} (${now.hash})\n`
    for (const problem of now.problems) context.stderr.write(`picket: ${printable(problem)}\n`)
    context.stdout.write(flags.json === true ? `${JSON.stringify(now)}\n` : text)
  })
}

/** Only a server that runs has rules in force. */
async function withServer(
  flags: Where,
  context: CliContext,
  work: (server: SocketClient) => Promise<void>,
): Promise<void> {
  const desk = await openDesk(flags, context)
  try {
    if (desk.server === undefined) {
      const message = 'No server is running on this data directory.'
      throw new ProblemError({ code: 'API_UNAVAILABLE', message })
    }
    await work(desk.server)
  } finally {
    await desk.close()
  }
}

function show(rules: readonly RuleLine[], flags: Where, context: CliContext): void {
  const text =
    flags.json === true
      ? rules.map((rule) => `${JSON.stringify(rule)}\n`).join('')
      : renderTable(COLUMNS, rules)
  context.stdout.write(text)
}

const COLUMNS = [
  {
    title: 'LIFE',
    value: (rule: RuleLine) => (rule.ok ? `${rule.life}${rule.isSet ? '*' : ''}` : 'broken'),
  },
  { title: 'SEVERITY', value: (rule: RuleLine) => rule.severity },
  { title: 'KIND', value: (rule: RuleLine) => rule.kind },
  { title: 'TITLE', value: (rule: RuleLine) => printable(rule.title) },
  { title: 'MATCHES', value: ({ totals }: RuleLine) => String(totals.matches + totals.hits) },
  { title: 'LOST', value: ({ totals }: RuleLine) => String(totals.lost) },
  { title: 'SECONDS', value: ({ totals }: RuleLine) => totals.seconds.toFixed(3) },
  { title: 'ID', value: (rule: RuleLine) => printable(rule.id) },
]
