/** Bytes of text: UTF-8, or one byte a character where it already stands for bytes. */
function bytesOf(text: string, isBytes: boolean): Uint8Array {
  if (!isBytes) return new TextEncoder().encode(text)
  return Uint8Array.from(text, (char) => char.charCodeAt(0))
}

function base64(bytes: Uint8Array): string {
  let binary = ''
  for (const byte of bytes) binary += String.fromCharCode(byte)
  return btoa(binary)
}

export function encodeBase64(text: string, isBytes: boolean): string {
  return base64(bytesOf(text, isBytes))
}

const STARTS = [0, 2, 3] as const
const ENDS = [0, 3, 2] as const

/**
 * The three forms that text takes inside longer Base64, by its offset modulo three, without the
 * characters at both ends that its neighbours also shape.
 */
export function encodeBase64Offsets(text: string, isBytes: boolean): string[] {
  const bytes = bytesOf(text, isBytes)
  return STARTS.map((start, offset) => {
    const padded = new Uint8Array(bytes.length + offset).fill(0x20)
    padded.set(bytes, offset)
    const encoded = base64(padded)
    const end = ENDS[padded.length % 3] ?? 0
    return encoded.slice(start, encoded.length - end)
  })
}

/** UTF-16 code units of text, each as two characters that stand for bytes. */
export function toUtf16(text: string, order: 'le' | 'be'): string {
  let encoded = ''
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at)
    const [first, second] = order === 'le' ? [unit & 0xff, unit >> 8] : [unit >> 8, unit & 0xff]
    encoded += String.fromCharCode(first, second)
  }
  return encoded
}
