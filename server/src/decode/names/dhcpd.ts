import type { DecoderSpec, DecodeSink } from '../../model/decoder.ts'
import type { Frame } from '../line/frame.ts'
import { LineDecoder } from '../line/line-decoder.ts'
import { checkStampOptions, STAMP_OPTIONS } from '../line/options.ts'
import { dhcpLine } from './lease.ts'

const PROGRAM = /^(?:\S+ )?dhcpd(?:\[\d+\])?: /

/** ISC dhcpd in syslog: one line a message; what else it says is about itself. */
function read(message: string, frame: Frame, out: DecodeSink): void {
  const header = PROGRAM.exec(message)
  const text = header === null ? message : message.slice(header[0].length)
  const words = dhcpLine(text, 'ISC DHCP', frame.host)
  if (words !== undefined) out.event({ timeMs: frame.timeMs, action: words.action, doc: words.doc })
  else if (header !== null || frame.program === 'dhcpd') out.routine('status')
  else if (frame.program !== undefined) out.routine('other-program')
  else out.reject('DECODE_UNKNOWN', 'This is no line of dhcpd.')
}

export const dhcpd: DecoderSpec = {
  name: 'dhcpd',
  summary: 'ISC dhcpd: discover, offer, request, ack, nak, release, decline, in syslog.',
  options: STAMP_OPTIONS,
  check: checkStampOptions,
  create: (options = {}) => new LineDecoder(read, options),
}
