import { spawn, type ChildProcess } from 'node:child_process'
import type { Logger } from '../base/log.ts'
import { ProblemError } from '../base/problems.ts'

export interface Demo {
  /** The log that the demo's broker writes. */
  readonly log: string
  stop(): void
}

/**
 * Starts the program that plays a fleet for the demo. The server knows no more of it than a command
 * with `--log FILE --port N`; the `picket` command names it in PICKET_DEMO_PROGRAM. It ends when its
 * standard input does, so it cannot outlive this process however that ends.
 */
export function startDemo(program: string | undefined, logPath: string, log: Logger): Demo {
  if (program === undefined) {
    throw new ProblemError({
      code: 'USAGE',
      message: 'The demo is not part of this installation.',
      hint: 'run it from the source checkout: npm start -- --demo',
    })
  }
  const child: ChildProcess = spawn(process.execPath, [program, '--log', logPath], {
    stdio: ['pipe', 'ignore', 'inherit'],
  })
  child.on('error', (error) => log.error({ error: error.message }, 'The demo did not start.'))
  child.on('exit', (code) => {
    if (code !== 0 && code !== null) log.error({ code }, 'The demo ended early.')
  })
  return { log: logPath, stop: () => void child.stdin?.end() }
}
