import { ANEW } from '../../base/anew.ts'
import type { TimeRule } from '../custom/mapping.ts'
import { present } from '../document/values.ts'
import { plainIp } from '../mosquitto/address.ts'
import type { Request } from './request.ts'

const STAMP = /\[(\d{1,2}\/[A-Za-z]{3}\/\d{4}:\d\d:\d\d:\d\d)( [+-]\d{4})? ?\] ?/
const QUOTED = '"((?:[^"\\\\]|\\\\.)*)"'
/** Behind the time: the request, status and bytes, further numbers, referrer and agent; the rest is kept by nobody. */
const BEHIND = new RegExp(
  `^(?:(?:[\\w.:-]{1,255}|"[^" ]{0,255}") ){0,2}?` +
    `${QUOTED} (\\d{3}|-) (\\d{1,18}|-)(?: \\d{1,18}(?:\\.\\d{1,9})?| -){0,4}(?: ${QUOTED} ${QUOTED})?`,
)
/** Apache's `ssl_request_log`: the client, protocol and cipher, the request, bytes. */
const SSL = new RegExp(`^(\\S{1,300}) (\\S{1,40}) (\\S{1,100}) ${QUOTED} (\\d{1,18}|-)\\s*$`)
const REQUEST = /^(\S{1,40}) (.*?)(?: HTTP\/([\d.]{1,8}))?$/s
const METHOD = /^[A-Z][A-Z_-]{0,24}$/
const PREFIX_MAX = 1_024

/** A line of an access log: common, combined and their likes, with names or several addresses before; or undefined. */
export function readAccessLine(text: string, clf: TimeRule['read']): Request | undefined {
  const stamp = STAMP.exec(text.slice(0, PREFIX_MAX + 64))
  if (stamp === null) return undefined
  // Some formats leave the zone out: then it is UTC, as the guide says.
  const timeMs = clf(`${stamp[1]}${stamp[2] ?? ' +0000'}`, 0)
  if (timeMs === undefined) return undefined
  const behind = text.slice(stamp.index + stamp[0].length)
  if (stamp.index === 0) return readSsl(behind, timeMs)
  const found = BEHIND.exec(behind)
  const who = found === null ? undefined : clientOf(text.slice(0, stamp.index))
  if (found === null || who === undefined) return undefined
  const [, line = '', status, bytes, referrer, agent] = found
  return {
    ...ANEW,
    ...requestLine(line),
    ...who,
    timeMs,
    status: status === '-' ? undefined : Number(status),
    bytes: bytes === '-' ? undefined : Number(bytes),
    referrer,
    agent,
  }
}

function readSsl(text: string, timeMs: number): Request | undefined {
  const found = SSL.exec(text)
  if (found === null) return undefined
  const [, address, protocol, cipher, line = '', bytes] = found
  const version = /^TLSv(\d(?:\.\d)?)$/.exec(protocol ?? '')?.[1]
  return {
    ...ANEW,
    ...requestLine(line),
    timeMs,
    address,
    status: undefined,
    bytes: bytes === '-' ? undefined : Number(bytes),
    more: {
      tls: present({
        version: version === '1' ? '1.0' : version,
        version_protocol: version === undefined ? undefined : 'tls',
        cipher: cipher === '-' ? undefined : cipher,
      }),
    },
  }
}

/** `GET /fw/a.bin HTTP/1.1`; a line that is no request (TLS bytes on a plain port) has neither. */
export function requestLine(line: string): Pick<Request, 'method' | 'path' | 'version'> {
  const found = line === '-' ? null : REQUEST.exec(line)
  const method = found?.[1] ?? ''
  if (found !== null && METHOD.test(method)) {
    return { method, path: found[2], version: found[3] }
  }
  return { method: line === '' || line === '-' ? undefined : 'INVALID', path: undefined }
}

type Who = Pick<Request, 'address' | 'port' | 'host' | 'user'>

/**
 * What stands before the time: the client, `identd`'s word and the user; and, as sites configure it, the name of the
 * virtual host or the addresses that proxies added, divided by commas.
 */
function clientOf(prefix: string): Who | undefined {
  const words = prefix.replaceAll('"', '').trim().split(/ +/)
  // `$remote_addr - [$time_local]` and `$remote_addr [$time_local]` leave out the user.
  if (words.length < 3) {
    const [only = '', dash = '-'] = words
    return dash === '-' && plainIp(bare(only)) !== undefined ? clientOf(`${only} - -`) : undefined
  }
  if (words.length > 40) return undefined
  let places = 1
  while (places < words.length - 2 && isPlace(words[places] ?? '')) places += 1
  const user = words.slice(places + 1).join(' ')
  const listed = words.slice(0, places)
  const named = listed.length > 1 && namesHost(listed)
  const clients = (named ? listed.slice(1) : listed)
    .flatMap((word) => word.split(','))
    .filter(Boolean)
  const chosen = clients.find(isPublic) ?? clients[0] ?? ''
  const host = named
    ? listed[0]
    : listed.find((word) => word !== chosen && plainIp(bare(word)) === undefined)
  const port =
    chosen === bare(chosen) ? undefined : Number(chosen.slice(chosen.lastIndexOf(':') + 1))
  return {
    address: bare(chosen),
    port,
    user: user === '-' ? undefined : user,
    host: host === undefined ? undefined : bare(host),
  }
}

/** Whether the first of several words is the virtual host: a name, or an address that no comma joins to the next. */
function namesHost(listed: readonly string[]): boolean {
  const [first = '', second = ''] = listed
  if (first.endsWith(',')) return false
  if (plainIp(bare(first)) === undefined) return true
  return plainIp(bare(second.replace(/,$/, ''))) !== undefined
}

const isPlace = (word: string): boolean =>
  word !== '-' && (word.includes('.') || word.includes(':') || /^localhost,?$/.test(word))

/** Without the port. */
function bare(word: string): string {
  const colon = word.lastIndexOf(':')
  if (colon < 0 || plainIp(word) !== undefined) return word
  return /^:\d{1,5}$/.test(word.slice(colon)) ? word.slice(0, colon) : word
}

const PRIVATE =
  /^(?:10\.|127\.|192\.168\.|169\.254\.|172\.(?:1[6-9]|2\d|3[01])\.|::1$|f[cd][0-9a-f]{2}:|fe80:)/i

function isPublic(word: string): boolean {
  const ip = plainIp(bare(word))
  return ip !== undefined && !PRIVATE.test(ip)
}
