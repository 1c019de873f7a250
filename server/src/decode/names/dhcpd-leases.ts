import type { Draft } from '../../model/decoder.ts'
import { leaseOf } from './lease.ts'

/** Statements of a lease block of dhcpd.leases(5), without the time of the file's reader. */
const OPEN = /^lease ((?:[0-9a-f:.]){2,45}) \{$/i
/** Blocks that are no lease, and what stands between blocks. */
const OTHER = new RegExp(
  '^(?:#.*|(?:host|failover peer|subnet|group|ia-na|ia-ta|ia-pd|class|shared-network)\\b.*\\{|' +
    '(?:server-duid|authoring-byte-order|iaaddr)\\b.*)$',
)
const STATEMENT = new RegExp(
  '^(?:starts|ends|tstp|tsfp|atsfp|cltt|binding|next|rewind|hardware|uid|client-hostname|set|option|on|' +
    'abandoned|dynamic|fixed-address|ddns-\\w+|my|partner|mclt|reserved|bootp|vendor-class-identifier|' +
    'preferred-life|max-life|deleted|peer|billing)\\b.*[;{](?: #.*)?$',
)

export const leaseBegin = (text: string): string | undefined => OPEN.exec(text.trim())?.[1]

export type LeaseLine = 'end' | 'statement' | 'other' | undefined

/** What a line of the file is; undefined for one that stands in no such file. */
export function leaseLine(text: string): LeaseLine {
  const line = text.trim()
  if (line === '}') return 'end'
  if (STATEMENT.test(line)) return 'statement'
  return OTHER.test(line) ? 'other' : undefined
}

/** The event of a block: a lease given, or one that ended. */
export function leaseBlock(address: string, lines: readonly string[]): Omit<Draft, 'origin'> {
  const said = new Map<string, string>()
  for (const line of lines) {
    const found = /^\s*(binding state|client-hostname|hardware \w+|[a-z-]+) (.{1,500}?);/.exec(line)
    if (found !== null) said.set((found[1] ?? '').split(' ', 1)[0] ?? '', found[2] ?? '')
  }
  const state = said.get('binding') ?? 'active'
  const active = state === 'active'
  const startMs = timeOf(said.get('starts'))
  const lastMs = timeOf(said.get('cltt')) ?? startMs
  const endMs = timeOf(said.get('ends'))
  const words = leaseOf({
    message: active ? 'LEASE' : 'RELEASE',
    address,
    mac: said.get('hardware'),
    name: said.get('client-hostname')?.replaceAll('"', ''),
    endMs,
    reason: undefined,
    product: 'ISC DHCP',
  })
  const timeMs = active ? lastMs : (timeOf(said.get('tstp')) ?? endMs ?? lastMs)
  return { timeMs, action: words.action, doc: words.doc, original: lines.join('\n') }
}

/** `6 2026/11/21 22:10:00` in UTC, or `epoch 1795301345`; `never` has no time. */
function timeOf(text: string | undefined): number | undefined {
  const epoch = /^epoch (\d{1,11})$/.exec(text ?? '')
  if (epoch !== null) return Number(epoch[1]) * 1_000
  const date = /^\d (\d{4})\/(\d\d)\/(\d\d) (\d\d):(\d\d):(\d\d)(?: UTC)?$/.exec(text ?? '')
  if (date === null) return undefined
  const [year, month, day, hour, minute, second] = date.slice(1).map(Number)
  return Date.UTC(year ?? 0, (month ?? 1) - 1, day, hour, minute, second)
}
