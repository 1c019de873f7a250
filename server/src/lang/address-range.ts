import ipaddr from 'ipaddr.js'
import type { Condition } from '../model/condition.ts'
import { anyOf, fieldTest } from './conditions.ts'

type Op = 'lt' | 'lte' | 'gt' | 'gte'

/** Names of fields that hold addresses: `source.ip`, `host_ip`, `SourceIp`, `ip`. */
const ADDRESS_NAME = /(?:^|[._-])ips?$|[a-z]I[pP]$/

/** Whether a field of that name holds addresses. */
export function isAddressName(path: string): boolean {
  return ADDRESS_NAME.test(path)
}

/**
 * An ordered comparison of a field that holds addresses with an address, as the networks between the
 * bound and the end of its family: addresses are compared as numbers, as Elasticsearch's type `ip`
 * compares them. Undefined where the field is not named as one, or the text is no address.
 */
export function addressRange(path: string, op: Op, text: string): Condition | undefined {
  if (!isAddressName(path) || !ipaddr.isValid(text) || !/[.:]/.test(text)) return undefined
  const bytes = ipaddr.parse(text).toByteArray()
  const bits = bytes.length * 8
  let bound = 0n
  for (const byte of bytes) bound = bound * 256n + BigInt(byte)
  const last = 2n ** BigInt(bits) - 1n
  const from = op === 'gt' ? bound + 1n : op === 'gte' ? bound : 0n
  const to = op === 'lt' ? bound - 1n : op === 'lte' ? bound : last
  const networks = networksOf(from, to, bits)
  return anyOf(networks.map((network) => fieldTest(path, { kind: 'cidr', network })))
}

/** The fewest networks that hold just the addresses from one to another. */
function networksOf(from: bigint, to: bigint, bits: number): string[] {
  const networks: string[] = []
  let start = from
  while (start <= to) {
    let free = 0
    while (free < bits && (start & (1n << BigInt(free))) === 0n) free += 1
    while (start + (1n << BigInt(free)) - 1n > to) free -= 1
    networks.push(`${textOf(start, bits)}/${bits - free}`)
    start += 1n << BigInt(free)
  }
  return networks
}

function textOf(address: bigint, bits: number): string {
  const bytes: number[] = []
  for (let shift = bits - 8; shift >= 0; shift -= 8) {
    bytes.push(Number((address >> BigInt(shift)) & 255n))
  }
  return ipaddr.fromByteArray(bytes).toString()
}
