import { type CaptureForm, cutCapture } from '../../decode/capture/cut.ts'
import type { RawItem } from '../../model/source.ts'
import type { SplitOptions, SplitResult } from './split.ts'

/**
 * Cuts `work[from…to)` into one item a record of a packet capture. What is no record is told by its
 * length, not kept: packets may hold passwords.
 */
export function splitCapture(
  work: Buffer,
  from: number,
  to: number,
  options: Pick<
    SplitOptions,
    'id' | 'offset' | 'receivedMs' | 'facts' | 'linesMax' | 'takePartial'
  > & {
    readonly form: CaptureForm | undefined
  },
): SplitResult & { readonly form: CaptureForm | undefined } {
  const { id, offset, receivedMs, facts, linesMax, takePartial, form } = options
  const cut = cutCapture(work, from, to, { form, max: linesMax, final: takePartial })
  // One copy for all: the buffer is used again for the next read.
  const copy = Buffer.from(work.subarray(from, cut.end))
  const items = cut.pieces.map((piece): RawItem => {
    const place = { text: '', key: `${id}:${offset + piece.from - from}`, receivedMs, facts }
    if (!piece.junk) return { ...place, bytes: copy.subarray(piece.from - from, piece.to - from) }
    const detail = `${piece.to - piece.from} bytes that are no record of a capture.`
    return { ...place, unreadable: { code: 'DECODE_SYNTAX', detail } }
  })
  return { items, end: cut.end, nulBytes: 0, form: cut.form }
}
