import { ProblemError } from '../base/problems.ts'
import { type CaptureForm, type CapturePiece, cutCapture } from '../decode/capture/cut.ts'
import type { RawItem } from '../model/source.ts'
import { type LineSource, openInput, type ReadOptions } from './read-lines.ts'

const BATCH_RECORDS = 2_000

/**
 * Records of packet captures, one file after the other, in batches; `line` counts records from 1 across all
 * of them. Bytes that are no record become an item that says how many were stepped over. Throws
 * ProblemError INPUT_UNREADABLE.
 */
export async function* readCaptures(
  sources: readonly LineSource[],
  options: ReadOptions,
): AsyncGenerator<readonly RawItem[]> {
  const counter = { line: 0 }
  for (const source of sources) {
    try {
      yield* readOne(source, options, counter)
    } catch (error) {
      if (error instanceof ProblemError) throw error
      const name = source.path === '-' ? 'standard input' : source.path
      const detail = error instanceof Error ? error.message : String(error)
      throw new ProblemError({
        code: 'INPUT_UNREADABLE',
        message: `Cannot read ${name}: ${detail}`,
        at: { file: name },
      })
    }
  }
}

async function* readOne(
  source: LineSource,
  { nowMs }: ReadOptions,
  counter: { line: number },
): AsyncGenerator<readonly RawItem[]> {
  const { path } = source
  let rest: Buffer = Buffer.alloc(0)
  let form: CaptureForm | undefined
  const take = (final: boolean): readonly RawItem[] => {
    const cut = cutCapture(rest, 0, rest.length, { form, max: BATCH_RECORDS, final })
    const receivedMs = nowMs()
    const items = cut.pieces.map((piece) => {
      counter.line += 1
      const line = String(counter.line)
      const place = { key: `${path}:${line}`, receivedMs, facts: { path, line } }
      return captureItem(rest, piece, place)
    })
    form = cut.form
    rest = rest.subarray(cut.end)
    return items
  }
  for await (const chunk of openInput(source)) {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    for (let items = take(false); items.length > 0; items = take(false)) yield items
  }
  for (let items = take(true); items.length > 0; items = take(true)) yield items
}

/** A record of a capture as an item; what is none is told by its length, not kept: it may hold passwords. */
export function captureItem(
  bytes: Buffer,
  { from, to, junk }: CapturePiece,
  place: Pick<RawItem, 'key' | 'receivedMs'> & { facts: Readonly<Record<string, string>> },
): RawItem {
  if (!junk) return { text: '', bytes: bytes.subarray(from, to), ...place }
  const detail = `${to - from} bytes that are no record of a capture.`
  return { text: '', ...place, unreadable: { code: 'DECODE_SYNTAX', detail } }
}
