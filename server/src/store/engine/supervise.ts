import { sql } from '../sql.ts'
import type { EngineLimits, EngineSecrets } from './config.ts'
import { closeClients, problemOf } from './port.ts'
import type { StoreClients, SupervisorPort } from './port.ts'
import { startEngineProcess } from './process.ts'
import type { EngineProcess } from './process.ts'

export interface Backoff {
  readonly minMs: number
  readonly maxMs: number
}

export const BACKOFF: Backoff = { minMs: 250, maxMs: 15_000 }
/** A life this long was a good one: the next back-off starts small again. */
const GOOD_LIFE_MS = 30_000
const PULSE_EVERY_MS = 2_000
const PULSE_TIMEOUT_MS = 3_000
/** One that is silent this long is ended; one that only works hard answers in between. */
const SILENCE_MS_MAX = 60_000
const STOP_GRACE_MS = 5_000

/** Starts the engine's process over and over until told to stop. */
export async function superviseEmbedded(
  port: SupervisorPort,
  options: {
    readonly library: string
    readonly dataDir: string
    readonly limits: EngineLimits
    readonly backoff: Backoff
    connect(url: string, secrets: EngineSecrets): StoreClients
  },
): Promise<void> {
  const { minMs, maxMs } = options.backoff
  let backoffMs = minMs
  while (!port.stopping.aborted) {
    port.starting()
    const started = await startEngineProcess(options)
    let problem = started.ok ? undefined : started.problem
    if (started.ok) {
      const life = started.value
      if (!life.fenced) port.log.warn({}, 'The kernel has no landlock: the store runs unfenced.')
      const bornMs = performance.now()
      const clients = options.connect(life.url, life.secrets)
      problem = await live(port, life, clients)
      closeClients(clients)
      if (performance.now() - bornMs > GOOD_LIFE_MS) backoffMs = minMs
    }
    if (port.stopping.aborted || problem === undefined) return
    port.down(problem, backoffMs)
    await pause(backoffMs, port.stopping)
    backoffMs = Math.min(backoffMs * 2, maxMs)
  }
}

/** Until the process ends by itself, answers no more, or is told to stop (then: undefined). */
async function live(
  port: SupervisorPort,
  life: EngineProcess,
  clients: StoreClients,
): Promise<ReturnType<typeof problemOf> | undefined> {
  const over = new AbortController()
  const died = life.ended.then((said) => {
    over.abort()
    return said
  })
  try {
    await port.ready(clients, life)
  } catch (error) {
    await life.stop(STOP_GRACE_MS)
    return problemOf(error)
  }
  const until = AbortSignal.any([port.stopping, over.signal])
  const hung = await watchPulse(clients, until, port)
  if (port.stopping.aborted && !over.signal.aborted) {
    // It waits for connections that stay open.
    closeClients(clients)
    await life.stop(STOP_GRACE_MS)
    return undefined
  }
  if (hung) life.kill()
  const said = await died
  const reason = hung
    ? 'it did not answer and was ended'
    : (said.split('\n')[0] ?? '').slice(0, 300)
  return { code: 'STORE_UNAVAILABLE', message: `The store's engine went away: ${reason}` }
}

/** Comes back with true when no call found an answer for long; with false at the signal. */
async function watchPulse(
  clients: StoreClients,
  until: AbortSignal,
  port: SupervisorPort,
): Promise<boolean> {
  let heardMs = performance.now()
  while (!until.aborted) {
    await pause(PULSE_EVERY_MS, until)
    if (until.aborted) return false
    const isHeard = await answers(clients, until)
    if (isHeard) heardMs = performance.now()
    if (!until.aborted) port.silent(!isHeard)
    if (performance.now() - heardMs > SILENCE_MS_MAX) return true
  }
  return false
}

/** Any answer counts, a refusal too. */
async function answers(clients: StoreClients, signal: AbortSignal): Promise<boolean> {
  try {
    await clients.admin.query(sql`SELECT 1`, { timeoutMs: PULSE_TIMEOUT_MS, signal })
    return true
  } catch (error) {
    return problemOf(error).code !== 'STORE_UNAVAILABLE'
  }
}

/** An external server is not ours to start: it is asked until it answers, and watched. */
export async function watchExternal(
  port: SupervisorPort,
  backoff: Backoff,
  connect: () => StoreClients,
): Promise<void> {
  let backoffMs = backoff.minMs
  while (!port.stopping.aborted) {
    port.starting()
    const clients = connect()
    try {
      await port.ready(clients)
      backoffMs = backoff.minMs
      const hung = await watchPulse(clients, port.stopping, port)
      if (hung) port.down({ code: 'STORE_UNAVAILABLE', message: 'The store went away.' }, backoffMs)
    } catch (error) {
      port.down(problemOf(error), backoffMs)
    }
    closeClients(clients)
    await pause(backoffMs, port.stopping)
    backoffMs = Math.min(backoffMs * 2, backoff.maxMs)
  }
}

/** Waits, or comes back early at the signal. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, ms)
    signal.addEventListener('abort', done)
  })
}
