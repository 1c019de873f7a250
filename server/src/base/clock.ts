/** Wall time, in milliseconds since 1970-01-01T00:00:00Z. Only `main.ts` makes the real one. */
export interface Clock {
  now(): number
}

/** A clock that stands still until told otherwise, for tests and offline commands. */
export class ManualClock implements Clock {
  #nowMs: number
  constructor(nowMs = 0) {
    this.#nowMs = nowMs
  }
  now(): number {
    return this.#nowMs
  }
  set(nowMs: number): void {
    this.#nowMs = nowMs
  }
  advance(ms: number): void {
    this.#nowMs += ms
  }
}
