import { type Problem, ProblemError } from '../base/problems.ts'
import type { FromWriter, Reply, ToWriter, TrimRequest, WriteRequest } from './protocol.ts'
import type { JournalWriter } from './writer.ts'

const GROUP_REQUESTS_MAX = 512
const GROUP_BYTES_MAX = 16 * 1024 * 1024

/** One thread that uses the journal, as the writing side sees it. */
export interface Client {
  post(message: FromWriter): void
}

interface Waiting<R> {
  readonly client: Client
  readonly request: R
}

/**
 * Group commit: what came in while the last transaction was flushed goes into the next one together.
 * Trimming and the retiring of keys take small steps in between.
 */
export class WriterLoop {
  readonly #writer: JournalWriter
  readonly #clients = new Set<Client>()
  #writes: Waiting<WriteRequest>[] = []
  #trims: (Waiting<TrimRequest> & { removed: number })[] = []
  #retireAtMs: number | undefined
  #scheduled = false
  #closing: Client | undefined
  #trouble: Problem | undefined
  readonly #onClosed: () => void

  constructor(writer: JournalWriter, onClosed: () => void) {
    this.#writer = writer
    this.#onClosed = onClosed
  }

  join(client: Client): void {
    this.#clients.add(client)
  }

  leave(client: Client): void {
    this.#clients.delete(client)
  }

  take(client: Client, message: Exclude<ToWriter, { kind: 'attach' }>): void {
    switch (message.kind) {
      case 'append':
      case 'reader':
        this.#writes.push({ client, request: message })
        break
      case 'trim':
        this.#trims.push({ client, request: message, removed: 0 })
        break
      case 'close':
        this.#closing = client
        break
    }
    this.#schedule()
  }

  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      this.#step()
    })
  }

  #step(): void {
    if (this.#writes.length > 0) this.#commit()
    if (this.#trims.length > 0) this.#trim()
    else if (this.#writes.length === 0 && this.#retireAtMs !== undefined) this.#retire()
    this.#sayTrouble()
    const idle = this.#writes.length === 0 && this.#trims.length === 0
    if (idle && this.#closing !== undefined) this.#close(this.#closing)
    else if (!idle || this.#retireAtMs !== undefined) this.#schedule()
  }

  #commit(): void {
    const group = this.#takeGroup()
    const replies = this.#writer.commit(group.map(({ request }) => request))
    const byClient = new Map<Client, Reply[]>()
    let appended = false
    for (const [index, { client, request }] of group.entries()) {
      const reply = replies[index]
      if (reply === undefined) continue
      if (reply.ok && request.kind === 'append') appended = true
      const list = byClient.get(client)
      if (list === undefined) byClient.set(client, [reply])
      else list.push(reply)
    }
    for (const [client, list] of byClient) client.post({ kind: 'replies', replies: list })
    if (appended) for (const client of this.#clients) client.post({ kind: 'appended' })
  }

  #takeGroup(): Waiting<WriteRequest>[] {
    let bytes = 0
    let count = 0
    for (const { request } of this.#writes) {
      if (request.kind === 'append') bytes += request.payload.byteLength
      if (count > 0 && bytes > GROUP_BYTES_MAX) break
      count += 1
      if (count >= GROUP_REQUESTS_MAX) break
    }
    return this.#writes.splice(0, count)
  }

  #trim(): void {
    const trim = this.#trims[0]
    if (trim === undefined) return
    const { id, upTo, nowMs } = trim.request
    let reply: Reply | undefined
    try {
      const { removed, done } = this.#writer.trimStep(upTo, nowMs)
      trim.removed += removed
      if (done) reply = { id, ok: true, value: trim.removed }
    } catch (error) {
      if (!(error instanceof ProblemError)) throw error
      reply = { id, ok: false, problem: error.problem }
    }
    if (reply === undefined) return
    this.#trims.shift()
    this.#retireAtMs = nowMs
    trim.client.post({ kind: 'replies', replies: [reply] })
  }

  #retire(): void {
    const { gone, more } = this.#writer.retireKeys(this.#retireAtMs ?? 0)
    if (!more) this.#retireAtMs = undefined
    if (gone.length === 0) return
    for (const client of this.#clients) client.post({ kind: 'keys-gone', ids: gone })
  }

  #sayTrouble(): void {
    const { trouble } = this.#writer
    if (trouble?.message === this.#trouble?.message) return
    this.#trouble = trouble
    for (const client of this.#clients) client.post({ kind: 'trouble', problem: trouble })
  }

  #close(client: Client): void {
    this.#closing = undefined
    void this.#writer.close().finally(() => {
      client.post({ kind: 'closed' })
      this.#onClosed()
    })
  }
}
