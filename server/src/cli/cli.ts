import { Command, CommanderError } from 'commander'
import { formatProblem, ProblemError } from '../base/problems.ts'
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
    if (!(error instanceof ProblemError)) throw error
    context.stderr.write(`picket: ${formatProblem(error.problem)}\n`)
    context.exit(2)
  }
}
