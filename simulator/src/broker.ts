import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { Aedes, type AedesOptions, type AuthenticateError, type Client } from 'aedes'
import type { BrokerLog } from './broker-log.ts'

/** Who may connect, and which topics are theirs. */
export interface AccessList {
  password(user: string): string | undefined
  /** A device publishes below `fleet/<client id>/` only. */
  mayPublish(clientId: string, topic: string): boolean
}

export interface DemoBroker {
  readonly port: number
  close(): Promise<void>
}

interface Session {
  readonly address: string
  readonly port: number
  user: string | undefined
  connected: boolean
  refused: boolean
  replaced: boolean
}

/** An embedded MQTT broker whose doings are written in Mosquitto's words. */
export async function startBroker(
  port: number,
  log: BrokerLog,
  access: AccessList,
): Promise<DemoBroker> {
  const sessions = new WeakMap<Client, Session>()
  const live = new Map<string, Client>()
  log.line('mosquitto version 2.0.20 starting')
  const broker = await Aedes.createBroker(hooks(sessions, live, log, access))
  listen(broker, sessions, live, log)
  const server = createServer((socket) => {
    log.line(`New connection from ${peerOf(socket)} on port ${socket.localPort}.`)
    socket.on('error', () => undefined)
    broker.handle(socket)
  })
  const bound = await opened(server, port)
  log.line(`Opening ipv4 listen socket on port ${bound}.`)
  log.line('mosquitto version 2.0.20 running')
  return {
    port: bound,
    close: async () => {
      log.line('mosquitto version 2.0.20 terminating')
      server.close()
      await new Promise<void>((resolve) => broker.close(() => resolve()))
    },
  }
}

function hooks(
  sessions: WeakMap<Client, Session>,
  live: Map<string, Client>,
  log: BrokerLog,
  access: AccessList,
): AedesOptions {
  return {
    concurrency: 1_000,
    preConnect: (client, packet, done) => {
      const socket = client.conn as Socket
      const session: Session = {
        address: socket.remoteAddress ?? '127.0.0.1',
        port: socket.remotePort ?? 0,
        user: packet.username,
        connected: false,
        refused: false,
        replaced: false,
      }
      sessions.set(client, session)
      Object.assign(client, { demoConnect: packet })
      done(null, true)
    },
    authenticate: (client, user, password, done) => {
      const session = sessions.get(client)
      const expected = user === undefined ? undefined : access.password(user)
      if (expected === undefined || password?.toString() !== expected) {
        if (session !== undefined) session.refused = true
        log.line(`Sending CONNACK to ${client.id} (0, 5)`)
        const refusal = Object.assign(new Error('not authorised'), { returnCode: 5 })
        done(refusal as AuthenticateError, false)
        return
      }
      accept(client, session, live, log)
      done(null, true)
    },
    authorizePublish: (client, packet, done) => {
      if (client === null || access.mayPublish(client.id, packet.topic)) return done(null)
      const bytes = packet.payload.length
      log.line(
        `Denied PUBLISH from ${client.id} (d0, q${packet.qos}, r0, m${packet.messageId ?? 0}, ` +
          `'${packet.topic}', ... (${bytes} bytes))`,
      )
      // Mosquitto answers and drops; delivering to nobody is the same seen from outside.
      packet.topic = 'denied'
      done(null)
    },
  }
}

function accept(
  client: Client,
  session: Session | undefined,
  live: Map<string, Client>,
  log: BrokerLog,
): void {
  if (session === undefined) return
  const packet = (client as Client & { demoConnect: { keepalive?: number; clean?: boolean } })
    .demoConnect
  if (live.has(client.id))
    log.line(`Client ${client.id} already connected, closing old connection.`)
  live.set(client.id, client)
  session.connected = true
  const clean = packet.clean === false ? 0 : 1
  log.line(
    `New client connected from ${session.address}:${session.port} as ${client.id} ` +
      `(p2, c${clean}, k${packet.keepalive ?? 60}, u'${session.user}').`,
  )
  log.line('No will message specified.')
  log.line(`Sending CONNACK to ${client.id} (0, 0)`)
}

function listen(
  broker: Aedes,
  sessions: WeakMap<Client, Session>,
  live: Map<string, Client>,
  log: BrokerLog,
): void {
  broker.on('publish', (packet, client) => {
    if (client === null || packet.topic === 'denied') return
    log.line(
      `Received PUBLISH from ${client.id} (d0, q${packet.qos}, r0, m0, '${packet.topic}', ` +
        `... (${packet.payload.length} bytes))`,
    )
  })
  const ended = (client: Client, line: string): void => {
    const session = sessions.get(client)
    if (session === undefined || !session.connected) return
    session.connected = false
    if (live.get(client.id) !== client) return
    live.delete(client.id)
    log.line(line)
  }
  broker.on('keepaliveTimeout', (client) => {
    ended(client, `Client ${client.id} has exceeded timeout, disconnecting.`)
  })
  broker.on('clientDisconnect', (client) => ended(client, `Client ${client.id} disconnected.`))
  broker.on('clientError', (client) => {
    if (sessions.get(client)?.refused === true) {
      log.line(`Client ${client.id} disconnected, not authorised.`)
      return
    }
    ended(client, `Client ${client.id} closed its connection.`)
  })
  broker.on('connectionError', () => {
    log.line('Client <unknown> disconnected due to protocol error.')
  })
}

function peerOf(socket: Socket): string {
  return `${socket.remoteAddress ?? '127.0.0.1'}:${socket.remotePort ?? 0}`
}

/** The port it listens on; the system chooses one for 0. */
async function opened(server: Server, port: number): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', () => resolve())
  })
  return (server.address() as AddressInfo).port
}
