import { frameOf, type WireSegment } from './capture-wire.ts'

/** The frames of one packet cut so that fragments end at these places (in units of eight bytes). */
export function cutSegment(segment: WireSegment, ends: readonly number[], id = 77): Buffer[] {
  const isV6 = segment.from.includes(':')
  const whole = frameOf(segment)
  const head = 14 + (isV6 ? 40 : 20)
  const content = whole.subarray(head)
  const places = [
    ...ends.map((end) => end * 8).filter((end) => end < content.length),
    content.length,
  ]
  let from = 0
  return places.map((to) => {
    const start = Buffer.from(whole.subarray(0, head))
    const part = content.subarray(from, to)
    const more = to < content.length
    const frame = isV6
      ? partV6(start, part, { id, from, more })
      : partV4(start, part, { id, from, more })
    from = to
    return frame
  })
}

interface Cut {
  readonly id: number
  readonly from: number
  readonly more: boolean
}

function partV4(head: Buffer, part: Buffer, { id, from, more }: Cut): Buffer {
  head.writeUInt16BE(20 + part.length, 16)
  head.writeUInt16BE(id, 18)
  head.writeUInt16BE((more ? 0x2000 : 0) | (from / 8), 20)
  return Buffer.concat([head, part])
}

function partV6(head: Buffer, part: Buffer, { id, from, more }: Cut): Buffer {
  const extension = Buffer.alloc(8)
  extension[0] = 6
  extension.writeUInt16BE(from | (more ? 1 : 0), 2)
  extension.writeUInt32BE(id, 4)
  head.writeUInt16BE(8 + part.length, 18)
  head[20] = 44
  return Buffer.concat([head, extension, part])
}

/** A record of a classic capture, with other frames in the place of its own, one record each. */
export function recordsOf(record: Buffer, frames: readonly Buffer[]): Buffer[] {
  return frames.map((frame) => {
    const head = Buffer.from(record.subarray(0, 16))
    head.writeUInt32LE(frame.length, 8)
    head.writeUInt32LE(frame.length, 12)
    return Buffer.concat([head, frame])
  })
}
