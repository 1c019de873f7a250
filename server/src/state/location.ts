import { join } from 'node:path'

/** Where the embedded state lies in a data directory. */
export function stateFile(dataDir: string): string {
  return join(dataDir, 'state.db')
}

/** Where a running server is asked by the commands of its host. */
export function controlSocket(dataDir: string): string {
  return join(dataDir, 'control.sock')
}
