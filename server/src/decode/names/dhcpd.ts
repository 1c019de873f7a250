import { ANEW } from '../../base/anew.ts'
import type { Decoder, DecoderSpec, DecodeSink, StateChange } from '../../model/decoder.ts'
import { type RawItem, streamOf } from '../../model/source.ts'
import { isObject } from '../document/values.ts'
import { KeptMap } from '../kept-map.ts'
import type { Frame } from '../line/frame.ts'
import { LineDecoder } from '../line/line-decoder.ts'
import { checkStampOptions, STAMP_OPTIONS } from '../line/options.ts'
import { leaseBegin, leaseBlock, leaseLine } from './dhcpd-leases.ts'
import { dhcpdNote } from './dhcpd-notes.ts'
import { dhcpLine } from './lease.ts'

const PROGRAM = /^(?:\S+ )?(?:vmnet-|isc-)?dhcpd6?(?:\[\d+\])?: /
const NAME = /^(?:\S*\/)?(?:vmnet-|isc-)?dhcpd6?$/
const FILES_MAX = 100
const LINES_MAX = 100
const LINE_MAX = 1_024

/** ISC dhcpd in syslog: one line a message; what else it says is about itself. */
function read(message: string, frame: Frame, out: DecodeSink): void {
  const header = PROGRAM.exec(message)
  const text = header === null ? message : message.slice(header[0].length)
  const words = dhcpLine(text, 'ISC DHCP', frame.host) ?? dhcpdNote(text, frame.host)
  const ours = header !== null || (frame.program !== undefined && NAME.test(frame.program))
  if (!ours && frame.program !== undefined) out.routine('other-program')
  else if (typeof words === 'object') {
    out.event({ timeMs: frame.timeMs, action: words.action, doc: words.doc })
  } else if (ours) out.routine(words ?? 'status')
  else if (words !== undefined) out.routine(words)
  else out.reject('DECODE_UNKNOWN', 'This is no line of dhcpd.')
}

/** A lease whose block has not ended. */
interface Open {
  readonly item: RawItem
  readonly address: string
  readonly lines: readonly string[]
}

/** The log of dhcpd, and its file of leases, where each block becomes one event. */
class DhcpdDecoder implements Decoder {
  readonly #open = new KeptMap<Open>('l:', FILES_MAX)
  readonly #lines: LineDecoder

  constructor(options: Readonly<Record<string, unknown>>) {
    this.#lines = new LineDecoder(read, options)
  }

  decode(item: RawItem, out: DecodeSink): void {
    const { text } = item
    const short = text.length <= LINE_MAX
    const file = streamOf(item)
    const address = short ? leaseBegin(text) : undefined
    const open = this.#open.get(file)
    if (address !== undefined) {
      if (open !== undefined) this.#end(file, open, out)
      if (this.#open.size >= FILES_MAX) this.#endOldest(out)
      const { key, receivedMs, facts } = item
      const kept = { text, key, receivedMs, ...(facts === undefined ? {} : { facts }) }
      this.#open.set(file, { item: kept, address, lines: [text] })
      return
    }
    const line = short ? leaseLine(text) : undefined
    if (line === undefined) {
      this.#lines.decode(item, out)
      return
    }
    if (open !== undefined && line !== 'other') this.#goOn(file, open, text, line === 'end', out)
    out.routine('lease-file')
  }

  takeChanges(): readonly StateChange[] {
    const changes: StateChange[] = []
    this.#open.takeChanges(changes)
    return changes
  }

  restore(entries: Iterable<readonly [string, string]>): void {
    this.#open.restore(entries)
    for (const [file, open] of [...this.#open]) if (!isOpen(open)) this.#open.delete(file)
  }

  settle(out: DecodeSink): void {
    for (const [file, open] of [...this.#open]) this.#end(file, open, out)
  }

  stats(): Readonly<Record<string, number>> {
    return { leases: this.#open.size }
  }

  #goOn(file: string, open: Open, text: string, last: boolean, out: DecodeSink): void {
    const more = { ...open, lines: [...open.lines, text] }
    if (last || more.lines.length >= LINES_MAX) this.#end(file, more, out)
    else this.#open.set(file, more)
  }

  #end(file: string, { item, address, lines }: Open, out: DecodeSink): void {
    this.#open.delete(file)
    out.event({ ...ANEW, ...leaseBlock(address, lines), origin: item })
  }

  #endOldest(out: DecodeSink): void {
    for (const [file, open] of this.#open) {
      this.#end(file, open, out)
      return
    }
  }
}

function isOpen(value: unknown): boolean {
  if (!isObject(value)) return false
  const { item, address, lines } = value
  if (!isObject(item) || typeof address !== 'string' || !Array.isArray(lines)) return false
  const texts = [item['text'], item['key'], ...(lines as unknown[])]
  return texts.every((text) => typeof text === 'string') && typeof item['receivedMs'] === 'number'
}

export const dhcpd: DecoderSpec = {
  name: 'dhcpd',
  summary: 'ISC dhcpd: its messages in syslog, and its file of leases.',
  options: STAMP_OPTIONS,
  check: checkStampOptions,
  create: (options = {}) => new DhcpdDecoder(options),
}
