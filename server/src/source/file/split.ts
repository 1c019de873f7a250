import type { RawItem } from '../../model/source.ts'
import { type FileEncoding, sliceDecoder, unitBytes } from './encoding.ts'

const LF = 0x0a
const CR = 0x0d
/** A run of NUL bytes at the start of a line that is a hole in the file, not text. */
export const NUL_RUN_MIN = 512

export interface SplitOptions {
  readonly encoding: FileEncoding
  /** Prefix of item keys: the id of the content. */
  readonly id: string
  /** Offset in the content of `work[from]`. */
  readonly offset: number
  readonly receivedMs: number
  readonly facts: Readonly<Record<string, string>>
  readonly linesMax: number
  readonly lineBytesMax: number
  /** Take what stands after the last line end as a line too. */
  readonly takePartial: boolean
}

export interface SplitResult {
  readonly items: RawItem[]
  /** Index in `work` of the first byte that belongs to no item. */
  readonly end: number
  /** NUL bytes that were stepped over. */
  readonly nulBytes: number
}

/** Cuts `work[from…to)` into one item a line. Line ends are LF or CR LF and are not part of the text. */
export function splitLines(
  work: Buffer,
  from: number,
  to: number,
  options: SplitOptions,
): SplitResult {
  const unit = unitBytes(options.encoding)
  const stop = options.takePartial ? to : lastLineEnd(work, from, to, unit, options.encoding)
  const chunk = work.subarray(from, stop)
  const decode = sliceDecoder(chunk, options.encoding)
  // One character a byte: finding line ends in a string is several times faster than in a buffer.
  const bytesAsText = unit === 1 ? chunk.toString('latin1') : ''
  const items: RawItem[] = []
  const { receivedMs, facts } = options
  const shift = options.offset - from
  let start = from
  let nulBytes = 0
  while (start < to && items.length < options.linesMax) {
    if (unit === 1 && work[start] === 0) {
      const text = skipNuls(work, start, to)
      if (text - start >= NUL_RUN_MIN) {
        nulBytes += text - start
        start = text
        continue
      }
    }
    if (start >= stop) break
    const feed =
      unit === 1
        ? indexFrom(bytesAsText, start - from, from)
        : lineFeed(work, start, from, stop, options.encoding)
    const lineEnd = feed < 0 ? stop : feed
    const bytes = lineEnd - start
    const key = `${options.id}:${start + shift}`
    if (bytes > options.lineBytesMax) {
      const cut = decode(start - from, start - from + options.lineBytesMax)
      items.push({ text: cut.text, key, receivedMs, facts, cut: { bytes } })
    } else {
      const textEnd = withoutReturn(work, start, lineEnd, unit, options.encoding)
      const { text, invalid } = decode(start - from, textEnd - from)
      if (invalid) {
        const copy = Buffer.from(work.subarray(start, textEnd))
        items.push({ text, bytes: copy, key, receivedMs, facts })
      } else items.push({ text, key, receivedMs, facts })
    }
    start = feed < 0 ? stop : feed + unit
  }
  return { items, end: start, nulBytes }
}

function indexFrom(text: string, start: number, shift: number): number {
  const at = text.indexOf('\n', start)
  return at < 0 ? -1 : at + shift
}

function skipNuls(work: Buffer, start: number, to: number): number {
  let at = start
  while (at < to && work[at] === 0) at += 1
  return at
}

/** Index of the next line feed's first byte before `stop`, or -1. */
export function lineFeed(
  work: Buffer,
  start: number,
  aligned: number,
  stop: number,
  encoding: FileEncoding,
): number {
  if (unitBytes(encoding) === 1) {
    const at = work.indexOf(LF, start)
    return at >= 0 && at < stop ? at : -1
  }
  const lead = encoding === 'utf-16le' ? 0 : 1
  for (let at = work.indexOf(LF, start); at >= 0 && at < stop; at = work.indexOf(LF, at + 1)) {
    const first = at - lead
    const other = work[lead === 0 ? at + 1 : at - 1]
    if ((first - aligned) % 2 === 0 && first >= start && other === 0 && first + 1 < stop) {
      return first
    }
  }
  return -1
}

/** Index after the last line end in `work[from…to)`, or `from`. */
function lastLineEnd(
  work: Buffer,
  from: number,
  to: number,
  unit: 1 | 2,
  encoding: FileEncoding,
): number {
  if (unit === 1) {
    const at = to > from ? work.lastIndexOf(LF, to - 1) : -1
    return at >= from ? at + 1 : from
  }
  let end = from
  let feed = lineFeed(work, from, from, to, encoding)
  while (feed >= 0) {
    end = feed + 2
    feed = lineFeed(work, end, from, to, encoding)
  }
  return end
}

function withoutReturn(
  work: Buffer,
  start: number,
  end: number,
  unit: 1 | 2,
  encoding: FileEncoding,
): number {
  if (end - start < unit) return end
  const low = unit === 1 || encoding === 'utf-16be' ? work[end - 1] : work[end - 2]
  const high = unit === 1 ? 0 : encoding === 'utf-16be' ? work[end - 2] : work[end - 1]
  return low === CR && high === 0 ? end - unit : end
}
