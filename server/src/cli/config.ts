import { formatProblem } from '../base/problems.ts'
import { checkConfig } from '../config/config.ts'
import { renderConfig } from '../config/show.ts'
import { probeSecrets } from '../config/secret.ts'
import type { CliContext, RegisterCommand } from './context.ts'

/** `picket config check` and `picket config show`. */
export const configCommand: RegisterCommand = (program, context) => {
  const config = program.command('config').description('Look at the configuration.')
  config
    .command('check')
    .description('Say what is wrong with a configuration file, with line and column.')
    .option('--config <file>', 'the configuration file')
    .action((options: { config?: string }) => check(options.config, context))
  config
    .command('show')
    .description('Print the configuration in force; secrets are never shown.')
    .option('--config <file>', 'the configuration file')
    .action((options: { config?: string }) => show(options.config, context))
}

async function check(path: string | undefined, context: CliContext): Promise<void> {
  const checked = await checkConfig(path)
  const problems = checked.ok ? await probeSecrets(checked.value, context.env) : checked.problem
  for (const problem of problems) context.stderr.write(`${formatProblem(problem)}\n`)
  if (problems.length > 0) {
    context.exit(2)
    return
  }
  const sources = checked.ok ? Object.keys(checked.value.sources).length : 0
  context.stdout.write(`${path ?? 'defaults'}: ok, ${sources} sources\n`)
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
