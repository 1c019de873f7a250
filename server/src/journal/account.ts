/** How far the journal goes and how much is in it: written by every transaction, sealed. */
export interface Account {
  last: number
  first: number
  bytes: number
  entries: number
}

export const EMPTY_ACCOUNT: Account = { last: 0, first: 1, bytes: 0, entries: 0 }

export function encodeAccount(account: Account): Buffer {
  const out = Buffer.alloc(32)
  out.writeDoubleBE(account.last, 0)
  out.writeDoubleBE(account.first, 8)
  out.writeDoubleBE(account.bytes, 16)
  out.writeDoubleBE(account.entries, 24)
  return out
}

export function decodeAccount(bytes: Buffer): Account {
  return {
    last: bytes.readDoubleBE(0),
    first: bytes.readDoubleBE(8),
    bytes: bytes.readDoubleBE(16),
    entries: bytes.readDoubleBE(24),
  }
}
