import type { Decoder, DecodeSink } from '../../model/decoder.ts'
import type { RawItem } from '../../model/source.ts'
import { Frame } from './frame.ts'
import { stampOptions } from './options.ts'

const TEXT_MAX = 65_536

/** Reads what stands behind the syslog header, container prefix and stamp of a line. */
export type ReadMessage = (message: string, frame: Frame, out: DecodeSink, item: RawItem) => void

/** A decoder without memory: one line, one verdict. */
export class LineDecoder implements Decoder {
  readonly #frame: Frame
  readonly #read: ReadMessage

  constructor(read: ReadMessage, options: Readonly<Record<string, unknown>>) {
    this.#frame = new Frame(stampOptions(options))
    this.#read = read
  }

  decode(item: RawItem, out: DecodeSink): void {
    const { text, receivedMs } = item
    if (text.length > TEXT_MAX) {
      out.reject('DECODE_TOO_LONG', `${text.length} characters, at most ${TEXT_MAX}.`)
      return
    }
    const line = text.trim()
    if (line === '') {
      out.routine('blank')
      return
    }
    this.#frame.read(line, receivedMs)
    this.#read(this.#frame.message, this.#frame, out, item)
  }
}
