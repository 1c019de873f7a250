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
  return asArgument(hash('sha256', `${parts.join('\0')}\0`, 'base64url').slice(0, 22))
}

/**
 * Text of base64url that does not begin with a dash: people hand ids to commands, where one that
 * begins so reads as an option.
 */
export function asArgument(base64url: string): string {
  return base64url.startsWith('-') ? `A${base64url.slice(1)}` : base64url
}
