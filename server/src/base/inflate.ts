import { gunzipSync } from 'node:zlib'

/** The content of gzip bytes; undefined where they are damaged or would grow past `bytesMax`. */
export function gunzipBounded(bytes: Uint8Array, bytesMax: number): Uint8Array | undefined {
  try {
    return gunzipSync(bytes, { maxOutputLength: bytesMax })
  } catch {
    return undefined
  }
}

export function isGzip(bytes: Uint8Array): boolean {
  return bytes.length > 2 && bytes[0] === 0x1f && bytes[1] === 0x8b
}

const BASE64 = /^[A-Za-z0-9+/_-]+={0,2}$/

/** Bytes of base64 (either alphabet, padding optional); undefined for anything else. */
export function base64Bytes(text: string): Uint8Array | undefined {
  const trimmed = text.trim()
  if (trimmed.length < 2 || trimmed.length % 4 === 1 || !BASE64.test(trimmed)) return undefined
  return Buffer.from(trimmed, 'base64')
}

const HEX = /^(?:[0-9A-Fa-f]{2})+$/

/** Bytes of hex digits without separators; undefined for anything else. */
export function hexBytes(text: string): Uint8Array | undefined {
  const trimmed = text.trim()
  return HEX.test(trimmed) ? Buffer.from(trimmed, 'hex') : undefined
}

/** Strict UTF-8; undefined where the bytes are none. A byte order mark is dropped. */
export function utf8Text(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return undefined
  }
}

export function base64Text(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')
}

export function hexText(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')
}
