import type { Source, SourceSink } from '../../model/source.ts'
import type { SourceDeps } from '../define.ts'
import { HttpListener, type Protocol } from './listener.ts'
import type { HttpListenerOptions } from './options.ts'

/** A protocol over HTTP as a source: its listener is opened once and closed once. */
export class ProtocolSource implements Source {
  readonly #options: HttpListenerOptions
  readonly #deps: SourceDeps
  readonly #protocol: Protocol
  #listener: HttpListener | undefined
  #isStopped = false

  constructor(options: HttpListenerOptions, deps: SourceDeps, protocol: Protocol) {
    this.#options = options
    this.#deps = deps
    this.#protocol = protocol
  }

  /** Rejects with ProblemError SOURCE_LISTEN, TLS_FILE, CONFIG_SECRET, CONFIG_INVALID. */
  async start(sink: SourceSink): Promise<void> {
    if (this.#isStopped || this.#listener !== undefined) return
    this.#protocol.restore?.(sink.cursors())
    this.#listener = new HttpListener(this.#options, this.#deps, this.#protocol)
    await this.#listener.open(sink)
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    this.#protocol.stopping?.()
    await this.#listener?.close()
  }
}
