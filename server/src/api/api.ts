import { chmodSync, existsSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import type { FastifyInstance } from 'fastify'
import type { Clock } from '../base/clock.ts'
import type { Logger } from '../base/log.ts'
import type { MetricsRegistry } from '../base/metrics.ts'
import { isLoopback } from '../base/net.ts'
import { ProblemError } from '../base/problems.ts'
import type { PackedRules } from '../detect/rules-control.ts'
import type { HuntDesk } from '../hunt/desk.ts'
import type { AssetDesk, ConfigDesk, RuleDesk, SourceDesk } from '../model/desks.ts'
import type { Journal } from '../model/journal.ts'
import type { Search } from '../model/search.ts'
import { createOidc, type Oidc } from '../people/oidc/oidc.ts'
import type { OidcSettings } from '../people/oidc/settings.ts'
import type { ScryptCost } from '../people/password.ts'
import { createPeople, type Known, type People } from '../people/people.ts'
import type { DeadLetters } from '../retain/dead-letters.ts'
import type { State } from '../state/state.ts'
import { type AccessRecorder, createAccessRecorder } from './access-recorder.ts'
import { serverTls, type TlsMaterial } from '../vault/tls.ts'
import { createAuthenticate } from './cookies.ts'
import { createOnce } from './idempotency.ts'
import { describeApi } from './openapi.ts'
import type { Route } from './route.ts'
import { alertRoutes } from './routes/alerts.ts'
import { assetRoutes } from './routes/assets.ts'
import { deadLetterRoutes } from './routes/dead-letters.ts'
import { exportRoutes } from './routes/exports.ts'
import { huntRoutes } from './routes/hunts.ts'
import { oidcRoutes } from './routes/oidc.ts'
import { ruleRoutes } from './routes/rules.ts'
import { searchRoutes } from './routes/search.ts'
import { sessionRoutes } from './routes/session.ts'
import { type Readiness, statusRoutes } from './routes/status.ts'
import { sourceRoutes } from './routes/sources.ts'
import { localRoutes, type StorePass } from './routes/store-pass.ts'
import { type StreamDeps, streamRoutes } from './routes/stream.ts'
import { userRoutes } from './routes/users.ts'
import { buildServer } from './server.ts'

export interface ApiOptions {
  readonly clock: Clock
  readonly log: Logger
  readonly metrics: MetricsRegistry
  readonly journal: Pick<Journal, 'append'>
  readonly state: State
  readonly deadLetters: Pick<DeadLetters, 'replay'>
  /** Absent where no event store runs. */
  readonly search?: Search
  /** Absent where no event store runs. */
  readonly hunts?: HuntDesk
  /** Given out on the control socket alone; undefined while the store is down. */
  readonly storePass?: () => StorePass | undefined
  readonly rulesInForce?: () => PackedRules
  readonly readiness: () => Readiness
  /** The running configuration, secrets left out. */
  readonly config: () => unknown
  readonly version: string
  /** Absent where rules and configuration cannot be changed while running. */
  readonly rules?: RuleDesk
  readonly assets?: AssetDesk
  readonly configDesk?: ConfigDesk
  readonly sources?: SourceDesk
  /** Of what `listen` opens: see ServerOptions. */
  readonly trustedProxies?: readonly string[]
  /** TLS for what `listen` opens. */
  readonly tls?: TlsMaterial
  /** New alert revisions were written: `Responder.onAlerts`. */
  readonly onAlerts?: (listener: () => void) => () => void
  /** What a check of a password costs; less only in tests. */
  readonly cost?: ScryptCost
  /** Logins by an OpenID provider. */
  readonly oidc?: OidcSettings
  /** The first password was changed: time to forget `first-run.json`. */
  readonly onPasswordChanged?: () => void
}

export interface ListenAt {
  readonly host: string
  readonly port: number
  /** Said in as many words: others may reach it, and it speaks no TLS. */
  readonly plaintext?: boolean
}

export interface Api {
  /** Resolves with the URL once it listens. Rejects with ProblemError API_SOCKET, TLS_REQUIRED. */
  listen(at: ListenAt): Promise<string>
  /** New certificates for the connections to come; those under way go on. */
  replaceTls(tls: TlsMaterial): void
  /** The control socket (0600): whoever may open it is an admin of this server. */
  listenLocal(path: string): Promise<void>
  /** The server behind `listen`, for tests by `inject`. */
  readonly app: FastifyInstance
  /** Every route that both servers have; the control socket has a few of its own. */
  readonly routes: readonly Route[]
  /** Stops taking requests, ends those under way, writes the last access records. Safe twice. */
  close(): Promise<void>
}

/** What `sun_path` of a socket's address holds (unix(7)): 108 bytes on Linux, 104 elsewhere, with a NUL. */
const SOCKET_PATH_MAX = process.platform === 'linux' ? 107 : 103

const LOCAL: Known = {
  principal: { kind: 'local', id: 'local', roles: ['admin'] },
  mustChange: false,
}

export function createApi(options: ApiOptions): Api {
  const { clock, log, metrics, journal } = options
  const recorder = createAccessRecorder({ journal, clock, metrics })
  const people = createPeople(options)
  const watching = new Set<() => void>()
  const onChange = (listener: () => void): (() => void) => {
    watching.add(listener)
    return () => void watching.delete(listener)
  }
  const routes = apiRoutes({ ...options, onChange }, people, recorder)
  const once = createOnce(options)
  const shared = { routes, recorder, clock, log, metrics, once }
  const authenticate = createAuthenticate(people)
  const secure = options.tls === undefined ? {} : { tls: options.tls }
  const { trustedProxies = [] } = options
  const network = { ...secure, trustedProxies, authenticate, recordOrRefuse: true }
  const app = buildServer({ ...shared, ...network })
  const local = buildServer({
    ...shared,
    routes: [
      ...routes,
      ...localRoutes({ storePass: options.storePass, rulesInForce: options.rulesInForce }),
    ],
    authenticate: async () => LOCAL,
    recordOrRefuse: false,
  })
  for (const one of [app, local]) {
    // Before the answer: whoever is told that a session has ended can rely on it.
    one.addHook('onSend', async ({ method }) => {
      if (method !== 'GET') for (const listener of watching) listener()
    })
  }
  let closed: Promise<void> | undefined
  let socketPath: string | undefined
  return {
    app,
    routes,
    replaceTls: (tls) => {
      const { server } = app
      if ('setSecureContext' in server && typeof server.setSecureContext === 'function') {
        server.setSecureContext(serverTls(tls))
      }
    },
    listen: async ({ host, port, plaintext }) => {
      if (options.tls === undefined && plaintext !== true && !isLoopback(host)) {
        throw new ProblemError({
          code: 'TLS_REQUIRED',
          message: `The API would be reached at ${host} without TLS.`,
          hint: 'set api.tls, or api.plaintext: true to say that the network is trusted',
        })
      }
      try {
        return await app.listen({ host, port })
      } catch (error) {
        const message = `The API cannot listen on ${host}:${port}: ${messageOf(error)}`
        throw new ProblemError({ code: 'API_SOCKET', message })
      }
    },
    listenLocal: async (path) => {
      // A longer one would be cut without a word: the socket would stand elsewhere, open to others.
      const bytes = Buffer.byteLength(path)
      if (bytes > SOCKET_PATH_MAX) {
        const message = `The path of the control socket has ${bytes} bytes; ${SOCKET_PATH_MAX} are the most.`
        const hint = 'choose a data directory with a shorter path'
        throw new ProblemError({ code: 'API_SOCKET', message, hint, at: { file: path } })
      }
      await clearStale(path)
      try {
        await local.listen({ path })
        chmodSync(path, 0o600)
        socketPath = path
      } catch (error) {
        const message = `The control socket could not be made: ${messageOf(error)}`
        throw new ProblemError({ code: 'API_SOCKET', message, at: { file: path } })
      }
    },
    close: () => {
      closed ??= (async () => {
        await Promise.all([app.close(), local.close()])
        await recorder.drain()
        if (socketPath !== undefined) rmSync(socketPath, { force: true })
      })()
      return closed
    },
  }
}

/** Every route of the server, in one table. */
export function apiRoutes(
  options: ApiOptions & Partial<Pick<StreamDeps, 'onChange'>>,
  people: People,
  recorder: AccessRecorder,
): readonly Route[] {
  const { state, deadLetters, search, clock, metrics, readiness, config } = options
  const onPasswordChanged = options.onPasswordChanged ?? (() => undefined)
  const { oidc: settings } = options
  const oidc: Oidc | undefined =
    settings === undefined ? undefined : createOidc({ ...options, settings, people })
  let openapi: string | undefined
  const routes: readonly Route[] = [
    ...statusRoutes({ metrics, readiness, config, openapi: () => (openapi ??= described()) }),
    ...alertRoutes({ state }),
    ...deadLetterRoutes({ state, deadLetters }),
    ...searchRoutes({ search, clock }),
    ...exportRoutes({ state, recorder }),
    ...huntRoutes({ hunts: options.hunts, clock, recorder }),
    ...streamRoutes({ state, recorder, onAlerts: options.onAlerts, onChange: options.onChange }),
    ...ruleRoutes({ rules: options.rules, configDesk: options.configDesk }),
    ...assetRoutes({ assets: options.assets }),
    ...sourceRoutes({ sources: options.sources }),
    ...sessionRoutes({ state, people, oidc, onPasswordChanged }),
    ...oidcRoutes({ oidc, people }),
    ...userRoutes(options),
  ]
  const described = (): string =>
    `${JSON.stringify(describeApi(routes, options.version), null, 2)}\n`
  return routes
}

/** A socket that nobody answers on was left by a server that was killed. */
async function clearStale(path: string): Promise<void> {
  if (!existsSync(path)) return
  const alive = await new Promise<boolean>((resolve) => {
    const socket = connect(path)
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
  if (!alive) rmSync(path, { force: true })
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : 'unknown')
