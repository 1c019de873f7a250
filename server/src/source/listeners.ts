import type { Source, SourceSink } from '../model/source.ts'
import { type SourceCounters, sourceCounters, type SourceDeps } from './define.ts'
import { Delivering, waitForEnd } from './delivering.ts'

/** What listeners of one source share. */
export interface ListenerContext {
  readonly deps: SourceDeps
  readonly counters: SourceCounters
  readonly sink: SourceSink
  readonly delivering: Delivering
}

export interface Listener {
  /** Rejects with ProblemError SOURCE_LISTEN, TLS_FILE. */
  open(): Promise<void>
  close(): Promise<void>
}

/** A source of some sockets whose messages are delivered together. */
export class ListenersSource implements Source {
  readonly #deps: SourceDeps
  readonly #make: (context: ListenerContext) => Listener[]
  #listeners: Listener[] = []
  #delivering: Delivering | undefined
  #isStopped = false

  constructor(deps: SourceDeps, make: (context: ListenerContext) => Listener[]) {
    this.#deps = deps
    this.#make = make
  }

  /** Rejects, with nothing left open, where one of the listeners cannot be opened. */
  async start(sink: SourceSink): Promise<void> {
    if (this.#isStopped || this.#delivering !== undefined) return
    const deps = this.#deps
    const counters = sourceCounters(deps.metrics, deps.name)
    const delivering = new Delivering(sink, deps, counters)
    delivering.onTrouble = (detail) =>
      sink.status(detail === undefined ? 'connected' : 'paused', detail)
    this.#delivering = delivering
    this.#listeners = this.#make({ deps, counters, sink, delivering })
    try {
      for (const listener of this.#listeners) await listener.open()
    } catch (error) {
      await this.stop()
      throw error
    }
    sink.status('connected')
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    this.#delivering?.stop()
    const listeners = this.#listeners.splice(0)
    await waitForEnd(Promise.all(listeners.map((listener) => listener.close())))
  }
}
