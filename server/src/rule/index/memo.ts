import { ownText } from '../../base/own-text.ts'

type Scalar = string | number | boolean

interface Known {
  readonly value: Scalar
  readonly codes: readonly number[]
}

/** Longer texts seldom come again, and cost most to look up. */
const CHARS_MAX = 64
const VALUES_MAX = 256
/** After so many values it is seen whether asking pays. */
const WINDOW = 256
const HITS_LEAST = WINDOW / 2
const REST_MOST = 65_536

/**
 * What values that came before at one place of events were found to say of predicates. Most places hold
 * a few values over and over; where they do not, the memo rests, longer each time. It changes no answer.
 */
export class Memo {
  readonly #known = new Map<Scalar, Known>()
  #last: Known | undefined
  #asked = 0
  #hits = 0
  /** So many values are passed over, and so many the next time. */
  #resting = 0
  #rest = WINDOW

  /** What the value says, see `Marks.replay`; undefined where it is not known. */
  find(value: Scalar): readonly number[] | undefined {
    if (this.#resting > 0) {
      this.#resting--
      return undefined
    }
    if (++this.#asked > WINDOW) this.#weigh()
    let known = this.#last
    if (known === undefined || value !== known.value) {
      if (typeof value === 'string' && value.length > CHARS_MAX) return undefined
      known = this.#known.get(value)
      if (known === undefined) return undefined
      this.#last = known
    }
    this.#hits++
    return known.codes
  }

  /** Whether a value that was not known is to be put. */
  wants(value: Scalar): boolean {
    return this.#resting === 0 && (typeof value !== 'string' || value.length <= CHARS_MAX)
  }

  put(value: Scalar, codes: readonly number[]): void {
    if (this.#known.size >= VALUES_MAX) this.#known.clear()
    // Not with the whole line that it may be a part of.
    const own = typeof value === 'string' ? ownText(value) : value
    this.#last = { value: own, codes }
    this.#known.set(own, this.#last)
  }

  #weigh(): void {
    if (this.#hits >= HITS_LEAST) this.#rest = WINDOW
    else {
      this.#known.clear()
      this.#last = undefined
      this.#resting = this.#rest
      this.#rest = Math.min(this.#rest * 4, REST_MOST)
    }
    this.#asked = 0
    this.#hits = 0
  }
}
