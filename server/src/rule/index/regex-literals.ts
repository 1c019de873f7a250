/**
 * Literals one of which any match of a regular expression must contain, letter case aside; undefined
 * where there are none that help. It may know too little, never too much: what it does not
 * understand ends a literal.
 */
export function literalsOf(pattern: string): readonly string[] | undefined {
  if (pattern.includes('\\Q') || pattern.length > PATTERN_CHARS_MAX) return undefined
  const reader = new Reader(pattern)
  const found = reader.alternatives(0)
  return reader.failed || reader.at < pattern.length ? undefined : found
}

const PATTERN_CHARS_MAX = 10_000
const DEPTH_MAX = 50
const LITERALS_MAX = 64

type Literals = readonly string[] | undefined

/** The better of two: the one whose shortest literal is longer. */
function better(a: Literals, b: Literals): Literals {
  if (a === undefined || b === undefined) return a ?? b
  return shortest(b) > shortest(a) ? b : a
}

function shortest(literals: readonly string[]): number {
  return Math.min(...literals.map((literal) => literal.length))
}

class Reader {
  at = 0
  failed = false
  readonly #pattern: string
  constructor(pattern: string) {
    this.#pattern = pattern
  }

  /** `a|b|c` up to a closing bracket or the end. */
  alternatives(depth: number): Literals {
    if (depth > DEPTH_MAX) {
      this.failed = true
      return undefined
    }
    const all: string[] = []
    let known = true
    for (;;) {
      const found = this.#sequence(depth)
      if (found === undefined) known = false
      else all.push(...found)
      if (this.failed || this.#peek() !== '|') break
      this.at++
    }
    return known && all.length <= LITERALS_MAX ? all : undefined
  }

  #peek(): string {
    return this.#pattern[this.at] ?? ''
  }

  #sequence(depth: number): Literals {
    let best: Literals
    let run = ''
    const endRun = (): void => {
      if (run !== '') best = better(best, [run])
      run = ''
    }
    while (!this.failed && this.at < this.#pattern.length) {
      const char = this.#peek()
      if (char === '|' || char === ')') break
      const atom = this.#atom(depth)
      const least = this.#repetition()
      if (typeof atom === 'string' && least === undefined) run += atom
      else if (typeof atom === 'string') {
        // `ab+` holds "ab"; `ab*` holds only "a".
        if (least !== 0) run += atom
        endRun()
      } else {
        endRun()
        if (least !== 0) best = better(best, atom)
      }
    }
    endRun()
    return best
  }

  /** One character that stands for itself, or what a group is sure to hold, or nothing known. */
  #atom(depth: number): string | Literals {
    const char = String.fromCodePoint(this.#pattern.codePointAt(this.at) ?? 0)
    this.at += char.length
    if (char === '(') return this.#group(depth)
    if (char === '[') return this.#skipClass()
    if (char === '\\') return this.#escape()
    if (char === '.' || char === '^' || char === '$') return undefined
    if (char === '*' || char === '+' || char === '?') this.failed = true
    return char
  }

  #group(depth: number): Literals {
    if (this.#peek() === '?') {
      // `(?:`, `(?P<name>`, `(?<name>`, `(?i)`, `(?i:`: none changes what a folded match holds.
      const rest = this.#pattern.slice(this.at, this.at + 100)
      const head = /^\?(?:P?<[A-Za-z_]\w*>|[imsU-]*:)/.exec(rest)
      const flags = /^\?[imsU-]*\)/.exec(rest)
      if (flags !== null) {
        this.at += flags[0].length
        return undefined
      }
      if (head === null) this.failed = true
      this.at += head?.[0].length ?? 0
    }
    const found = this.alternatives(depth + 1)
    if (this.#peek() !== ')') this.failed = true
    this.at++
    return found
  }

  #skipClass(): undefined {
    if (this.#peek() === '^') this.at++
    if (this.#peek() === ']') this.at++
    while (this.at < this.#pattern.length && this.#peek() !== ']') {
      if (this.#peek() === '\\') this.at++
      const named = this.#peek() === '[' && this.#pattern[this.at + 1] === ':'
      const end = named ? this.#pattern.indexOf(':]', this.at + 2) : -1
      this.at = end < 0 ? this.at + 1 : end + 2
    }
    if (this.at >= this.#pattern.length) this.failed = true
    this.at++
    return undefined
  }

  #escape(): string | undefined {
    const char = this.#peek()
    this.at++
    if (char === '' || /[0-9xpPuckN]/.test(char)) {
      this.failed = true
      return undefined
    }
    return /[A-Za-z]/.test(char) ? undefined : char
  }

  /** The least number of repetitions; undefined where none is written. */
  #repetition(): number | undefined {
    let least: number | undefined
    const char = this.#peek()
    if (char === '*' || char === '?') least = 0
    else if (char === '+') least = 1
    else if (char === '{') {
      const braces = /^\{(\d+)(?:,\d*)?\}/.exec(this.#pattern.slice(this.at, this.at + 20))
      if (braces === null) return undefined
      this.at += braces[0].length - 1
      least = Number(braces[1])
    } else return undefined
    this.at++
    // `*?`, `+?` only say which match is preferred; a second operator would be an error.
    if (this.#peek() === '?' || this.#peek() === '+') this.at++
    return least
  }
}
