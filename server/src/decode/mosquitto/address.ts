/** A peer as Mosquitto writes it, taken apart. */
export interface Peer {
  /** As written, without the port. */
  readonly address: string
  /** A valid IP address in its plain form (an IPv4-mapped one as IPv4), or undefined. */
  readonly ip: string | undefined
  readonly port: number | undefined
}

/** Whether this broker writes the peer's port behind its address: from 2.0 on it does. */
export type PortStyle = 'port' | 'none' | 'unknown'

/**
 * `10.0.0.5:1234`, `::1:1234`, `fe80::1%eth0:1234`, and without the port as versions before 2.0 have
 * it. An IPv6 address and a port cannot always be told apart: then `style` decides, and what is
 * unknown is read as an address with a port.
 */
export function parsePeer(text: string, style: PortStyle): Peer {
  const colon = text.lastIndexOf(':')
  if (colon < 0) return { address: text, ip: plainIp(text), port: undefined }
  const port = portOf(text, colon + 1)
  const before = text.slice(0, colon)
  if (port === undefined) return { address: text, ip: plainIp(text), port: undefined }
  const beforeIp = plainIp(before)
  if (beforeIp !== undefined && !before.includes(':'))
    return { address: before, ip: beforeIp, port }
  const wholeIp = plainIp(text)
  if (beforeIp !== undefined && (wholeIp === undefined || style !== 'none')) {
    return { address: before, ip: beforeIp, port }
  }
  if (wholeIp !== undefined) return { address: text, ip: wholeIp, port: undefined }
  return { address: before, ip: undefined, port }
}

function portOf(text: string, at: number): number | undefined {
  if (at >= text.length || text.length - at > 5) return undefined
  let value = 0
  for (let index = at; index < text.length; index++) {
    const code = text.charCodeAt(index)
    if (code < 48 || code > 57) return undefined
    value = value * 10 + (code - 48)
  }
  return value <= 65_535 ? value : undefined
}

/** The address without zone index, IPv4-mapped IPv6 as IPv4; undefined where it is none. */
export function plainIp(text: string): string | undefined {
  if (text.length < 2 || text.length > 64) return undefined
  if (isIpv4(text, 0)) return text
  const zone = text.indexOf('%')
  const bare = zone < 0 ? text : text.slice(0, zone)
  if (bare.startsWith('::ffff:') && isIpv4(bare, 7)) return bare.slice(7)
  return isIpv6(bare) ? bare : undefined
}

function isIpv4(text: string, from: number): boolean {
  let at = from
  for (let part = 0; part < 4; part++) {
    let value = 0
    const start = at
    for (let code = text.charCodeAt(at); code >= 48 && code <= 57; code = text.charCodeAt(++at)) {
      value = value * 10 + (code - 48)
    }
    if (at === start || at - start > 3 || value > 255) return false
    if (part < 3 && text.charCodeAt(at++) !== 46) return false
  }
  return at === text.length
}

const GROUP = /^[0-9a-f]{1,4}$/i

function isIpv6(text: string): boolean {
  if (text.length < 2 || text.length > 45 || !text.includes(':')) return false
  const gap = text.indexOf('::')
  if (gap !== text.lastIndexOf('::')) return false
  const left = (gap < 0 ? text : text.slice(0, gap)).split(':')
  const right = gap < 0 ? [] : text.slice(gap + 2).split(':')
  const groups = [...left, ...right].filter((group) => group !== '')
  const empty = left.length + right.length - groups.length
  let count = groups.length
  const last = groups.at(-1)
  if (last?.includes('.')) {
    if (!isIpv4(last, 0)) return false
    groups.pop()
    count += 1
  }
  if (!groups.every((group) => GROUP.test(group))) return false
  if (gap < 0) return empty === 0 && count === 8
  const allowed = (gap === 0 ? 1 : 0) + (gap + 2 === text.length ? 1 : 0)
  return count < 8 && empty === allowed
}
