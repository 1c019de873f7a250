import { ANEW } from '../../base/anew.ts'
import type { Draft } from '../../model/decoder.ts'
import type { EcsDoc } from '../../model/event.ts'
import { compact } from '../document/values.ts'
import { transportOf } from '../network/endpoint.ts'
import { ipText as ip } from '../network/ip-text.ts'
import { flowOf, type Verdict } from '../firewall/verdict.ts'
import { type Fields, u16, u32 } from './datagram.ts'

function mac(bytes: Uint8Array | undefined): string | undefined {
  if (bytes?.length !== 6) return undefined
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(':')
}

/** An unsigned integer of 1 to 8 octets (RFC 7011, 6.2: reduced size); exact up to 2^53. */
function count(bytes: Uint8Array | undefined): number | undefined {
  if (bytes === undefined || bytes.length === 0 || bytes.length > 8) return undefined
  let value = 0
  for (const byte of bytes) value = value * 256 + byte
  return value
}

const YEAR_9999_MS = 253_402_300_799_000
const timeOf = (ms: number | undefined): number | undefined =>
  ms !== undefined && ms > 0 && ms < YEAR_9999_MS ? ms : undefined

export interface Times {
  readonly exportMs: number
  readonly uptimeMs: number | undefined
  /** When the exporter started, where an options record told it (systemInitTimeMilliseconds, 160). */
  readonly initMs?: number | undefined
}

const WRAP_MS = 2 ** 32

/**
 * The time of an uptime: counters of 32 bits start anew after 49.7 days, and a flow may have begun before
 * its exporter did, so the turn nearest to the export is meant.
 */
function atUptime(bootMs: number, uptimeMs: number, exportMs: number): number {
  const ms = bootMs + uptimeMs
  return ms + Math.round((exportMs - ms) / WRAP_MS) * WRAP_MS
}

/** systemInitTimeMilliseconds of an options record. */
export function initTime(fields: Fields): number | undefined {
  return timeOf(count(fields.get('160')))
}

/** One flow of version 9 or IPFIX. */
export function flowDraft(fields: Fields, times: Times, exporter: EcsDoc, code: string): Draft {
  const number = (...ids: readonly string[]): number | undefined => {
    for (const id of ids) {
      const value = count(fields.get(id))
      if (value !== undefined) return value
    }
    return undefined
  }
  const { exportMs, uptimeMs, initMs } = times
  const bootMs = number('160') ?? (uptimeMs === undefined ? initMs : exportMs - uptimeMs)
  const upAt = (id: string): number | undefined => {
    const uptime = number(id)
    return uptime === undefined || bootMs === undefined
      ? undefined
      : atUptime(bootMs, uptime, exportMs)
  }
  const seconds = (id: string): number | undefined => {
    const value = number(id)
    return value === undefined ? undefined : value * 1000
  }
  const startMs = timeOf(
    number('152') ??
      seconds('150') ??
      ntp(fields.get('154')) ??
      ntp(fields.get('156')) ??
      upAt('22'),
  )
  const endMs = timeOf(
    number('153') ??
      seconds('151') ??
      ntp(fields.get('155')) ??
      ntp(fields.get('157')) ??
      upAt('21'),
  )
  const protocol = number('4')
  const firewall = number('233')
  const way = number('61')
  const bytes = number('1', '85', '23')
  const packets = number('2', '86', '24')
  return draftOf({
    code,
    exporter,
    timeMs: endMs ?? startMs ?? times.exportMs,
    startMs,
    endMs,
    protocol,
    verdict: firewall === 3 ? 'denied' : undefined,
    direction: way === 0 ? 'ingress' : way === 1 ? 'egress' : undefined,
    source: {
      address: ip(fields.get('8') ?? fields.get('27')),
      port: number('7'),
      mac: mac(fields.get('56')),
      bytes,
      packets,
    },
    destination: {
      address: ip(fields.get('12') ?? fields.get('28')),
      port: number('11'),
      mac: mac(fields.get('80')),
      bytes: number('29305.1', '29305.85'),
      packets: number('29305.2', '29305.86'),
    },
    flags: number('6'),
    input: number('10'),
    output: number('14'),
  })
}

