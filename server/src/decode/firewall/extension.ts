/** Fields of one CEF or LEEF line. */
export interface Extended {
  /** Header fields between the bars, escapes undone; the first is the version. */
  readonly header: readonly string[]
  readonly pairs: ReadonlyMap<string, string>
}

const PAIRS_MAX = 500

/** Header fields up to `count`, and what follows the last bar. Bars within are escaped by a backslash. */
export function splitHeader(
  text: string,
  count: number,
): { header: string[]; rest: string } | undefined {
  const header: string[] = []
  let from = 0
  for (let at = 0; at < text.length && header.length < count; at++) {
    const code = text.charCodeAt(at)
    if (code === 92) at += 1
    else if (code === 124) {
      header.push(text.slice(from, at).replaceAll(/\\([\\|])/g, '$1'))
      from = at + 1
    }
  }
  return header.length < count ? undefined : { header, rest: text.slice(from) }
}

/**
 * `key=value key=value`, values with spaces: a key is the word before an `=` that no backslash
 * escapes (ArcSight CEF revision 25, "Extension").
 */
export function cefPairs(text: string): ReadonlyMap<string, string> {
  const pairs = new Map<string, string>()
  let key: string | undefined
  let from = 0
  for (let at = 0; at < text.length && pairs.size < PAIRS_MAX; at++) {
    const code = text.charCodeAt(at)
    if (code === 92) at += 1
    if (code !== 61) continue
    const begin = wordBefore(text, from, at)
    if (begin < 0) continue
    if (key !== undefined) pairs.set(key, unescapeValue(text.slice(from, begin).trimEnd()))
    key = text.slice(begin, at)
    from = at + 1
  }
  if (key !== undefined) pairs.set(key, unescapeValue(text.slice(from).trimEnd()))
  return pairs
}

const KEY_MAX = 100

/** Where the key that ends at `end` begins; -1 where what stands there is no key. */
function wordBefore(text: string, from: number, end: number): number {
  let at = end
  while (at > from && end - at < KEY_MAX && isKeyCode(text.charCodeAt(at - 1))) at -= 1
  if (at === end) return -1
  return at === 0 || text.charCodeAt(at - 1) === 32 ? at : -1
}

function isKeyCode(code: number): boolean {
  const digit = code >= 48 && code <= 57
  const letter = (code >= 97 && code <= 122) || (code >= 65 && code <= 90)
  return digit || letter || code === 46 || code === 95 || code === 45 || code === 91 || code === 93
}

function unescapeValue(text: string): string {
  if (!text.includes('\\')) return text
  return text.replaceAll(/\\([\\=|nr])/g, (_, code: string) =>
    code === 'n' ? '\n' : code === 'r' ? '\r' : code,
  )
}

/** `key=value` parts with one delimiter between them (IBM: "LEEF event components"). */
export function leefPairs(text: string, delimiter: string): ReadonlyMap<string, string> {
  const pairs = new Map<string, string>()
  for (const part of text.split(delimiter, PAIRS_MAX)) {
    const equals = part.indexOf('=')
    if (equals > 0 && equals <= KEY_MAX) {
      pairs.set(part.slice(0, equals).trim(), unescapeValue(part.slice(equals + 1).trim()))
    }
  }
  return pairs
}

/** `^`, `x5E`, `0x5e`, `\t` or nothing, which is a tab. */
export function leefDelimiter(text: string): string {
  const hex = /^(?:0x|x|\\x)([0-9a-f]{1,4})$/i.exec(text)?.[1]
  if (hex !== undefined) return String.fromCharCode(Number.parseInt(hex, 16))
  return text === '' || text === '\\t' ? '\t' : text
}
