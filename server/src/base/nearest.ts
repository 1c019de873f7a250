/**
 * The candidate that differs from `word` by the fewest edits (insert, delete, replace, swap of
 * neighbours), for "did you mean". Undefined where none is near: more than a third of its letters.
 */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  const asked = word.slice(0, WORD_MAX).toLowerCase()
  let best: string | undefined
  let bestEdits = Number.POSITIVE_INFINITY
  for (const candidate of candidates) {
    const edits = editDistance(asked, candidate.slice(0, WORD_MAX).toLowerCase())
    const allowed = Math.max(1, Math.floor(Math.max(asked.length, candidate.length) / 3))
    if (edits <= allowed && edits < bestEdits) {
      best = candidate
      bestEdits = edits
    }
  }
  return best
}

const WORD_MAX = 64

function editDistance(a: string, b: string): number {
  let before: number[] = []
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const current = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1]
      let edits = Math.min(
        (previous[j] ?? 0) + 1,
        (current[j - 1] ?? 0) + 1,
        (previous[j - 1] ?? 0) + (same ? 0 : 1),
      )
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        edits = Math.min(edits, (before[j - 2] ?? 0) + 1)
      }
      current.push(edits)
    }
    before = previous
    previous = current
  }
  return previous[b.length] ?? 0
}