/** Seconds since 1900 and their fraction (RFC 7011, 6.1.9). */
function ntp(bytes: Uint8Array | undefined): number | undefined {
  if (bytes?.length !== 8) return undefined
  return (u32(bytes, 0) - 2_208_988_800) * 1000 + Math.floor((u32(bytes, 4) / 2 ** 32) * 1000)
}

type Side = Parameters<typeof flowOf>[0]['source']

interface FlowParts {
  readonly code: string
  readonly exporter: EcsDoc
  readonly timeMs: number
  readonly startMs: number | undefined
  readonly endMs: number | undefined
  readonly protocol: number | undefined
  readonly verdict: Verdict
  readonly direction: string | undefined
  readonly source: Side
  readonly destination: Side
  readonly flags: number | undefined
  readonly input: number | undefined
  readonly output: number | undefined
}

function draftOf(parts: FlowParts): Draft {
  const { startMs, endMs, protocol, source, destination } = parts
  const sum = (a: number | undefined, b: number | undefined): number | undefined =>
    a === undefined && b === undefined ? undefined : (a ?? 0) + (b ?? 0)
  const { action, doc } = flowOf({
    verdict: parts.verdict,
    code: parts.code,
    reason: 'flow',
    source,
    destination,
    transport: transportOf(protocol),
    direction: parts.direction,
    bytes: sum(source.bytes, destination.bytes),
    packets: sum(source.packets, destination.packets),
    event: compact({
      start: startMs === undefined ? undefined : new Date(startMs).toISOString(),
      end: endMs === undefined ? undefined : new Date(endMs).toISOString(),
      duration:
        startMs === undefined || endMs === undefined
          ? undefined
          : Math.max(0, endMs - startMs) * 1e6,
    }),
  })
  if (protocol !== undefined)
    doc['network'] = { ...ANEW, ...(doc['network'] as EcsDoc), iana_number: String(protocol) }
  doc['observer'] = { type: 'netflow', ...parts.exporter }
  const { flags, input, output } = parts
  doc['netflow'] = compact({ tcp_flags: flags, input_snmp: input, output_snmp: output })
  return { timeMs: parts.timeMs, action, doc }
}

const V5_HEADER = 24
const V5_RECORD = 48

/** Records of version 5 (Cisco: "NetFlow Export Datagram Format"); undefined where it breaks off. */
export function readV5(bytes: Uint8Array, exporter: EcsDoc): readonly Draft[] | undefined {
  const flows = u16(bytes, 2)
  if (flows === 0 || bytes.length < V5_HEADER + flows * V5_RECORD) return undefined
  const exportMs = u32(bytes, 8) * 1000 + Math.floor(u32(bytes, 12) / 1e6)
  const bootMs = exportMs - u32(bytes, 4)
  return Array.from({ length: flows }, (_, index) => {
    const at = V5_HEADER + index * V5_RECORD
    const startMs = atUptime(bootMs, u32(bytes, at + 24), exportMs)
    const endMs = atUptime(bootMs, u32(bytes, at + 28), exportMs)
    return draftOf({
      code: 'v5',
      exporter,
      timeMs: endMs,
      startMs: timeOf(startMs),
      endMs: timeOf(endMs),
      protocol: bytes[at + 38],
      verdict: undefined,
      direction: undefined,
      source: {
        address: ip(bytes.subarray(at, at + 4)),
        port: u16(bytes, at + 32),
        bytes: u32(bytes, at + 20),
        packets: u32(bytes, at + 16),
      },
      destination: { address: ip(bytes.subarray(at + 4, at + 8)), port: u16(bytes, at + 34) },
      flags: bytes[at + 37],
      input: u16(bytes, at + 12),
      output: u16(bytes, at + 14),
    })
  })
}
