import type { Result } from '../../base/result.ts'
import type { EcsDoc } from '../../model/event.ts'
import { isObject } from '../document/values.ts'
import type { Metric } from './metric.ts'

/** A report of the device-side agent, as it is meant: long or short tags, or both mixed. */
export interface Report {
  readonly id: number
  readonly version: string
  readonly metrics: readonly Metric[]
}

const CUSTOM_MAX = 1_000
const LIST_MAX = 10_000

/**
 * Reads a report: `header` with `report_id` and `version`, and `metrics` or `custom_metrics`.
 * Source: AWS IoT Device Defender, "Sending metrics from devices". The failure is a sentence.
 */
export function parseReport(value: unknown): Result<Report, string> {
  if (!isObject(value)) return fault('The report is no object')
  const header = tag(value, 'header', 'hed')
  if (!isObject(header)) return fault('header is missing or no object')
  const id = tag(header, 'report_id', 'rid')
  if (typeof id !== 'number' || !Number.isSafeInteger(id)) {
    return fault('header.report_id is no whole number')
  }
  const version = tag(header, 'version', 'v')
  if (typeof version !== 'string' || !/^\d{1,4}\.\d{1,4}$/.test(version)) {
    return fault('header.version is not of the form 1.0')
  }
  const blocks = tag(value, 'metrics', 'met')
  const custom = tag(value, 'custom_metrics', 'cmet')
  if (blocks === undefined && custom === undefined) {
    return fault('Neither metrics nor custom_metrics is there')
  }
  if (blocks !== undefined && !isObject(blocks)) return fault('metrics is no object')
  if (custom !== undefined && !isObject(custom)) return fault('custom_metrics is no object')
  const metrics: Metric[] = []
  const wrong =
    (blocks === undefined ? undefined : readBlocks(blocks, metrics)) ??
    (custom === undefined ? undefined : readCustom(custom, metrics))
  return wrong === undefined ? { ok: true, value: { id, version, metrics } } : fault(wrong)
}

export function looksLikeReport(value: EcsDoc): boolean {
  return (
    (isObject(value['header']) || isObject(value['hed'])) &&
    ['metrics', 'met', 'custom_metrics', 'cmet'].some((key) => Object.hasOwn(value, key))
  )
}

/** The report's id as Unix time in ms, where it can be one (s or ms since 2014): agents use that. */
export function reportTime(id: number): number | undefined {
  if (id >= 1.4e9 && id < 4e9) return id * 1_000
  return id >= 1.4e12 && id < 4e12 ? id : undefined
}

function fault(problem: string): Result<Report, string> {
  return { ok: false, problem }
}

function tag(doc: EcsDoc, long: string, short: string): unknown {
  return Object.hasOwn(doc, long) ? doc[long] : Object.hasOwn(doc, short) ? doc[short] : undefined
}

function readBlocks(blocks: EcsDoc, into: Metric[]): string | undefined {
  const network = tag(blocks, 'network_stats', 'ns')
  const connections = tag(blocks, 'tcp_connections', 'tc')
  return (
    (network === undefined ? undefined : readNetwork(network, into)) ??
    readPorts(tag(blocks, 'listening_tcp_ports', 'tp'), 'tcp', into) ??
    readPorts(tag(blocks, 'listening_udp_ports', 'up'), 'udp', into) ??
    (connections === undefined ? undefined : readConnections(connections, into))
  )
}

const NETWORK = [
  ['bytes_in', 'bi', 'aws:all-bytes-in', 'byte'],
  ['bytes_out', 'bo', 'aws:all-bytes-out', 'byte'],
  ['packets_in', 'pi', 'aws:all-packets-in', 'packet'],
  ['packets_out', 'po', 'aws:all-packets-out', 'packet'],
] as const

function readNetwork(stats: unknown, into: Metric[]): string | undefined {
  if (!isObject(stats)) return 'metrics.network_stats is no object'
  for (const [long, short, name, unit] of NETWORK) {
    const value = tag(stats, long, short)
    if (value === undefined) continue
    if (!isCount(value)) return `metrics.network_stats.${long} is no count`
    into.push({ name, unit, value })
  }
  return undefined
}

