import type { Problem } from '../../base/problems.ts'
import type { Result } from '../../base/result.ts'
import { ok } from '../../base/result.ts'
import type { Logger } from '../../base/log.ts'
import type { Metrics } from '../../base/metrics.ts'
import { connectStore } from '../client.ts'
import type { ConnectOptions, StoreClient } from '../client.ts'
import { StoreError } from '../failure.ts'
import { prepareSchema } from '../schema/migrate.ts'
import { ENGINE_LIMITS, KEY_HEADER, userName } from './config.ts'
import type { EngineLimits, Role } from './config.ts'
import { findEngineLibrary } from './library.ts'
import { closeClients } from './port.ts'
import type { EngineLife, StoreClients, SupervisorPort } from './port.ts'
import { BACKOFF, superviseEmbedded, watchExternal } from './supervise.ts'
import type { Backoff } from './supervise.ts'

/** A ClickHouse server that others run. What is left out falls back to the admin's account. */
export interface ExternalStore {
  readonly url: string
  readonly accounts: Readonly<Partial<Record<Role, StoreAccount>>> & {
    readonly admin: StoreAccount
  }
  readonly headers?: Readonly<Record<string, string>>
}

export interface StoreAccount {
  readonly username: string
  readonly password: string
}

export interface StoreEngineOptions {
  /** The engine's own directory, such as DATA/store. Not used with `external`. */
  readonly dataDir: string
  readonly external?: ExternalStore
  readonly limits?: Partial<EngineLimits>
  /** Waits between two starts; doubled each time, small again after a good life. */
  readonly backoff?: Partial<Backoff>
  readonly log: Logger
  readonly metrics: Metrics
}

export type EngineState =
  | { readonly kind: 'starting' }
  | { readonly kind: 'ready' }
  | { readonly kind: 'down'; readonly problem: Problem; readonly retryInMs: number }
  | { readonly kind: 'stopped' }

/** The store as everything else sees it: there, or not there now. */
export interface StoreEngine {
  readonly mode: 'embedded' | 'external'
  state(): EngineState
  /** Called at each change of state. */
  onState(listener: (state: EngineState) => void): () => void
  /** Resolves when it is ready; false where it was stopped or the signal came first. */
  whenReady(signal?: AbortSignal): Promise<boolean>
  /** The connection of a role. Throws StoreError `unavailable` while there is none. */
  client(role: Role): StoreClient
  /** What another process of this machine's owner needs to read; undefined while it is down. */
  readerPass(): ConnectOptions | undefined
  /** Process id of the embedded engine, while there is one. */
  pid(): number | undefined
  restarts(): number
  /** It is ready, as far as one knows, but gives no answers: overloaded or stopped. */
  silent(): boolean
  /** The embedded engine is kept from all files but its own (bin/store-engine.mjs). */
  fenced(): boolean
  stop(): Promise<void>
}

/**
 * Starts the engine's supervision and returns at once: the engine comes up, is restarted when it
 * dies, and is found by `whenReady`. Fails only where it can never work: STORE_UNSUPPORTED.
 */
export function startStoreEngine(options: StoreEngineOptions): Result<StoreEngine> {
  const engine = new SupervisedEngine(options)
  const backoff = { ...BACKOFF, ...options.backoff }
  if (options.external !== undefined) {
    const external = options.external
    engine.run((port) => watchExternal(port, backoff, () => connectExternal(external)))
    return ok(engine)
  }
  const library = findEngineLibrary(process.platform, process.arch)
  if (!library.ok) return library
  engine.run((port) =>
    superviseEmbedded(port, {
      library: library.value,
      dataDir: options.dataDir,
      limits: { ...ENGINE_LIMITS, ...options.limits },
      backoff,
      connect: (url, secrets) =>
        clientsOf((role) => ({
          url,
          username: userName(role),
          password: secrets.passwords[role],
          headers: { [KEY_HEADER]: secrets.key },
        })),
    }),
  )
  return ok(engine)
}

