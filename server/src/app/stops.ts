import type { Logger } from '../base/log.ts'

/**
 * What has been started, to be stopped in the opposite order: sinks start first and stop last, so
 * that nothing is under way to something that is gone. One that fails does not keep the others up.
 */
export class Stops {
  readonly #stack: { readonly name: string; readonly stop: () => Promise<void> }[] = []
  #running: Promise<void> | undefined

  add(name: string, stop: () => Promise<void>): void {
    this.#stack.push({ name, stop })
  }

  /** Safe to call twice. */
  run(log: Logger): Promise<void> {
    this.#running ??= this.#run(log)
    return this.#running
  }

  async #run(log: Logger): Promise<void> {
    for (const { name, stop } of this.#stack.toReversed()) {
      try {
        await stop()
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error)
        log.error({ part: name, error: message }, 'A part did not stop cleanly.')
      }
    }
  }
}
