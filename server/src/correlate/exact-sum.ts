/**
 * A sum of numbers without any rounding in between, so that it does not depend on what was added and
 * taken away before: as parts that do not overlap (Shewchuk 1997, “Adaptive Precision Floating-Point
 * Arithmetic”, section 2.4). Numbers and all that they come to are below 2^1023.
 */
export class ExactSum {
  /** Smallest first, none of them zero. */
  readonly #parts: number[] = []

  add(number: number): void {
    const parts = this.#parts
    let rest = number
    let kept = 0
    for (let at = 0; at < parts.length; at += 1) {
      const part = parts[at]!
      const sum = rest + part
      const error = Math.abs(rest) < Math.abs(part) ? rest - (sum - part) : part - (sum - rest)
      if (error !== 0) parts[kept++] = error
      rest = sum
    }
    parts.length = kept
    if (rest !== 0) parts.push(rest)
  }

  /** The nearest number to it. */
  get value(): number {
    const parts = this.#parts
    let at = parts.length - 1
    let sum = parts[at] ?? 0
    let error = 0
    while (at > 0 && error === 0) {
      at -= 1
      const before = sum
      const part = parts[at]!
      sum = before + part
      error = part - (sum - before)
    }
    // Half way between two numbers what is smaller still decides.
    if (at > 0 && Math.sign(error) === Math.sign(parts[at - 1]!)) {
      const twice = error * 2
      const next = sum + twice
      if (next - sum === twice) sum = next
    }
    return sum
  }
}