function connectExternal(external: ExternalStore): StoreClients {
  return clientsOf((role) => {
    const account = external.accounts[role] ?? external.accounts.admin
    const { headers } = external
    return { url: external.url, ...account, ...(headers !== undefined && { headers }) }
  }, external.accounts.reader !== undefined)
}

/** A pass is given only for an account that can do nothing but read. */
function clientsOf(accessOf: (role: Role) => ConnectOptions, withPass = true): StoreClients {
  const connect = (role: Role): StoreClient => connectStore(accessOf(role))
  const clients = { admin: connect('admin'), writer: connect('writer'), reader: connect('reader') }
  return withPass ? { ...clients, readerPass: accessOf('reader') } : clients
}

class SupervisedEngine implements StoreEngine {
  readonly mode: 'embedded' | 'external'
  readonly #options: StoreEngineOptions
  readonly #listeners = new Set<(state: EngineState) => void>()
  readonly #stopping = new AbortController()
  #state: EngineState = { kind: 'starting' }
  #clients: StoreClients | undefined
  #life: EngineLife | undefined
  #restarts = -1
  #silent = false
  #running: Promise<void> = Promise.resolve()

  constructor(options: StoreEngineOptions) {
    this.#options = options
    this.mode = options.external === undefined ? 'embedded' : 'external'
  }

  run(supervise: (port: SupervisorPort) => Promise<void>): void {
    const { metrics, log } = this.#options
    const restarted = metrics.counter(
      'picket_store_restarts_total',
      'Restarts of the store engine.',
    )
    const up = metrics.gauge('picket_store_up', '1 while the store engine answers.')
    up.set(0)
    this.#running = supervise({
      log,
      stopping: this.#stopping.signal,
      ready: async (clients, life) => {
        await prepareSchema(clients.admin)
        this.#clients = clients
        this.#life = life
        up.set(1)
        this.#enter({ kind: 'ready' })
      },
      down: (problem, retryInMs) => {
        up.set(0)
        this.#drop()
        this.#enter({ kind: 'down', problem, retryInMs })
        log.warn({ code: problem.code, retryInMs, reason: problem.message }, 'The store is down.')
      },
      silent: (isSilent) => {
        if (isSilent && !this.#silent) log.warn({}, 'The store gives no answer.')
        this.#silent = isSilent
      },
      starting: () => {
        this.#silent = false
        this.#restarts++
        if (this.#restarts > 0) restarted.inc()
      },
    })
  }

  state(): EngineState {
    return this.#state
  }

  onState(listener: (state: EngineState) => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  whenReady(signal?: AbortSignal): Promise<boolean> {
    const settled = (): boolean | undefined => {
      if (this.#state.kind === 'ready') return true
      return this.#state.kind === 'stopped' || signal?.aborted === true ? false : undefined
    }
    const now = settled()
    if (now !== undefined) return Promise.resolve(now)
    return new Promise((resolve) => {
      const check = (): void => {
        const answer = settled()
        if (answer === undefined) return
        forget()
        signal?.removeEventListener('abort', check)
        resolve(answer)
      }
      const forget = this.onState(check)
      signal?.addEventListener('abort', check)
    })
  }

  client(role: Role): StoreClient {
    if (this.#clients !== undefined) return this.#clients[role]
    const reason = this.#state.kind === 'down' ? ` ${this.#state.problem.message}` : ''
    throw new StoreError('unavailable', `The store is ${this.#state.kind}.${reason}`)
  }

  readerPass(): ConnectOptions | undefined {
    return this.#clients?.readerPass
  }

  pid(): number | undefined {
    return this.#life?.pid
  }

  restarts(): number {
    return Math.max(0, this.#restarts)
  }

  silent(): boolean {
    return this.#state.kind === 'ready' && this.#silent
  }

  fenced(): boolean {
    return this.#life?.fenced === true
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#running
    this.#drop()
    if (this.#state.kind !== 'stopped') this.#enter({ kind: 'stopped' })
  }

  #drop(): void {
    const clients = this.#clients
    this.#clients = undefined
    this.#life = undefined
    if (clients !== undefined) closeClients(clients)
  }

  #enter(state: EngineState): void {
    this.#state = state
    for (const listener of this.#listeners) listener(state)
  }
}
