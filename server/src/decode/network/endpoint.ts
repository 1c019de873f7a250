import type { EcsDoc } from '../../model/event.ts'
import { plainIp } from '../mosquitto/address.ts'
import { present } from '../document/values.ts'

/** One side of a connection, as a sensor names it. */
export interface Side {
  readonly address: string | undefined
  readonly port?: number | undefined
  readonly mac?: string | undefined
  readonly bytes?: number | undefined
  readonly packets?: number | undefined
  readonly domain?: string | undefined
}

/** `source` or `destination` of a document; undefined where nothing of it is known. */
export function endpoint(side: Side): EcsDoc | undefined {
  const { address, port, mac, bytes, packets, domain } = side
  return present({
    address,
    ip: address === undefined ? undefined : plainIp(address),
    port: port !== undefined && port >= 0 && port <= 65_535 ? port : undefined,
    mac: plainMac(mac),
    bytes,
    packets,
    domain,
  })
}

const MAC = /^[0-9a-f]{2}(?:[:-]?[0-9a-f]{2}){5}$/i

/** A hardware address in the spelling of ECS (RFC 7042): `00-00-5E-00-53-23`. */
export function plainMac(text: string | undefined): string | undefined {
  if (text === undefined || !MAC.test(text)) return undefined
  const hex = text.replaceAll(/[:-]/g, '').toUpperCase()
  return hex.replaceAll(/(..)(?=.)/g, '$1-')
}

/** Sum of what is known of both; undefined where neither is. */
export function total(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined && b === undefined ? undefined : (a ?? 0) + (b ?? 0)
}

/** Transport and type of an IP protocol number (IANA registry "Protocol Numbers"). */
export function transportOf(number: number | undefined): string | undefined {
  return number === undefined ? undefined : PROTOCOLS[number]
}

const PROTOCOLS: Readonly<Record<number, string>> = {
  0: 'hopopt',
  1: 'icmp',
  2: 'igmp',
  4: 'ipv4',
  6: 'tcp',
  8: 'egp',
  17: 'udp',
  33: 'dccp',
  41: 'ipv6',
  46: 'rsvp',
  47: 'gre',
  50: 'esp',
  51: 'ah',
  58: 'ipv6-icmp',
  88: 'eigrp',
  89: 'ospf',
  103: 'pim',
  112: 'vrrp',
  115: 'l2tp',
  132: 'sctp',
  136: 'udplite',
}

export function ianaNumber(transport: string | undefined): string | undefined {
  return transport === undefined ? undefined : NUMBERS.get(transport.toLowerCase())
}

const NUMBERS = new Map(Object.entries(PROTOCOLS).map(([number, name]) => [name, number]))
NUMBERS.set('icmp6', '58').set('icmpv6', '58').set('ipv6-icmp', '58')

/** `ipv4` or `ipv6`, by the spelling of an address. */
export function addressType(address: string | undefined): string | undefined {
  const ip = address === undefined ? undefined : plainIp(address)
  if (ip === undefined) return undefined
  return ip.includes(':') ? 'ipv6' : 'ipv4'
}
