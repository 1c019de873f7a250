/**
 * Ends of the JSON values that stand one after another in a text, with or without white space
 * between. Linear; undefined where a value does not end, or something else stands between them.
 */
export function splitJson(text: string, partsMax: number): readonly string[] | undefined {
  const parts: string[] = []
  let depth = 0
  let from = -1
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === QUOTE) {
      if (depth === 0) return undefined
      at = endOfString(text, at)
      if (at < 0) return undefined
    } else if (code === OPEN_BRACE || code === OPEN_BRACKET) {
      if (depth === 0) from = at
      depth += 1
    } else if (code === CLOSE_BRACE || code === CLOSE_BRACKET) {
      depth -= 1
      if (depth < 0) return undefined
      if (depth > 0) continue
      if (parts.length === partsMax) return undefined
      parts.push(text.slice(from, at + 1))
    } else if (depth === 0 && code > 32 && code !== COMMA) {
      return undefined
    }
  }
  return depth === 0 && parts.length > 0 ? parts : undefined
}

const QUOTE = 34
const COMMA = 44
const BACKSLASH = 92
const OPEN_BRACE = 123
const CLOSE_BRACE = 125
const OPEN_BRACKET = 91
const CLOSE_BRACKET = 93

/** Index of the closing quote of the string that opens at `at`; -1 where it does not end. */
function endOfString(text: string, at: number): number {
  for (let end = at + 1; end < text.length; end++) {
    const code = text.charCodeAt(end)
    if (code === BACKSLASH) end += 1
    else if (code === QUOTE) return end
  }
  return -1
}
