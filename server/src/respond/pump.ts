import type { Logger } from '../base/log.ts'
import { clearOutbox, type Pending, readOutbox } from '../state/flow.ts'
import type { State } from '../state/state.ts'
import type { Outlet } from './outlet.ts'

const BATCH_MAX = 100
const RETRY_FIRST_MS = 500
const RETRY_MAX_MS = 60_000
/** What cannot be told by then waits in the outbox for the next start. */
const STOP_MS = 5_000

export interface PumpOptions {
  readonly state: State
  readonly outlet: Outlet
  readonly log: Logger
  readonly told: (pending: Pending) => void
}

/** Empties one outlet's part of the outbox: read, tell, take out; again after a failure. */
export class Pump {
  readonly #options: PumpOptions
  #started = false
  #kicked = false
  #stopping = false
  #running: Promise<void> | undefined
  #wake: (() => void) | undefined
  #failure: string | undefined

  constructor(options: PumpOptions) {
    this.#options = options
  }

  /** Why the outlet is not telling at present; undefined when all is well. */
  get failure(): string | undefined {
    return this.#failure
  }

  /** There may be something to tell. */
  kick(): void {
    this.#kicked = true
    if (this.#running !== undefined || this.#stopping) return
    this.#running = this.#run().finally(() => {
      this.#running = undefined
      if (this.#kicked && !this.#stopping) this.kick()
    })
  }

  /** Resolves once what is under way is told and, unless it fails, all that was queued. */
  async stop(): Promise<void> {
    if (this.#failure === undefined) await this.#within(STOP_MS)
    this.#stopping = true
    this.#wake?.()
    await this.#within(STOP_MS)
    await this.#options.outlet.close?.()
  }

  async idle(): Promise<void> {
    while (this.#running !== undefined) await this.#running
  }

  async #run(): Promise<void> {
    let delayMs = RETRY_FIRST_MS
    while (this.#kicked && !this.#stopping) {
      this.#kicked = false
      try {
        while (!this.#stopping && (await this.#step()) > 0);
        this.#failure = undefined
        delayMs = RETRY_FIRST_MS
      } catch (error) {
        this.#kicked = true
        // Part of it may have been told: look again, where the outlet can.
        this.#started = false
        this.#failure = error instanceof Error ? error.message : 'unknown failure'
        const { outlet, log } = this.#options
        log.warn({ outlet: outlet.name, why: this.#failure, delayMs }, 'Alerts could not be told.')
        await this.#pause(delayMs)
        delayMs = Math.min(delayMs * 2, RETRY_MAX_MS)
      }
    }
  }

  async #step(): Promise<number> {
    const { state, outlet, told } = this.#options
    const pending = await state.query((db) => readOutbox(state, db, outlet.name, BATCH_MAX))
    if (pending.length === 0) return 0
    const before = this.#started ? undefined : await outlet.alreadyTold?.(pending)
    const open = before === undefined ? pending : pending.filter((one) => !before.has(one))
    if (open.length > 0) await outlet.tell(open)
    this.#started = true
    // Lost with the power, it is told again.
    await state.transact((db) => clearOutbox(state, db, outlet.name, pending), 'replayable')
    for (const one of open) told(one)
    return pending.length
  }

  async #within(ms: number): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, ms)
    })
    await Promise.race([this.idle(), late])
    clearTimeout(timer)
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms)
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }
}
