import type { Problem } from '../../base/problems.ts'
import { ProblemError } from '../../base/problems.ts'
import type { Logger } from '../../base/log.ts'
import type { ConnectOptions, StoreClient } from '../client.ts'
import { ROLES } from './config.ts'
import type { Role } from './config.ts'

export type StoreClients = Readonly<Record<Role, StoreClient>> & {
  readonly readerPass?: ConnectOptions
}

/** The process behind the clients, where it is ours. */
export interface EngineLife {
  readonly pid: number
  readonly fenced: boolean
}

/** What a supervisor is given to say how it stands. */
export interface SupervisorPort {
  readonly log: Logger
  readonly stopping: AbortSignal
  /** Brings the tables up to date; then the engine counts as ready. */
  ready(clients: StoreClients, life?: EngineLife): Promise<void>
  down(problem: Problem, retryInMs: number): void
  starting(): void
  /** Whether the last call to an engine that is ready found no answer. */
  silent(isSilent: boolean): void
}

export function closeClients(clients: StoreClients): void {
  for (const role of ROLES) clients[role].close().catch(() => undefined)
}

/** The problem inside whatever was thrown. */
export function problemOf(error: unknown): Problem {
  if (error instanceof ProblemError) return error.problem
  const message = error instanceof Error ? error.message : String(error)
  return { code: 'STORE_UNAVAILABLE', message: `The store failed: ${message.slice(0, 200)}` }
}
