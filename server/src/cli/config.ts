import { printable } from '../base/printable.ts'
import { formatProblem, type Problem, ProblemError } from '../base/problems.ts'
import { checkConfig } from '../config/config.ts'
import { renderConfig } from '../config/show.ts'
import { probeFiles } from '../config/probe-files.ts'
import type { Config } from '../config/schema.ts'
import { probeSecrets } from '../config/secret.ts'
import type { ConfigReload } from '../model/desks.ts'
import type { CliContext, RegisterCommand } from './context.ts'
import { type DeskOptions, openDesk } from './desk.ts'

/** `picket config check` and `picket config show`. */
export const configCommand: RegisterCommand = (program, context) => {
  const config = program.command('config').description('Look at the configuration.')
  config
    .command('check')
    .description('Say what is wrong with a configuration file, with line and column.')
    .option('--config <file>', 'the configuration file')
    .action((options: { config?: string }) => check(options.config, context))
  config
    .command('reload')
    .description('Let the running server read its configuration anew.')
    .option('--data <dir>', 'the data directory; else what the configuration says')
    .option('--config <file>', 'the configuration file')
    .action((options: DeskOptions) => reload(options, context))
  config
    .command('show')
    .description('Print the configuration in force; secrets are never shown.')
    .option('--config <file>', 'the configuration file')
    .action((options: { config?: string }) => show(options.config, context))
}

async function check(path: string | undefined, context: CliContext): Promise<void> {
  const checked = await checkConfig(path)
  const problems = checked.ok ? await probed(checked.value, context) : checked.problem
  for (const problem of problems) context.stderr.write(`${formatProblem(problem)}\n`)
  if (problems.length > 0) {
    context.exit(2)
    return
  }
  const sources = checked.ok ? Object.keys(checked.value.sources).length : 0
  context.stdout.write(`${path ?? 'defaults'}: ok, ${sources} sources\n`)
}

/** What the file says well and cannot be had: secrets, certificates, tables, rules. */
async function probed(config: Config, { env, clock }: CliContext): Promise<readonly Problem[]> {
  return [...(await probeSecrets(config, env)), ...(await probeFiles(config, clock.now()))]
}

async function show(path: string | undefined, context: CliContext): Promise<void> {
  const checked = await checkConfig(path)
  if (checked.ok) {
    context.stdout.write(renderConfig(checked.value))
    return
  }
  for (const problem of checked.problem) context.stderr.write(`${formatProblem(problem)}\n`)
  context.exit(2)
}

async function reload(options: DeskOptions, context: CliContext): Promise<void> {
  const desk = await openDesk(options, context)
  try {
    if (desk.server === undefined) {
      const message = 'No server is running on this data directory.'
      throw new ProblemError({ code: 'API_UNAVAILABLE', message })
    }
    const done = (await desk.server.post('/api/v1/config/reload')) as ConfigReload
    const list = (names: readonly string[]): string =>
      names.length === 0 ? 'nothing' : names.map((name) => printable(name)).join(', ')
    context.stdout.write(`in force: ${list(done.applied)}\n`)
    if (done.needsRestart.length > 0) {
      context.stdout.write(`at the next start: ${list(done.needsRestart)}\n`)
    }
  } finally {
    await desk.close()
  }
}
