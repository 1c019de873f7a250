/**
 * A copy that stands alone. A part of a string keeps the whole of it in memory (V8's sliced strings
 * do), and a line may itself be a part of a large chunk: what is remembered for long is copied.
 */
export function ownText(text: string): string {
  return text.length < 13 ? text : ` ${text}`.slice(1)
}
