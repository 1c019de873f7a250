import { connect as connectSocket, createServer } from 'node:net'
import { MqttClient, type IClientOptions } from 'mqtt'

export interface Login {
  readonly id: string
  readonly user: string
  readonly password: string
  /** Address the connection comes from. */
  readonly address: string
  readonly keepalive?: number
  /** Tries again after this long; 0: once only. */
  readonly reconnectMs?: number
}

/** A real MQTT client over a socket bound to the given loopback address. */
export function openClient(port: number, login: Login): MqttClient {
  const options: IClientOptions = {
    clientId: login.id,
    username: login.user,
    password: login.password,
    keepalive: login.keepalive ?? 60,
    reconnectPeriod: login.reconnectMs ?? 0,
    connectTimeout: 10_000,
    // As devices that buffer nothing: what could not be sent is gone.
    queueQoSZero: false,
  }
  const client = new MqttClient(
    () => connectSocket({ host: '127.0.0.1', port, localAddress: login.address }),
    options,
  )
  client.on('error', () => undefined)
  return client
}

/** Whether this system lets a program use 127.x.y.z as its own address (Linux does, macOS does not). */
export async function hasLoopbackRange(): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(0, '127.66.6.6', () => server.close(() => resolve(true)))
  })
}
