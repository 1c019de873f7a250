/** Pieces of a list, so that a statement stays below the engine's limit of parameters. */
export function* chunks<T>(items: readonly T[], size: number): Generator<readonly T[]> {
  for (let at = 0; at < items.length; at += size) yield items.slice(at, at + size)
}

/** Where a page ended: a place in the journal, opaque to callers. */
export function formatPlaceCursor(offset: number, index: number): string {
  return Buffer.from(`${offset}.${index}`).toString('base64url')
}

export function parsePlaceCursor(
  text: string | undefined,
): { offset: number; index: number } | undefined {
  if (text === undefined || text.length > 64) return undefined
  const found = /^(\d{1,15})\.(\d{1,15})$/.exec(Buffer.from(text, 'base64url').toString('utf8'))
  return found === null ? undefined : { offset: Number(found[1]), index: Number(found[2]) }
}
