import type { HuntProgress } from '../../hunt/hunt.ts'
import type { CliContext } from '../context.ts'

const SHOW_EVERY_MS = 250

/** One line on a terminal, written over again and again. */
export class ProgressLine {
  readonly #context: CliContext
  #shownMs = Number.NEGATIVE_INFINITY
  #shown = false

  constructor(context: CliContext) {
    this.#context = context
  }

  show({ events, total, timeMs }: HuntProgress): void {
    const nowMs = performance.now()
    if (!this.#context.interactive || nowMs - this.#shownMs < SHOW_EVERY_MS) return
    this.#shownMs = nowMs
    this.#shown = true
    const share = total === 0 ? 100 : Math.floor((events / total) * 100)
    const at = new Date(timeMs).toISOString().slice(0, 16)
    this.#context.stderr.write(`\r${share}% of ${total} events, at ${at}Z `)
  }

  clear(): void {
    if (this.#shown) this.#context.stderr.write('\r\u001b[K')
    this.#shown = false
  }
}
