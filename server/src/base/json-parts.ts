/** A list as JSON texts (UTF-8), each of some of its items: to be handed over and read bit by bit. */
export type JsonParts = readonly Uint8Array<ArrayBuffer>[]

/** Items of a part may come to a little more. */
const PART_CHARS = 65_536

export function toJsonParts(items: Iterable<unknown>): JsonParts {
  const encoder = new TextEncoder()
  const parts: Uint8Array<ArrayBuffer>[] = []
  let texts: string[] = []
  let chars = 0
  const close = (): void => {
    if (texts.length > 0) parts.push(encoder.encode(`[${texts.join()}]`))
    texts = []
    chars = 0
  }
  for (const item of items) {
    const text = JSON.stringify(item)
    texts.push(text)
    chars += text.length
    if (chars >= PART_CHARS) close()
  }
  close()
  return parts
}

/** The items again; between two parts whoever reads may do something else. */
export function* fromJsonParts<T>(parts: JsonParts): Generator<void, T[], void> {
  const decoder = new TextDecoder()
  const items: T[] = []
  for (const part of parts) {
    for (const item of JSON.parse(decoder.decode(part)) as T[]) items.push(item)
    yield
  }
  return items
}