function readPorts(block: unknown, kind: 'tcp' | 'udp', into: Metric[]): string | undefined {
  if (block === undefined) return undefined
  const path = `metrics.listening_${kind}_ports`
  if (!isObject(block)) return `${path} is no object`
  const list = tag(block, 'ports', 'pts')
  if (list !== undefined && !Array.isArray(list)) return `${path}.ports is no list`
  if (list !== undefined && list.length > LIST_MAX) return `${path}.ports is too long`
  const ports: number[] = []
  for (const entry of (list ?? []) as readonly unknown[]) {
    const port = isObject(entry) ? tag(entry, 'port', 'pt') : undefined
    if (!isPort(port)) return `${path}.ports holds something that is no port`
    if (!ports.includes(port)) ports.push(port)
  }
  const total = tag(block, 'total', 't')
  if (total !== undefined && !isCount(total)) return `${path}.total is no count`
  const listed = list?.length ?? 0
  if (list !== undefined) {
    const sampled = total !== undefined && total > listed
    into.push({ name: `aws:listening-${kind}-ports`, ports, ...(sampled ? { sampled } : {}) })
  }
  into.push({ name: `aws:num-listening-${kind}-ports`, unit: 'count', value: total ?? listed })
  return undefined
}

function readConnections(block: unknown, into: Metric[]): string | undefined {
  const path = 'metrics.tcp_connections.established_connections'
  const established = isObject(block) ? tag(block, 'established_connections', 'ec') : undefined
  if (established === undefined && isObject(block)) return undefined
  if (!isObject(established)) return `${path} is no object`
  const list = tag(established, 'connections', 'cs')
  if (list !== undefined && !Array.isArray(list)) return `${path}.connections is no list`
  if (list !== undefined && list.length > LIST_MAX) return `${path}.connections is too long`
  const addresses: string[] = []
  for (const entry of (list ?? []) as readonly unknown[]) {
    if (!isObject(entry)) return `${path}.connections holds something that is no object`
    const remote = tag(entry, 'remote_addr', 'rad')
    if (remote === undefined) continue
    if (typeof remote !== 'string') return `${path}.connections holds an address that is no text`
    const address = hostOf(remote)
    if (!addresses.includes(address)) addresses.push(address)
  }
  const total = tag(established, 'total', 't')
  if (total !== undefined && !isCount(total)) return `${path}.total is no count`
  const listed = list?.length ?? 0
  if (list !== undefined) {
    const sampled = total !== undefined && total > listed
    into.push({
      name: 'aws:destination-ip-addresses',
      addresses,
      ...(sampled ? { sampled } : {}),
    })
  }
  into.push({
    name: 'aws:num-established-tcp-connections',
    unit: 'count',
    value: total ?? listed,
  })
  return undefined
}

function readCustom(custom: EcsDoc, into: Metric[]): string | undefined {
  const entries = Object.entries(custom)
  if (entries.length > CUSTOM_MAX) return `custom_metrics has more than ${CUSTOM_MAX} entries`
  for (const [name, list] of entries) {
    const values = Array.isArray(list) ? (list as unknown[]) : [list]
    for (const value of values) {
      const metric = isObject(value) ? customMetric(name, value) : undefined
      if (metric === undefined) return `custom_metrics.${name.slice(0, 100)} has no value`
      into.push(metric)
    }
  }
  return undefined
}

function customMetric(name: string, value: EcsDoc): Metric | undefined {
  const { number, number_list: numbers, string_list: strings, ip_list: addresses } = value
  if (typeof number === 'number' && Number.isFinite(number)) return { name, value: number }
  if (isListOf(numbers, 'number')) return { name, numbers: numbers as number[] }
  if (isListOf(strings, 'string')) return { name, strings: strings as string[] }
  if (isListOf(addresses, 'string')) return { name, addresses: addresses as string[] }
  return undefined
}

function isListOf(list: unknown, type: 'number' | 'string'): boolean {
  return (
    Array.isArray(list) && list.length <= LIST_MAX && list.every((item) => typeof item === type)
  )
}

const isCount = (value: unknown): value is number =>
  typeof value === 'number' && Number.isFinite(value) && value >= 0

const isPort = (value: unknown): value is number =>
  typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 65_535

/** `192.0.2.1:8000`, `[2001:db8::1]:443`, or an address alone. */
function hostOf(remote: string): string {
  if (remote.startsWith('[')) {
    const end = remote.indexOf(']')
    return end < 0 ? remote : remote.slice(1, end)
  }
  const colon = remote.lastIndexOf(':')
  return colon > 0 && remote.indexOf(':') === colon ? remote.slice(0, colon) : remote
}
