import type { Server } from 'node:net'
import { ProblemError } from '../base/problems.ts'
import type { ListenAddress } from '../model/options.ts'

/** Binds a server. Rejects with ProblemError SOURCE_LISTEN where the address cannot be had. */
export async function listen(server: Server, address: ListenAddress): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const failed = (error: Error): void => reject(new ProblemError(cannotListen(address, error)))
    server.once('error', failed)
    server.listen(address.port, address.host, () => {
      server.off('error', failed)
      server.on('error', () => undefined)
      resolve()
    })
  })
}

export function cannotListen(address: ListenAddress, error: NodeJS.ErrnoException) {
  const message = `cannot listen on ${address.host}:${address.port}: ${error.code ?? error.message}`
  return { code: 'SOURCE_LISTEN', message } as const
}
