/** Many devices that come back at once: real connections, each of which says that it is there. */
import { connect, type Socket } from 'node:net'
import { generate, type Packet, parser } from 'mqtt-packet'

export interface StormOptions {
  readonly port: number
  readonly clients: number
  /** All come within so long. */
  readonly withinMs: number
  /** Connections that stay; where more come, the oldest go. */
  readonly openMax: number
}

const HANDSHAKES_MAX = 400
/** A source address has 28,000 ports; several are used. */
const ADDRESSES = 4

export const deviceOf = (number: number): string => `dev-${String(number).padStart(5, '0')}`

/** Resolves when every client was accepted and its message acknowledged; gives how long that took. */
export async function storm({ port, clients, withinMs, openMax }: StormOptions): Promise<number> {
  const open: Socket[] = []
  const from = performance.now()
  let next = 0
  const lane = async (): Promise<void> => {
    while (next < clients) {
      const number = next
      next += 1
      const early = from + (withinMs * number) / clients - performance.now()
      if (early > 0) await new Promise((wake) => setTimeout(wake, early))
      open.push(await comeBack(port, number))
      if (open.length > openMax) open.shift()?.destroy()
    }
  }
  await Promise.all(Array.from({ length: Math.min(HANDSHAKES_MAX, clients) }, lane))
  const tookMs = performance.now() - from
  for (const socket of open) socket.destroy()
  return tookMs
}

function comeBack(port: number, number: number): Promise<Socket> {
  const clientId = deviceOf(number)
  return new Promise((resolve, reject) => {
    const localAddress = `127.0.0.${2 + (number % ADDRESSES)}`
    const socket = connect({ port, host: '127.0.0.1', localAddress })
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
    const reader = parser()
    reader.on('packet', (packet: Packet) => {
      if (packet.cmd === 'connack' && packet.returnCode === 0) {
        socket.write(generate({ ...publish, messageId: 1, dup: false, retain: false }))
      } else if (packet.cmd === 'puback') resolve(socket)
      else reject(new Error(`${clientId}: ${JSON.stringify(packet)}`))
    })
    socket.on('connect', () => socket.write(generate({ ...login, protocolVersion: 4 })))
    socket.on('data', (chunk: Buffer) => void reader.parse(chunk))
    socket.on('error', reject)
  })
}
