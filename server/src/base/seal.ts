import { createCipheriv, createDecipheriv } from 'node:crypto'

/**
 * An envelope keeps bytes secret and unchanged: AES-256-GCM (NIST SP 800-38D) behind a header that
 * names the key, so that keys can change and die.
 *
 *     0       version, 1
 *     1..8    key id
 *     9..20   nonce, 96 bits
 *     21..    ciphertext
 *     last 16 tag
 *
 * The header is authenticated together with what the caller binds the envelope to (`bound`: the place
 * where it is kept), so that one envelope cannot be put in the place of another. Nonces are random:
 * one key may seal at most 2^32 envelopes (SP 800-38D, 8.3), which is why keys change by epoch.
 */
export const ENVELOPE_VERSION = 1
export const KEY_ID_BYTES = 8
export const NONCE_BYTES = 12
export const SEAL_KEY_BYTES = 32
const TAG_BYTES = 16
const HEADER_BYTES = 1 + KEY_ID_BYTES + NONCE_BYTES
/** How much longer an envelope is than what it holds. */
export const ENVELOPE_OVERHEAD = HEADER_BYTES + TAG_BYTES

export interface SealKey {
  /** 16 lower-case hex digits. */
  readonly id: string
  readonly bytes: Uint8Array
}

export interface SealInput {
  readonly key: SealKey
  /** 12 bytes that this key never met before: random ones. */
  readonly nonce: Uint8Array
  readonly bound: Uint8Array
}

export type SealFault = 'truncated' | 'version' | 'key' | 'forged'

export type Opened =
  | { readonly ok: true; readonly bytes: Buffer }
  | { readonly ok: false; readonly fault: SealFault; readonly keyId: string | undefined }

/** Seals bytes under a key. The result is a fresh buffer of its own memory. */
export function sealEnvelope(input: SealInput, plain: Uint8Array): Buffer {
  const { key, nonce, bound } = input
  const out = Buffer.allocUnsafeSlow(plain.byteLength + ENVELOPE_OVERHEAD)
  out[0] = ENVELOPE_VERSION
  if (out.write(key.id, 1, KEY_ID_BYTES, 'hex') !== KEY_ID_BYTES) {
    throw new TypeError(`Key id ${key.id} is not ${KEY_ID_BYTES * 2} hex digits.`)
  }
  out.set(nonce, 1 + KEY_ID_BYTES)
  const cipher = createCipheriv('aes-256-gcm', key.bytes, nonce)
  cipher.setAAD(out.subarray(0, HEADER_BYTES))
  cipher.setAAD(bound)
  out.set(cipher.update(plain), HEADER_BYTES)
  cipher.final()
  out.set(cipher.getAuthTag(), HEADER_BYTES + plain.byteLength)
  return out
}

/** Id of the key that an envelope names, or undefined where it is no envelope of a known version. */
export function envelopeKeyId(envelope: Uint8Array): string | undefined {
  if (envelope.byteLength < ENVELOPE_OVERHEAD || envelope[0] !== ENVELOPE_VERSION) return undefined
  return Buffer.from(envelope.buffer, envelope.byteOffset + 1, KEY_ID_BYTES).toString('hex')
}

/** Opens an envelope; what is wrong with it is a value, never an exception. */
export function openEnvelope(
  envelope: Uint8Array,
  bound: Uint8Array,
  keyOf: (id: string) => SealKey | undefined,
): Opened {
  const length = envelope.byteLength
  if (length < ENVELOPE_OVERHEAD) return { ok: false, fault: 'truncated', keyId: undefined }
  const keyId = envelopeKeyId(envelope)
  if (keyId === undefined) return { ok: false, fault: 'version', keyId }
  const key = keyOf(keyId)
  if (key === undefined) return { ok: false, fault: 'key', keyId }
  const nonce = envelope.subarray(1 + KEY_ID_BYTES, HEADER_BYTES)
  const decipher = createDecipheriv('aes-256-gcm', key.bytes, nonce, { authTagLength: TAG_BYTES })
  decipher.setAAD(envelope.subarray(0, HEADER_BYTES))
  decipher.setAAD(bound)
  decipher.setAuthTag(envelope.subarray(length - TAG_BYTES))
  const bytes = decipher.update(envelope.subarray(HEADER_BYTES, length - TAG_BYTES))
  try {
    decipher.final()
  } catch {
    return { ok: false, fault: 'forged', keyId }
  }
  return { ok: true, bytes }
}
