import type { Command } from 'commander'
import { printable } from '../base/printable.ts'
import { SEVERITIES, type AlertRecord } from '../model/alert.ts'
import { toFinding } from '../ocsf/finding.ts'
import { renderAlert } from '../respond/terminal.ts'
import type { AlertFilter } from '../state/alert-list.ts'
import { parseChoice, parseCount, parseWhen } from './arguments.ts'
import type { CliContext, RegisterCommand } from './context.ts'
import { openDesk } from './desk.ts'
import { renderTable } from './table.ts'

const STATES = ['provisional', 'final', 'amended', 'retracted'] as const
const SUPPRESSED = ['without', 'with', 'only'] as const
const LIMIT_MAX = 500
const ALERT_FORMATS = ['table', 'json', 'ocsf'] as const
const FORMAT_HELP = 'table, json, or ocsf: Detection Findings of OCSF, one a line'

interface Where {
  readonly data?: string
  readonly config?: string
  readonly json?: boolean
}

interface AlertFlags extends Where {
  readonly format?: string
}

interface ListFlags extends AlertFlags {
  readonly severity?: string
  readonly state?: string
  readonly open?: boolean
  readonly rule?: string
  readonly suppressed?: string
  readonly from?: string
  readonly to?: string
  readonly limit: string
  readonly cursor?: string
}

/** Options of every command that asks a server or its files. */
export function withDesk(command: Command): Command {
  return command
    .option('--data <dir>', 'the data directory; else what the configuration says')
    .option('--config <file>', 'the configuration file')
    .option('--json', 'JSON instead of text')
}

/** `picket alert list` and `picket alert show ID`. */
export const registerAlert: RegisterCommand = (program, context) => {
  const alert = program.command('alert').description('Look at alerts.')
  withDesk(alert.command('list'))
    .description('Alerts, the one opened last first; one JSON object a line with --json.')
    .option('--severity <level>', 'at least this severe')
    .option('--state <state>', `one of: ${STATES.join(', ')}`)
    .option('--open', 'only those that still collect hits')
    .option('--rule <id>', 'only of this rule')
    .option('--suppressed <how>', 'alerts a planned change explains: without, with or only')
    .option('--from <time>', 'episodes that reach into the time from here: 2h, or ISO 8601')
    .option('--to <time>', 'and to here')
    .option('--limit <n>', 'at most so many', '50')
    .option('--cursor <text>', 'go on where a list ended')
    .option('--format <format>', FORMAT_HELP)
    .action((flags: ListFlags) => list(flags, context))
  withDesk(alert.command('show'))
    .description('An alert with why it fired, its events, and what was told of it.')
    .argument('<id>', 'id of the alert')
    .option('--format <format>', FORMAT_HELP)
    .action((id: string, flags: AlertFlags) => show(id, flags, context))
}

async function list(flags: ListFlags, context: CliContext): Promise<void> {
  const filter = filterOf(flags, context.clock.now())
  const limit = parseCount(flags.limit, LIMIT_MAX, '--limit')
  const form = formOf(flags)
  const desk = await openDesk(flags, context)
  try {
    const page = { limit, ...(flags.cursor !== undefined && { cursor: flags.cursor }) }
    const { alerts, cursor } = await desk.listAlerts(filter, page)
    if (form === 'ocsf') {
      for (const alert of alerts) context.stdout.write(`${JSON.stringify(toFinding(alert))}\n`)
    } else if (form === 'json') {
      for (const alert of alerts) context.stdout.write(`${JSON.stringify(alert)}\n`)
    } else if (alerts.length === 0) context.stderr.write('No alerts.\n')
    else context.stdout.write(renderTable(COLUMNS, alerts))
    if (cursor !== undefined) context.stderr.write(`There are more: --cursor ${cursor}\n`)
  } finally {
    await desk.close()
  }
}

/** `--json` is short for `--format json`. */
function formOf({ format, json }: AlertFlags): (typeof ALERT_FORMATS)[number] {
  if (format !== undefined) return parseChoice(format, ALERT_FORMATS, '--format')
  return json === true ? 'json' : 'table'
}

async function show(id: string, flags: AlertFlags, context: CliContext): Promise<void> {
  const form = formOf(flags)
  const desk = await openDesk(flags, context)
  try {
    const found = await desk.showAlert(id)
    if (form !== 'table') {
      const shown = form === 'json' ? found : toFinding(found.alert)
      context.stdout.write(`${JSON.stringify(shown)}\n`)
      return
    }
    const { alert, history } = found
    const told = history.map(
      (entry) => `  ${entry.at}  ${printable(entry.kind)}  revision ${entry.alert.revision}\n`,
    )
    const links = (alert.rule.references ?? []).map((link) => `  ${printable(link)}\n`)
    context.stdout.write(renderAlert({ kind: 'shown', alert }, false))
    if (links.length > 0) context.stdout.write(`References:\n${links.join('')}`)
    context.stdout.write(`Events (${alert.eventsTotal}):\n`)
    for (const event of alert.events) context.stdout.write(`  ${printable(event)}\n`)
    context.stdout.write(`Told:\n${told.join('')}`)
  } finally {
    await desk.close()
  }
}

function filterOf(flags: ListFlags, nowMs: number): AlertFilter {
  const { severity, state, open, rule, suppressed, from, to } = flags
  return {
    ...(severity !== undefined && {
      severityMin: parseChoice(severity, SEVERITIES, '--severity'),
    }),
    ...(state !== undefined && { states: [parseChoice(state, STATES, '--state')] }),
    ...(open === true && { open }),
    ...(rule !== undefined && { ruleId: rule }),
    ...(suppressed !== undefined && {
      suppressed: parseChoice(suppressed, SUPPRESSED, '--suppressed'),
    }),
    ...(from !== undefined && { fromMs: parseWhen(from, nowMs, '--from') }),
    ...(to !== undefined && { toMs: parseWhen(to, nowMs, '--to') }),
  }
}

const COLUMNS = [
  { title: 'FIRST', value: (alert: AlertRecord) => alert.first, widthMax: 24 },
  { title: 'SEVERITY', value: (alert: AlertRecord) => alert.severity },
  {
    title: 'STATE',
    value: (alert: AlertRecord) => (alert.open ? `${alert.state}, open` : alert.state),
  },
  { title: 'HITS', value: (alert: AlertRecord) => String(alert.count) },
  { title: 'RULE', value: (alert: AlertRecord) => alert.rule.name, widthMax: 48 },
  {
    title: 'WHO',
    value: (alert: AlertRecord) =>
      Object.entries(alert.group)
        .map(([field, value]) => `${field}=${value}`)
        .join(' '),
    widthMax: 48,
  },
  { title: 'ID', value: (alert: AlertRecord) => alert.id },
]
