import ipaddr from 'ipaddr.js'

/**
 * A network in CIDR form as rules write it, in normal spelling; a bare address is a network of
 * one. Bits of the host part are dropped. Undefined if it is none.
 */
export function parseNetwork(text: string): string | undefined {
  const [address = '', bits, ...rest] = text.trim().split('/')
  if (rest.length > 0) return undefined
  const isV4 = ipaddr.IPv4.isValidFourPartDecimal(address)
  if (!isV4 && !(address.includes(':') && ipaddr.IPv6.isValid(address))) return undefined
  const most = isV4 ? 32 : 128
  if (bits !== undefined && !/^\d{1,3}$/.test(bits)) return undefined
  const length = bits === undefined ? most : Number(bits)
  if (length > most) return undefined
  const form = `${address}/${length}`
  const network = isV4
    ? ipaddr.IPv4.networkAddressFromCIDR(form)
    : ipaddr.IPv6.networkAddressFromCIDR(form)
  return `${network.toString()}/${length}`
}
