import type { HuntNews } from './desk.ts'

const BEAT_MS = 5_000

/**
 * News on their way from a hunt to whoever listens. Of progress only the latest is kept; of everything
 * else the hunt is told when it was taken, so that no more than that waits.
 */
export class HuntFeed {
  #progress: HuntNews | undefined
  #waiting: { readonly news: HuntNews; readonly taken: () => void }[] = []
  #ring: (() => void) | undefined
  readonly #beatMs: number

  constructor(beatMs: number = BEAT_MS) {
    this.#beatMs = beatMs
  }

  put(news: HuntNews): Promise<void> {
    if (news.kind === 'progress') {
      this.#progress = news
      this.#ring?.()
      return Promise.resolve()
    }
    return new Promise((taken) => {
      this.#waiting.push({ news, taken })
      this.#ring?.()
    })
  }

  /** Until the last; a beat where there is nothing else for a while. */
  async *news(): AsyncGenerator<HuntNews> {
    for (;;) {
      const progress = this.#progress
      this.#progress = undefined
      if (progress !== undefined) yield progress
      const next = this.#waiting.shift()
      if (next !== undefined) {
        yield next.news
        next.taken()
        if (next.news.kind === 'done' || next.news.kind === 'failed') return
      } else if (this.#progress === undefined && !(await this.#rung())) yield { kind: 'beat' }
    }
  }

  #rung(): Promise<boolean> {
    return new Promise((resolve) => {
      const end = (rung: boolean): void => {
        clearTimeout(timer)
        this.#ring = undefined
        resolve(rung)
      }
      const timer = setTimeout(() => end(false), this.#beatMs)
      this.#ring = () => end(true)
    })
  }
}
