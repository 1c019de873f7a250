import type { DecoderSpec, DecodeSink } from '../../model/decoder.ts'
import type { RawItem } from '../../model/source.ts'
import type { Frame } from '../line/frame.ts'
import { LineDecoder } from '../line/line-decoder.ts'
import { checkStampOptions, STAMP_OPTIONS } from '../line/options.ts'
import { plainIp } from '../mosquitto/address.ts'
import { endpoint } from '../network/endpoint.ts'
import { told, type Told } from '../network/told.ts'
import { leaseOf } from './lease.ts'
import { serverWords } from './query.ts'

const LINE = new RegExp(
  [
    String.raw`^(?:\S+ )?(?:kea-[\w-]+(?:\[\d+\])?: )?(DEBUG|INFO|WARN|ERROR`,
    String.raw`|FATAL)\s+\[kea-[\w.-]+(?:\/[\d.]+)?[^\]]{0,40}\] ([A-Z0-9_]+) ?`,
  ].join(''),
)
/** What a message of the catalogues (*.mes) says of a lease; `!` before it: that it failed. */
const LEASE_IDS: readonly (readonly [RegExp, string])[] = [
  [/^(?:PD_)?LEASE_(?:ALLOC|REUSE|RENEW)$/, 'ACK'],
  [/^(?:PD_)?LEASE_(?:OFFER|ADVERT)$/, 'OFFER'],
  [/^(?:PD_)?LEASE_(?:ADVERT|ALLOC)_FAIL$/, '!FAIL'],
  [/^INIT_REBOOT$/, 'REQUEST'],
  [/^RELEASE(?:_NA|_PD)?(?:_DELETED|_EXPIRED)?$/, 'RELEASE'],
  [/^RELEASE(?:_NA|_PD)?_(?:FAIL\w*|EXCEPTION)$/, '!RELEASE'],
  [/^(?:SERVER_INITIATED_)?DECLINE(?:_LEASE)?$/, 'DECLINE'],
  [/^(?:SERVER_INITIATED_)?DECLINE_(?:FAIL\w*|LEASE_\w+)$/, '!DECLINE'],
  [/^PACKET_NAK_\d+$/, '!NAK'],
  [/^PACKET_DROP_\d+$/, '!DROP'],
  [/ALLOC_FAIL(?:_NO_POOLS)?$/, '!FAIL'],
  [/^ALLOC_ENGINE_V6_REVOKED_\w+$/, '!RELEASE'],
  [/^ALLOC_ENGINE_V4_DISCOVER_ADDRESS_CONFLICT$/, '!FAIL'],
  [/^ADDR_REG_INFORM_FAIL$/, '!FAIL'],
]

function leaseWord(id: string): string | undefined {
  const short = id.replace(/^DHCP[46]_/, '')
  return LEASE_IDS.find(([pattern]) => pattern.test(short))?.[1]
}

/** Of a DUID made of a hardware address of Ethernet (RFC 8415, 11.2 and 11.4): that address. */
function duidMac(text: string): string | undefined {
  const found =
    /duid=\[?00:0(?:1:00:01(?::[0-9a-f]{2}){4}|3:00:01)((?::[0-9a-f]{2}){6})\]?(?:,|$|:? )/i.exec(
      text,
    )
  return found?.[1]?.slice(1)
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
  const kind = leaseWord(id)
  const words =
    kind === undefined ? aboutServer(level ?? '', id, text) : ofLease(kind, id, text, frame)
  if (typeof words === 'string') out.routine(words)
  else out.event({ timeMs: frame.timeMs, action: words.action, doc: words.doc })
}

function ofLease(kind: string, id: string, text: string, frame: Frame): Told {
  const failed = kind.startsWith('!')
  const about = text.replace(/^.*?tid=0x[0-9a-f]+[:,] /, '')
  const seconds = /(?:allocated|reused) for (\d{1,10}) seconds/.exec(text)?.[1]
  const end =
    seconds === undefined || frame.timeMs === undefined
      ? undefined
      : frame.timeMs + Number(seconds) * 1000
  return leaseOf({
    message: failed ? kind.slice(1) : kind,
    address: ADDRESS.exec(about)?.[1],
    mac: /hwtype=\d+ ((?:[0-9a-f]{2}:){5}[0-9a-f]{2})/i.exec(text)?.[1] ?? duidMac(text),
    name: /hostname[= ]'?([\w.-]+)/.exec(text)?.[1],
    reason: failed ? id : undefined,
    endMs: end === undefined || end > 8.64e15 ? undefined : end,
    product: 'Kea',
    host: frame.host,
  })
}

const ADDRESS =
  /(?:lease |address |addr |prefix |for |ciaddr |hint=)\[?([0-9a-f]*[.:][0-9a-f.:]*[0-9a-f:])/i

/** Commands that ask only (`status-get`, every few seconds) are routine. */
const CHANGING =
  /'[\w-]*-(?:set|add|del|update|wipe|reload|write|disable|enable|reset|flush|clear|kill|start|sync)\b|'shutdown'/

/** What is about no lease: an event, or the class of a routine line. */
function aboutServer(level: string, id: string, text: string): Told | string {
  const reason = `${id} ${text}`.trim()
  const event = { reason: reason.slice(0, 500) }
  if (id.endsWith('HANDSHAKE_FAILED')) {
    const source = endpoint({
      address: /with \[?([0-9a-f.:]+?)\]?(?::\d+)? failed/i.exec(text)?.[1],
    })
    const rest = source === undefined ? { event } : { event, source }
    return told(
      'tls-handshake',
      ['network', 'authentication'],
      ['error'],
      'failure',
      'handshake',
      rest,
    )
  }
  if (/NOT_AUTHORIZED|NOT_AUTHENTICATED|AUTH_.*_FAIL/.test(id)) {
    return told('user-login', ['authentication'], ['start'], 'failure', 'control', { event })
  }
  if (level === 'ERROR' || level === 'FATAL') return serverWords('service-error', reason, 'Kea')
  if (/^(?:DHCP[46]|DHCP_DDNS)_STARTED$/.test(id))
    return serverWords('service-start', reason, 'Kea')
  if (/^(?:DHCP[46]|DCTL|DHCP_DDNS)_SHUTDOWN$/.test(id))
    return serverWords('service-stop', reason, 'Kea')
  if (/^(?:DHCP[46]_(?:CONFIG_COMPLETE|DYNAMIC_RECONFIGURATION)|DCTL_CONFIG_COMPLETE)$/.test(id)) {
    return told('config-change', ['configuration'], ['change'], 'success', 'config', { event })
  }
  if (
    /_CMDS_\w*(?:ADD|DEL|UPDATE|WIPE)/.test(id) ||
    (id === 'COMMAND_RECEIVED' && CHANGING.test(text))
  ) {
    return told('api-call', ['configuration'], ['access'], 'unknown', 'command', { event })
  }
  // Each failed allocation is told several times: the line that counts is the one of `ofLease`.
  if (id.includes('_ALLOC_FAIL_')) return 'allocation-detail'
  if (
    level === 'WARN' &&
    /FAIL|INTERRUPTED|LOST|CONFLICT|QUEUE_FULL|INVALID|SECURITY|FULL/.test(id)
  ) {
    return serverWords('service-error', reason, 'Kea')
  }
  return id.includes('_PACKET_') ? 'packet' : `log-${level.toLowerCase()}`
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
