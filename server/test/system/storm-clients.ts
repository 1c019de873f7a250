/** Many devices that come back at once: real connections, each of which says that it is there. */
import { connect, type Socket } from 'node:net'
import { generate } from 'mqtt-packet'

export interface StormOptions {
  readonly port: number
  readonly clients: number
  /** All come within so long. */
  readonly withinMs: number
  /** Connections that stay; where more come, the oldest go. */
  readonly openMax: number
}

const HANDSHAKES_MAX = 400
/**
 * Each client has an address and port of its own choosing: where the kernel is left to find a free one it
 * looks through those that are taken, and took half a processor for it. One address has room for so many.
 */
const PORT_FIRST = 10_000
const PORTS = 22_000
/** Addresses of 127.0.0.0/8 that are tried where another program has the port. */
const ADDRESSES = 200
const ACCEPTED = Buffer.from([0x20, 2, 0, 0])
const ACKNOWLEDGED = Buffer.from([0x40, 2, 0, 1])
const ANSWER = Buffer.concat([ACCEPTED, ACKNOWLEDGED])
const READ_BYTES = 256

export const deviceOf = (number: number): string => `dev-${String(number).padStart(5, '0')}`

/** Resolves when every client was accepted and its message acknowledged; gives how long that took. */
export async function storm({ port, clients, withinMs, openMax }: StormOptions): Promise<number> {
  const open: Socket[] = []
  const from = performance.now()
  let next = 0
  let oldest = 0
  const lane = async (): Promise<void> => {
    while (next < clients) {
      const number = next
      next += 1
      const early = from + (withinMs * number) / clients - performance.now()
      if (early > 0) await new Promise((wake) => setTimeout(wake, early))
      open.push(await comeBack(port, number))
      if (open.length - oldest > openMax) open[oldest++]?.destroy()
    }
  }
  await Promise.all(Array.from({ length: Math.min(HANDSHAKES_MAX, clients) }, lane))
  const tookMs = performance.now() - from
  for (const socket of open.slice(oldest)) socket.destroy()
  return tookMs
}

async function comeBack(port: number, number: number): Promise<Socket> {
  const words = wordsOf(deviceOf(number))
  for (let tries = 0; ; tries += 1) {
    const place = Math.floor(number / PORTS) + tries * 11
    const localAddress = `127.0.0.${2 + (place % ADDRESSES)}`
    const localPort = PORT_FIRST + ((number + tries * 7_919) % PORTS)
    try {
      return await meet({ port, host: '127.0.0.1', localAddress, localPort }, words)
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      const isTaken = code === 'EADDRINUSE' || code === 'EADDRNOTAVAIL'
      if (!isTaken || tries === 20) throw error
    }
  }
}

/** The login and, without waiting for its answer (MQTT 3.1.1, 3.1.4), the message. */
function wordsOf(clientId: string): Buffer {
  const login = {
    cmd: 'connect',
    protocolId: 'MQTT',
    clientId,
    clean: true,
    keepalive: 600,
  } as const
  const payload = JSON.stringify({
    ...{ event: { action: 'mqtt-connect', outcome: 'success' } },
    ...{ iot: { mqtt: { client_id: clientId } }, labels: { sequence: `presence-${clientId}` } },
  })
  const publish = { cmd: 'publish', topic: `presence/${clientId}`, payload, qos: 1 } as const
  return Buffer.concat([
    generate({ ...login, protocolVersion: 4 }),
    generate({ ...publish, messageId: 1, dup: false, retain: false }),
  ])
}

interface Way {
  readonly port: number
  readonly host: string
  readonly localAddress: string
  readonly localPort: number
}

/** Reads into one buffer for all: what a socket got is looked at before the next is read. */
const shared = Buffer.allocUnsafe(READ_BYTES)

function meet(way: Way, words: Buffer): Promise<Socket> {
  return new Promise((resolve, reject) => {
    let read = 0
    const take = (bytes: number, buffer: Uint8Array): boolean => {
      const isRight = ANSWER.subarray(read, read + bytes).equals(buffer.subarray(0, bytes))
      read += bytes
      if (!isRight)
        reject(new Error(`the broker answered ${Buffer.from(buffer).toString('hex', 0, bytes)}`))
      else if (read === ANSWER.length) resolve(socket)
      return true
    }
    const socket = connect({ ...way, noDelay: true, onread: { buffer: shared, callback: take } })
    socket.on('error', reject)
    socket.write(words)
  })
}
