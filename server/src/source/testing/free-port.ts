import { createSocket } from 'node:dgram'
import { createServer } from 'node:net'

/** Below what systems give to connections by themselves, so that none of these takes the port meanwhile. */
const FIRST = 12_000
const COUNT = 18_000
let asked = 0

/**
 * A port of 127.0.0.1 that nobody has right now, for TCP and UDP. Processes that ask at the same time begin at
 * different places.
 */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < COUNT; tries += 1) {
    const port = FIRST + ((process.pid * 97 + asked) % COUNT)
    asked += 1
    if ((await isFree('tcp', port)) && (await isFree('udp', port))) return port
  }
  throw new Error('no port')
}

function isFree(kind: 'tcp' | 'udp', port: number): Promise<boolean> {
  return new Promise((resolve) => {
    if (kind === 'tcp') {
      const server = createServer().once('error', () => resolve(false))
      server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
    } else {
      const socket = createSocket('udp4').once('error', () => resolve(false))
      socket.bind(port, '127.0.0.1', () => socket.close(() => resolve(true)))
    }
  })
}
