import type { DecodeSink } from '../../model/decoder.ts'
import type { RawItem } from '../../model/source.ts'

/** Where and when a line stands. */
export interface Moment {
  readonly item: RawItem
  /** The line's own time, if it has one. */
  readonly timeMs?: number | undefined
  /** That, or when the line was received. */
  readonly atMs: number
  /** The time has no fraction of a second. */
  readonly whole: boolean
}

/** The line being decoded. One object is used for all of them. */
export interface Turn extends Moment {
  item: RawItem
  timeMs: number | undefined
  atMs: number
  whole: boolean
  out: DecodeSink
}

export class TurnState implements Turn {
  item: RawItem = { text: '', key: '', receivedMs: 0 }
  out: DecodeSink = { event: () => undefined, routine: () => undefined, reject: () => undefined }
  timeMs: number | undefined
  atMs = 0
  whole = false
}
