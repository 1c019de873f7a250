const GROUPS = 8

/** An address of 4 or 16 octets as text, IPv6 as RFC 5952 writes it; undefined for other lengths. */
export function ipText(bytes: Uint8Array | undefined): string | undefined {
  if (bytes?.length === 4) return bytes.join('.')
  if (bytes?.length !== 16) return undefined
  const groups = Array.from({ length: GROUPS }, (_, index) =>
    (((bytes[index * 2] ?? 0) << 8) | (bytes[index * 2 + 1] ?? 0)).toString(16),
  )
  const text = groups.join(':')
  const zeros = text.match(/(?:^|:)0(?::0)+(?=:|$)/g) ?? []
  const longest = zeros.toSorted((a, b) => b.length - a.length)[0]
  if (longest === undefined) return text
  return text
    .replace(longest, ':')
    .replace(/^:(?!:)/, '::')
    .replace(/([^:]):$/, '$1::')
}
