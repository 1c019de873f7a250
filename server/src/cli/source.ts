import { existsSync } from 'node:fs'
import { printable } from '../base/printable.ts'
import { ProblemError } from '../base/problems.ts'
import { loadConfig } from '../config/config.ts'
import { controlSocket } from '../state/location.ts'
import { withDesk } from './alert.ts'
import type { CliContext, RegisterCommand } from './context.ts'
import { createSocketClient, isServed } from './socket-client.ts'

interface Flags {
  readonly data?: string
  readonly config?: string
  readonly json?: boolean
}

/** As the API answers: `GET /api/v1/sources/NAME`. */
interface Report {
  readonly name: string
  readonly state: string
  readonly detail?: string
  readonly deliveries: number
  readonly events: number
  readonly routine: number
  readonly rejects: number
  readonly dropped: number
  readonly last?: string
  readonly inputs: readonly {
    readonly received: string
    readonly text: string
    readonly outcome: string
    readonly code?: string
    readonly message?: string
    readonly actions?: readonly string[]
  }[]
}

/** `picket source test NAME`. */
export const registerSource: RegisterCommand = (program, context) => {
  const source = program.command('source').description('Look at the sources of a running server.')
  withDesk(source.command('test'))
    .description('Whether anything arrives, and what was made of it; exit code 1: nothing did.')
    .argument('<name>', 'name of the source in the configuration')
    .action((name: string, flags: Flags) => test(name, flags, context))
}

async function test(name: string, flags: Flags, context: CliContext): Promise<void> {
  const loaded = await loadConfig(flags.config)
  if (!loaded.ok) throw new ProblemError(loaded.problem)
  const socket = controlSocket(flags.data ?? loaded.value.data)
  if (!existsSync(socket) || !(await isServed(socket))) {
    throw new ProblemError({
      code: 'API_UNAVAILABLE',
      message: 'No server is running on this data directory; only one knows what arrives.',
      hint: 'picket serve',
    })
  }
  const path = `/api/v1/sources/${encodeURIComponent(name)}`
  const report = (await createSocketClient(socket).get(path)) as Report
  if (report.last === undefined) context.exit(1)
  context.stdout.write(flags.json === true ? `${JSON.stringify(report)}\n` : render(report))
}

function render(report: Report): string {
  const { name, state, detail, last, events, routine, rejects, dropped, inputs } = report
  const lines = [
    `Source ${printable(name)}`,
    `  state     ${state}${detail === undefined ? '' : `: ${printable(detail)}`}`,
    `  last      ${last ?? 'nothing has arrived since it was started'}`,
    `  became    ${events} events, ${routine} routine, ${rejects} rejected, ${dropped} dropped`,
  ]
  if (inputs.length > 0) lines.push('', 'The last inputs, the newest last:')
  for (const { received, text, outcome, code, message, actions } of inputs) {
    const more = [code, message, actions?.join(', ')].filter((word) => word !== undefined)
    const told = more.length === 0 ? outcome : `${outcome}: ${more.join(': ')}`
    lines.push(`  ${received}  ${printable(told, 200)}`, `    ${printable(text, 300)}`)
  }
  return `${lines.join('\n')}\n`
}
