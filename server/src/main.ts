import { serveCommand } from './app/serve-command.ts'
import { MetricsRegistry } from './base/metrics.ts'
import { runCli } from './cli/cli.ts'
import { commands } from './cli/registry.ts'

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // The reader of a pipe (`| head`) may go away; that is no fault of ours.
  if (error.code === 'EPIPE') process.exit(0)
  throw error
})

await runCli(
  process.argv.slice(2),
  {
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    env: process.env,
    clock: { now: () => Date.now() },
    metrics: new MetricsRegistry(),
    interactive: process.stderr.isTTY === true,
    exit: (code) => {
      process.exitCode = code
    },
  },
  [serveCommand, ...commands],
)
