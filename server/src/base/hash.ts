import { createHash } from 'node:crypto'

/** SHA-256 of UTF-8 text or bytes, in lower-case hex. */
export function sha256Hex(input: string | Uint8Array): string {
  return createHash('sha256').update(input).digest('hex')
}

/** The first 128 bits of SHA-256, as 22 characters of base64url: the form of event and alert ids. */
export function shortId(...parts: readonly string[]): string {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part).update('\0')
  return hash.digest().subarray(0, 16).toString('base64url')
}
