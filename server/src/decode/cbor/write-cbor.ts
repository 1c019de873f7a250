/** Objects, lists, text, numbers, booleans and null as CBOR (RFC 8949), definite lengths. */
export function writeCbor(value: unknown): Uint8Array {
  const out: number[] = []
  write(value, out)
  return Uint8Array.from(out)
}

function write(value: unknown, out: number[]): void {
  if (typeof value === 'string') {
    const bytes = new TextEncoder().encode(value)
    head(3, bytes.length, out)
    for (const byte of bytes) out.push(byte)
  } else if (typeof value === 'number') {
    if (!Number.isSafeInteger(value) || Object.is(value, -0)) float(value, out)
    else if (value >= 0) head(0, value, out)
    else head(1, -1 - value, out)
  } else if (typeof value === 'boolean') {
    out.push(value ? 0xf5 : 0xf4)
  } else if (Array.isArray(value)) {
    head(4, value.length, out)
    for (const item of value) write(item, out)
  } else if (value !== null && typeof value === 'object') {
    const members = Object.entries(value).filter(([, inner]) => inner !== undefined)
    head(5, members.length, out)
    for (const [key, inner] of members) {
      write(key, out)
      write(inner, out)
    }
  } else {
    out.push(0xf6)
  }
}

function head(major: number, length: number, out: number[]): void {
  const top = major << 5
  if (length < 24) out.push(top | length)
  else if (length < 0x100) out.push(top | 24, length)
  else if (length < 0x10000) out.push(top | 25, length >> 8, length & 255)
  else if (length < 0x100000000) out.push(top | 26, ...bytesOf(length, 4))
  else out.push(top | 27, ...bytesOf(length, 8))
}

function bytesOf(value: number, count: number): number[] {
  const bytes: number[] = []
  let rest = value
  for (let index = 0; index < count; index++) {
    bytes.unshift(rest % 256)
    rest = Math.floor(rest / 256)
  }
  return bytes
}

function float(value: number, out: number[]): void {
  const view = new DataView(new ArrayBuffer(8))
  view.setFloat64(0, value)
  out.push(0xfb)
  for (let index = 0; index < 8; index++) out.push(view.getUint8(index))
}
