import type { DecoderSpec, DecodeSink } from '../../model/decoder.ts'
import type { RawItem } from '../../model/source.ts'
import type { Frame } from '../line/frame.ts'
import { LineDecoder } from '../line/line-decoder.ts'
import { checkStampOptions, STAMP_OPTIONS } from '../line/options.ts'
import { plainIp } from '../mosquitto/address.ts'
import { leaseOf } from './lease.ts'
import { serverWords } from './query.ts'

const LINE = new RegExp(
  [
    String.raw`^(?:\S+ )?(?:kea-[\w-]+(?:\[\d+\])?: )?(DEBUG|INFO|WARN|ERROR`,
    String.raw`|FATAL)\s+\[kea-[\w.-]+(?:\/[\d.]+)?[^\]]{0,40}\] ([A-Z0-9_]+) ?`,
  ].join(''),
)
const LEASE_IDS: Readonly<Record<string, string>> = {
  LEASE_ALLOC: 'ACK',
  LEASE_REUSE: 'ACK',
  LEASE_OFFER: 'OFFER',
  LEASE_ADVERT: 'OFFER',
  RELEASE: 'RELEASE',
  RELEASE_NA: 'RELEASE',
  DECLINE_LEASE: 'DECLINE',
}

/** Kea's log (one line a message id) and the memfile of its leases (CSV, IPv4 and IPv6). */
function read(message: string, frame: Frame, out: DecodeSink, item: RawItem): void {
  if (item.text.startsWith('address,')) {
    out.routine('header')
    return
  }
  const cells = item.text.trim().split(',', 30)
  if (cells.length >= 10 && plainIp(cells[0] ?? '') !== undefined) {
    lease(cells, out)
    return
  }
  const line = LINE.exec(message)
  if (line === null) {
    if (frame.program !== undefined) out.routine('other-program')
    else out.reject('DECODE_UNKNOWN', 'This is neither a log line nor a lease of Kea.')
    return
  }
  const [head, level, id = ''] = line
  const text = message.slice(head.length)
  const kind = LEASE_IDS[id.replace(/^DHCP[46]_/, '')]
  const failed = /ALLOC_FAIL(?:_NO_POOLS)?$|_PACKET_NAK/.test(id)
  if (kind !== undefined || failed) {
    const name = /hostname[= ]'?([\w.-]+)/.exec(text)?.[1]
    const words = leaseOf({
      message: kind ?? 'FAIL',
      address: /(?:lease |address |for )\[?([0-9a-f]*[.:][0-9a-f.:]+)/i.exec(text)?.[1],
      mac: /hwtype=\d+ ((?:[0-9a-f]{2}:){5}[0-9a-f]{2})/i.exec(text)?.[1],
      name,
      reason: failed ? id : undefined,
      product: 'Kea',
      host: frame.host,
    })
    out.event({ timeMs: frame.timeMs, action: words.action, doc: words.doc })
    return
  }
  const action =
    level === 'ERROR' || level === 'FATAL'
      ? 'service-error'
      : /^DHCP[46]_STARTED$/.test(id)
        ? 'service-start'
        : /^DHCP[46]_SHUTDOWN$/.test(id)
          ? 'service-stop'
          : undefined
  if (action === undefined) {
    out.routine('status')
    return
  }
  const words = serverWords(action, `${id} ${text}`.trim(), 'Kea')
  out.event({ timeMs: frame.timeMs, action: words.action, doc: words.doc })
}

/** Columns of the memfile: v4 has the hardware address second, v6 the DUID and it thirteenth. */
function lease(cells: readonly string[], out: DecodeSink): void {
  const six = cells[0]?.includes(':') === true
  const lifetime = Number(cells[six ? 2 : 3])
  const expire = Number(cells[six ? 3 : 4])
  const state = cells[six ? 13 : 9]
  if (!Number.isInteger(lifetime) || !Number.isInteger(expire) || Math.abs(expire) > 1e11) {
    out.reject('DECODE_FIELD', 'The lifetime or the expiry of the lease is no number.')
    return
  }
  if (state === '2' || lifetime === 0) {
    out.routine('lease-ended')
    return
  }
  const name = cells[six ? 11 : 8]
  const words = leaseOf({
    message: state === '1' ? 'DECLINE' : 'LEASE',
    address: cells[0],
    mac: cells[six ? 12 : 1],
    name: name === '' ? undefined : name?.replace(/\.$/, ''),
    endMs: expire * 1000,
    product: 'Kea',
  })
  out.event({ timeMs: (expire - lifetime) * 1000, action: words.action, doc: words.doc })
}

export const kea: DecoderSpec = {
  name: 'kea',
  summary: 'Kea DHCP: the log of its servers, and its lease files (CSV).',
  options: STAMP_OPTIONS,
  check: checkStampOptions,
  create: (options = {}) => new LineDecoder(read, options),
}
