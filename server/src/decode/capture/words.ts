/** Unsigned integers of captures: `le` is the byte order of the writer. */
export function u32(bytes: Uint8Array, at: number, le: boolean): number {
  const a = bytes[at] ?? 0
  const b = bytes[at + 1] ?? 0
  const c = bytes[at + 2] ?? 0
  const d = bytes[at + 3] ?? 0
  return (le ? (d << 24) | (c << 16) | (b << 8) | a : (a << 24) | (b << 16) | (c << 8) | d) >>> 0
}

export function u16(bytes: Uint8Array, at: number, le: boolean): number {
  const a = bytes[at] ?? 0
  const b = bytes[at + 1] ?? 0
  return le ? (b << 8) | a : (a << 8) | b
}
