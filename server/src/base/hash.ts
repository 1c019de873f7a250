import { createHash, hash } from 'node:crypto'

/** SHA-256 of UTF-8 text or bytes, in lower-case hex. */
export function sha256Hex(input: string | Uint8Array): string {
  return createHash('sha256').update(input).digest('hex')
}

/**
 * The first 132 bits of SHA-256 over the parts, as 22 characters of base64url: the form of event and
 * alert ids. One call and no hash object, because every event passes here.
 */
export function shortId(...parts: readonly string[]): string {
  return hash('sha256', `${parts.join('\0')}\0`, 'base64url').slice(0, 22)
}
