/** Longest value that a document repeats; the input itself keeps all of it. */
const TEXT_MAX = 8_192

export function cutText(text: string): string {
  return text.length > TEXT_MAX ? text.slice(0, TEXT_MAX) : text
}
