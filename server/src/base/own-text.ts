import { Buffer } from 'node:buffer'

/** V8 copies parts of a string that are shorter than this; longer ones are slices of the whole. */
const SLICED_MIN = 13

/**
 * A copy that stands alone. A part of a string keeps the whole of it in memory (V8's sliced strings
 * do), and a line may itself be a part of a large chunk: what is remembered for long is copied.
 */
export function ownText(text: string): string {
  if (text.length < SLICED_MIN) return text
  const copy = Buffer.from(text, 'latin1').toString('latin1')
  // Beyond Latin-1 a slice, of a text that has nothing but it.
  return copy === text ? copy : ` ${text}`.slice(1)
}
