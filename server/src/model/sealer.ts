/**
 * Encryption at rest for what is personal: AES-256-GCM envelopes that name the key they were made
 * with, so that a key's end is the end of what it sealed.
 */
export interface Sealer {
  /**
   * An envelope of the bytes. `context` names the place it belongs to (table, tenant, id) and is
   * authenticated with it: an envelope moved to another row does not open.
   */
  seal(plain: Uint8Array, context: string): Uint8Array
  /** Throws ProblemError where the envelope was changed, moved, or its key is gone. */
  open(envelope: Uint8Array, context: string): Uint8Array
  /** Keyed hash of a value, to find a row by what it may not show. The same for ever. */
  digest(text: string, purpose: string): string
}
