import type { SeenInput } from '../model/source.ts'

export const SEEN_MAX = 10
export const SEEN_TEXT_MAX = 300

/** The last few inputs of a source and what became of them, the newest last. */
export class SeenInputs {
  #kept: SeenInput[] = []

  add(inputs: readonly SeenInput[]): void {
    if (inputs.length === 0) return
    this.#kept = [...this.#kept, ...inputs].slice(-SEEN_MAX)
  }

  list(): readonly SeenInput[] {
    return this.#kept
  }
}
