/** Chooses, of each of many texts, a part that few of the others have. */
export class RareParts {
  readonly #pairs = new Map<string, number>()
  readonly #length: number
  constructor(texts: Iterable<string>, length: number) {
    this.#length = length
    for (const text of texts) {
      for (let at = 0; at + 2 <= text.length; at++) {
        const pair = text.slice(at, at + 2)
        this.#pairs.set(pair, (this.#pairs.get(pair) ?? 0) + 1)
      }
    }
  }

  /** Where the rarest part of the text begins, by how often its pairs of characters occur. */
  startOf(text: string): number {
    let best = 0
    let bestScore = Number.POSITIVE_INFINITY
    for (let start = 0; start + this.#length <= text.length; start++) {
      let score = 0
      for (let at = start; at + 2 <= start + this.#length; at++) {
        score += Math.log(this.#pairs.get(text.slice(at, at + 2)) ?? 1)
      }
      if (score < bestScore) {
        best = start
        bestScore = score
      }
    }
    return best
  }
}
