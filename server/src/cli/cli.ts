import { Command, CommanderError } from 'commander'
import { formatProblem, ProblemError } from '../base/problems.ts'
import { VERSION } from '../base/version.ts'
import type { CliContext, RegisterCommand } from './context.ts'

/** Parses the arguments (without node and script) and runs the subcommand. Never throws. */
export async function runCli(
  args: readonly string[],
  context: CliContext,
  commands: readonly RegisterCommand[],
): Promise<void> {
  const program = new Command('picket')
  program
    .description('A SIEM for IoT fleets: collects, detects, responds, proves.')
    .version(VERSION)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void context.stdout.write(text),
      writeErr: (text) => void context.stderr.write(text),
    })
  for (const register of commands) register(program, context)
  try {
    await program.parseAsync([...args], { from: 'user' })
  } catch (error) {
    if (error instanceof CommanderError) {
      if (error.exitCode !== 0) context.exit(2)
      return
    }
    context.stderr.write(`picket: ${faultOf(error, context.env['PICKET_TRACE'] === '1')}\n`)
    context.exit(2)
  }
}

/** What is told of an error: a problem in its own words, a fault of ours without its inner life. */
function faultOf(error: unknown, trace: boolean): string {
  if (error instanceof ProblemError) return formatProblem(error.problem)
  if (trace && error instanceof Error) return error.stack ?? error.message
  const message = error instanceof Error ? error.message : String(error)
  return `a fault of Picket's own: ${message} (PICKET_TRACE=1 shows where; please report it)`
}
