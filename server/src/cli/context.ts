import type { Readable, Writable } from 'node:stream'
import type { Command } from 'commander'
import type { Clock } from '../base/clock.ts'
import type { Metrics } from '../base/metrics.ts'

/** What a command may touch of the outside; tests hand in their own. */
export interface CliContext {
  readonly stdin: Readable
  readonly stdout: Writable
  readonly stderr: Writable
  readonly env: Readonly<Record<string, string | undefined>>
  readonly clock: Clock
  readonly metrics: Metrics
  /** Progress is shown only on a terminal. */
  readonly interactive: boolean
  /** 0 unless a command says otherwise: 1 something failed, 2 wrong use or unreadable input. */
  exit(code: 0 | 1 | 2): void
}

/** One subcommand (or family of them): adds itself to the program. */
export type RegisterCommand = (program: Command, context: CliContext) => void
