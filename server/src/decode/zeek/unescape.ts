const ESCAPE = /(?:\\x[0-9a-fA-F]{2})+|\\\\/g

/**
 * Zeek's escapes undone: `\xHH` stands for a byte (those of one run together are UTF-8), `\\` for a
 * backslash. What is not UTF-8 becomes U+FFFD.
 */
export function unescape(text: string): string {
  if (!text.includes('\\')) return text
  return text.replaceAll(ESCAPE, (run) => {
    if (run === '\\\\') return '\\'
    const bytes = new Uint8Array(run.length / 4)
    for (let index = 0; index < bytes.length; index++) {
      bytes[index] = Number.parseInt(run.slice(index * 4 + 2, index * 4 + 4), 16)
    }
    return new TextDecoder().decode(bytes)
  })
}
