/** Letters whose upper and lower case do not lead to one another by simple folding. */
const KEPT = new Set(['\u0130', '\u0131'])

/**
 * Folds letter case so that texts that differ only in it become equal: Unicode's simple folding,
 * one code point to one of the same length. Positions in the result are positions in the input,
 * and the fold of a part is the part of the fold (`toLowerCase` promises neither).
 */
export function foldCase(text: string): string {
  for (let at = 0; at < text.length; at++) {
    if (text.charCodeAt(at) >= 0x80) return foldWide(text)
  }
  return text.toLowerCase()
}

function foldWide(text: string): string {
  let folded = ''
  for (const char of text) folded += foldPoint(char)
  return folded
}

function foldPoint(char: string): string {
  if (KEPT.has(char)) return char
  const upper = char.toUpperCase()
  const from = upper.length === char.length ? upper : char
  const lower = from.toLowerCase()
  return lower.length === char.length ? lower : char
}
