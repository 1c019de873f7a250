/** Fields of one record by information element (IANA "IPFIX Information Elements"); enterprise ones by `pen.id`. */
export type Fields = ReadonlyMap<string, Uint8Array>

export interface Template {
  /** Element, its length (65535: variable), enterprise number (0: none). */
  readonly fields: readonly (readonly [id: number, length: number, pen: number])[]
  /** Describes the exporter, not flows. */
  readonly options: boolean
}

export interface Sets {
  readonly version: 9 | 10
  readonly domain: number
  readonly exportMs: number
  /** Milliseconds since the exporter started; version 9 only. */
  readonly uptimeMs: number | undefined
  readonly sets: readonly { readonly id: number; readonly body: Uint8Array }[]
}

const SETS_MAX = 1_000
const FIELDS_MAX = 500
export const VARIABLE = 65_535

export const u16 = (bytes: Uint8Array, at: number): number =>
  ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0)
export const u32 = (bytes: Uint8Array, at: number): number =>
  u16(bytes, at) * 65_536 + u16(bytes, at + 2)

/** Header and sets of version 9 (RFC 3954, 5) or IPFIX (RFC 7011, 3); a sentence where they are broken. */
export function readSets(bytes: Uint8Array): Sets | string {
  const version = u16(bytes, 0) === 9 ? 9 : 10
  const head = version === 9 ? 20 : 16
  if (bytes.length < head) return 'The header breaks off'
  const end = version === 9 ? bytes.length : u16(bytes, 2)
  if (end < head || end > bytes.length)
    return 'The length in the header is not that of the datagram'
  const sets: { id: number; body: Uint8Array }[] = []
  let at = head
  while (at + 4 <= end) {
    const length = u16(bytes, at + 2)
    if (length < 4 || at + length > end) return 'A set is longer than the datagram'
    if (sets.length >= SETS_MAX) return `More than ${SETS_MAX} sets`
    sets.push({ id: u16(bytes, at), body: bytes.subarray(at + 4, at + length) })
    at += length
  }
  return {
    version,
    domain: u32(bytes, version === 9 ? 16 : 12),
    exportMs: u32(bytes, version === 9 ? 8 : 4) * 1000,
    uptimeMs: version === 9 ? u32(bytes, 4) : undefined,
    sets,
  }
}

/** Templates of a template or options template set; undefined withdraws one (RFC 7011, 8.1). */
export function readTemplates(
  { id, body }: { readonly id: number; readonly body: Uint8Array },
  version: 9 | 10,
): readonly (readonly [number, Template | undefined])[] | undefined {
  const options = id === 1 || id === 3
  const found: [number, Template | undefined][] = []
  let at = 0
  while (at + 4 <= body.length) {
    const template = u16(body, at)
    if (template < 256) break
    const second = u16(body, at + 2)
    at += 4
    if (version === 10 && second === 0) {
      found.push([template, undefined])
      continue
    }
    let count = second
    if (options) {
      if (at + 2 > body.length) return undefined
      // Version 9 gives lengths in octets of the scope's and the options' fields.
      if (version === 9) count = (second + u16(body, at)) >> 2
      at += 2
    }
    if (count === 0 || count > FIELDS_MAX) return undefined
    const fields: [number, number, number][] = []
    for (let index = 0; index < count; index++) {
      if (at + 4 > body.length) return undefined
      const enterprise = version === 10 && (u16(body, at) & 0x8000) !== 0
      if (enterprise && at + 8 > body.length) return undefined
      fields.push([
        u16(body, at) & (version === 10 ? 0x7fff : 0xffff),
        u16(body, at + 2),
        enterprise ? u32(body, at + 4) : 0,
      ])
      at += enterprise ? 8 : 4
    }
    found.push([template, { fields, options }])
  }
  return found
}

/** Records of a data set; what is left at its end is padding. Undefined where a record breaks off. */
export function readRecords(body: Uint8Array, template: Template): readonly Fields[] | undefined {
  const shortest = template.fields.reduce(
    (sum, [, length]) => sum + (length === VARIABLE ? 1 : length),
    0,
  )
  if (shortest === 0) return undefined
  const records: Fields[] = []
  let at = 0
  while (body.length - at >= shortest) {
    const fields = new Map<string, Uint8Array>()
    for (const [id, fixed, pen] of template.fields) {
      let length = fixed
      if (fixed === VARIABLE) {
        length = body[at] ?? 0
        at += 1
        if (length === 255) {
          length = u16(body, at)
          at += 2
        }
      }
      if (at + length > body.length) return undefined
      fields.set(pen === 0 ? String(id) : `${pen}.${id}`, body.subarray(at, at + length))
      at += length
    }
    records.push(fields)
  }
  return records
}
