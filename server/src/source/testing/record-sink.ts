import type { Delivery, RawBatch, RawItem, SourceSink, SourceState } from '../../model/source.ts'

/**
 * Stands in for the journal: what is durable is kept with its cursors, which outlive the source like
 * those of a restarted process. Deliveries can be held back, refused or failed.
 */
export class RecordSink implements SourceSink {
  readonly items: RawItem[] = []
  readonly batches: RawBatch[] = []
  readonly drops: { reason: string; count: number }[] = []
  readonly states: { state: SourceState; detail: string | undefined }[] = []
  readonly #cursors = new Map<string, string>()
  readonly #held: (() => void)[] = []
  isHeld = false
  /** What the next deliveries meet instead of being kept. */
  readonly failures: (Error | 'busy')[] = []
  /** Deliveries that were asked for and are not answered. */
  open = 0
  openMax = 0
  /** Called at each delivery before it is kept; a test may write more meanwhile. */
  onDeliver: (batch: RawBatch) => void = () => undefined

  async deliver(batch: RawBatch): Promise<Delivery> {
    this.open += 1
    this.openMax = Math.max(this.openMax, this.open)
    try {
      this.onDeliver(batch)
      if (this.isHeld) await new Promise<void>((wake) => this.#held.push(wake))
      else await Promise.resolve()
      return this.#answer(batch)
    } finally {
      this.open -= 1
    }
  }

  #answer(batch: RawBatch): Delivery {
    const failure = this.failures.shift()
    if (failure instanceof Error) throw failure
    if (failure === 'busy') {
      const problem = { code: 'USAGE', message: 'full' } as const
      return { kind: 'busy', problem, retryAfterMs: 1 }
    }
    this.batches.push(batch)
    this.items.push(...batch.items)
    if (batch.cursor !== undefined) this.#cursors.set(batch.cursor.key, batch.cursor.value)
    const refused = batch.items.flatMap(({ key, cut, unreadable }) => {
      if (unreadable !== undefined)
        return [{ key, code: unreadable.code, message: unreadable.detail }]
      return cut === undefined ? [] : [{ key, code: 'DECODE_TOO_LONG', message: 'too long' }]
    })
    const events = batch.items.length - refused.length
    return { kind: 'durable', events, rejects: refused.length, refused }
  }

  hold(): void {
    this.isHeld = true
  }

  release(): void {
    this.isHeld = false
    for (const wake of this.#held.splice(0)) wake()
  }

  cursors(): ReadonlyMap<string, string> {
    return new Map(this.#cursors)
  }

  dropped(reason: string, count: number): void {
    this.drops.push({ reason, count })
  }

  status(state: SourceState, detail?: string): void {
    this.states.push({ state, detail })
  }

  get texts(): string[] {
    return this.items.map((item) => item.text)
  }
}

/** Waits until a condition holds; fails the test if it never does. Asserts nothing about time. */
export async function until(what: string, holds: () => boolean): Promise<void> {
  for (let turn = 0; turn < 3_000; turn++) {
    if (holds()) return
    await new Promise((wake) => setTimeout(wake, 5))
  }
  throw new Error(`never happened: ${what}`)
}
