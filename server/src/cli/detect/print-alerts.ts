import type { Writable } from 'node:stream'
import type { AlertRecord } from '../../model/alert.ts'
import type { QueryPipe } from '../../model/query.ts'

/** Waits while the reader of the output is slower than we are. */
export async function writeText(stream: Writable, text: string): Promise<void> {
  if (text === '' || stream.write(text)) return
  await new Promise<void>((resolve) => {
    stream.once('drain', resolve)
    stream.once('close', resolve)
  })
}

/** One alert a line, through the pipes of an ad-hoc query. */
export class AlertPrinter {
  readonly #stream: Writable
  readonly #pipes: readonly QueryPipe[]
  /** Whether lines must wait for the end: a tail is not known before. */
  readonly #waits: boolean
  readonly #form: (alert: AlertRecord) => unknown
  #left: number
  #kept: AlertRecord[] = []
  printed = 0

  constructor(
    stream: Writable,
    pipes: readonly QueryPipe[],
    form: (alert: AlertRecord) => unknown = (alert) => alert,
  ) {
    this.#form = form
    this.#stream = stream
    this.#pipes = pipes
    this.#waits = pipes.some(({ kind }) => kind === 'tail')
    this.#left = Math.min(Number.POSITIVE_INFINITY, ...pipes.map(({ count }) => count))
  }

  async print(alerts: readonly AlertRecord[]): Promise<void> {
    if (this.#waits) {
      this.#kept.push(...alerts)
      return
    }
    await this.#write(alerts.slice(0, this.#left))
    this.#left -= Math.min(this.#left, alerts.length)
  }

  async end(): Promise<void> {
    if (!this.#waits) return
    let alerts = this.#kept
    for (const { kind, count } of this.#pipes) {
      if (kind === 'head') alerts = alerts.slice(0, count)
      else alerts = count === 0 ? [] : alerts.slice(-count)
    }
    this.#kept = []
    await this.#write(alerts)
  }

  async #write(alerts: readonly AlertRecord[]): Promise<void> {
    this.printed += alerts.length
    let text = ''
    for (const alert of alerts) text += `${JSON.stringify(this.#form(alert))}\n`
    await writeText(this.#stream, text)
  }
}
