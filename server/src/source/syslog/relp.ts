import { type Frame, withoutLineEnd } from './framer.ts'

/** One frame of the Reliable Event Logging Protocol. */
export interface RelpFrame extends Frame {
  readonly transaction: string
  readonly command: string
}

export type RelpFault = 'relp_header' | 'relp_trailer' | 'relp_incomplete'

const LF = 0x0a
/** Nine digits, 32 letters, nine digits, and what stands between them. */
const HEADER_MAX = 53
const HEADER = /^(\d{1,9}) ([A-Za-z]{1,32}) (\d{1,9})([ \n])/

interface Body {
  readonly transaction: string
  readonly command: string
  readonly length: number
  left: number
  readonly parts: Buffer[]
  kept: number
}

/**
 * Cuts a stream into RELP frames: `TXNR SP COMMAND SP DATALEN [SP DATA] LF`
 * (https://github.com/rsyslog/librelp/blob/master/doc/relp.html). Of data longer than allowed the
 * beginning is kept and the rest counted.
 */
export class RelpFramer {
  readonly #bytesMax: number
  #held: Buffer = Buffer.alloc(0)
  #body: Body | undefined

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  /** The frames that this chunk completes. A fault ends the stream. */
  push(chunk: Buffer): { frames: RelpFrame[]; fault?: RelpFault } {
    const frames: RelpFrame[] = []
    let rest = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk])
    this.#held = Buffer.alloc(0)
    while (rest.length > 0) {
      if (this.#body !== undefined) {
        const step = this.#takeBody(this.#body, rest, frames)
        if (step === 'fault') return { frames, fault: 'relp_trailer' }
        rest = step
        continue
      }
      const found = HEADER.exec(rest.toString('latin1', 0, HEADER_MAX))
      if (found === null) {
        if (rest.length >= HEADER_MAX || !isBeginning(rest)) return { frames, fault: 'relp_header' }
        this.#held = Buffer.from(rest)
        break
      }
      const [header, transaction = '', command = '', digits, end] = found
      const length = Number(digits)
      rest = rest.subarray(header.length)
      if (end === ' ') {
        this.#body = { transaction, command, length, left: length, parts: [], kept: 0 }
      } else if (length > 0) return { frames, fault: 'relp_header' }
      else frames.push({ transaction, command, bytes: Buffer.alloc(0) })
    }
    return { frames }
  }

  /** What the end of the stream cut off was not acknowledged, so its sender keeps it. */
  end(): { fault?: RelpFault } {
    const isWhole = this.#body === undefined && this.#held.length === 0
    return isWhole ? {} : { fault: 'relp_incomplete' }
  }

  #takeBody(body: Body, rest: Buffer, frames: RelpFrame[]): Buffer | 'fault' {
    if (body.left > 0) {
      const part = rest.subarray(0, body.left)
      body.left -= part.length
      const kept = part.subarray(0, this.#bytesMax - body.kept)
      if (kept.length > 0) body.parts.push(Buffer.from(kept))
      body.kept += kept.length
      return rest.subarray(part.length)
    }
    if (rest[0] !== LF) return 'fault'
    const { transaction, command, length } = body
    const bytes = Buffer.concat(body.parts)
    const isCut = length > this.#bytesMax
    const data = isCut ? { bytes, cutFrom: length } : { bytes: withoutLineEnd(bytes) }
    frames.push({ transaction, command, ...data })
    this.#body = undefined
    return rest.subarray(1)
  }
}

/** More bytes could make it a header. */
function isBeginning(bytes: Buffer): boolean {
  return /^\d{1,9}(?: (?:[A-Za-z]{1,32}(?: \d{0,9})?)?)?$/.test(bytes.toString('latin1'))
}

/** What a server answers to a frame. `syslog` is answered once its message is durable. */
export function relpAnswer(frame: Pick<RelpFrame, 'transaction' | 'command'>): string {
  const { transaction, command } = frame
  switch (command) {
    case 'open':
      return response(transaction, `200 OK\nrelp_version=0\nrelp_software=picket\ncommands=syslog`)
    case 'syslog':
      return response(transaction, '200 OK')
    case 'close':
      return `${transaction} rsp 0\n0 serverclose 0\n`
    default:
      return response(transaction, '500 unknown command')
  }
}

function response(transaction: string, text: string): string {
  return `${transaction} rsp ${Buffer.byteLength(text)} ${text}\n`
}
