import type { DeadLetter, Journal } from '../model/journal.ts'

/** Characters of what is kept in one batch: far below what the journal takes, whatever they are. */
const CHARACTERS_MAX = 2_000_000

/** Stands for how far refused rows were looked at; nothing is read from there. */
const READER = 'store-refused'

/**
 * Rows that the store can never take become dead letters like any other input. They go as the progress of
 * a reader, which a full journal takes: were they held back, the store could not move on, and nothing of
 * the journal could be trimmed ever again.
 */
export async function keepRefused(
  journal: Pick<Journal, 'append' | 'lastOffset'>,
  ingestedMs: number,
  letters: readonly DeadLetter[],
): Promise<void> {
  for (let from = 0; from < letters.length;) {
    let characters = 0
    let to = from
    while (to < letters.length) {
      characters += letters[to]?.raw.length ?? 0
      if (to > from && characters > CHARACTERS_MAX) break
      to += 1
    }
    const deadLetters = letters.slice(from, to)
    const reader = { name: READER, offset: journal.lastOffset() }
    await journal.append({ source: 'store', ingestedMs, deadLetters }, { reader })
    from = to
  }
}
