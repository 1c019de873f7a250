import { appendFileSync, renameSync, statSync } from 'node:fs'

const ROTATE_BYTES = 20 * 2 ** 20
const FLUSH_MS = 50

/**
 * The broker's log as Mosquitto 2.0.20 words it, with the default stamps (epoch seconds). Rotates by
 * rename once it is large, as logrotate would.
 */
export class BrokerLog {
  readonly #path: string
  #lines: string[] = []
  #bytes: number
  readonly #timer: NodeJS.Timeout

  constructor(path: string) {
    this.#path = path
    this.#bytes = sizeOf(path)
    this.#timer = setInterval(() => this.flush(), FLUSH_MS)
  }

  line(text: string): void {
    this.#lines.push(`${Math.floor(Date.now() / 1_000)}: ${text}\n`)
  }

  flush(): void {
    if (this.#lines.length === 0) return
    if (this.#bytes > ROTATE_BYTES) {
      renameSync(this.#path, `${this.#path}.1`)
      this.#bytes = 0
    }
    const text = this.#lines.join('')
    this.#lines = []
    appendFileSync(this.#path, text)
    this.#bytes += text.length
  }

  close(): void {
    clearInterval(this.#timer)
    this.flush()
  }
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0
}
