import ipaddr from 'ipaddr.js'
import type { Taken } from './taken.ts'

/** An object of OCSF: absent where the event holds nothing of it. */
export type OcsfObject = Readonly<Record<string, unknown>>

/** Drops what is undefined; nothing is left of an object of which nothing is known. */
export function objectOf(fields: Readonly<Record<string, unknown>>): OcsfObject | undefined {
  const known = Object.entries(fields).filter(([, value]) => value !== undefined)
  return known.length === 0 ? undefined : Object.fromEntries(known)
}

/** Not what else passes for one, as `1` or `0x7f.1` do. */
const isAddress = (text: string): boolean =>
  ipaddr.IPv4.isValidFourPartDecimal(text) || ipaddr.IPv6.isValid(text)

const MAC = /^([0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}$/

/** `network_endpoint` of ECS `source`, `client`, `destination` or `server`. */
export function endpointOf(taken: Taken, ...sides: readonly string[]): OcsfObject | undefined {
  for (const side of sides) {
    const ip = addressAt(taken, `${side}.ip`)
    const hostname = taken.text(`${side}.domain`) ?? nameAt(taken, `${side}.address`)
    if (ip === undefined && hostname === undefined) continue
    // A MAC alone does not name an endpoint: there it stays unmapped.
    const mac = macAt(taken, `${side}.mac`)
    const system = objectOf({
      number: taken.integer(`${side}.as.number`),
      name: taken.text(`${side}.as.organization.name`),
    })
    return objectOf({ ip, hostname, mac, port: portAt(taken, side), autonomous_system: system })
  }
  return undefined
}

function portAt(taken: Taken, side: string): number | undefined {
  const path = `${side}.port`
  const port = Number(taken.peek(path))
  return port >= 0 && port <= 65_535 ? taken.integer(path) : undefined
}

function addressAt(taken: Taken, path: string): string | undefined {
  const value = taken.peek(path)
  const text = Array.isArray(value) ? value[0] : value
  return typeof text === 'string' && isAddress(text) ? taken.text(path) : undefined
}

function nameAt(taken: Taken, path: string): string | undefined {
  const value = taken.peek(path)
  return typeof value === 'string' && !isAddress(value) ? taken.text(path) : undefined
}

function macAt(taken: Taken, path: string): string | undefined {
  const value = taken.peek(path)
  const text = Array.isArray(value) ? value[0] : value
  return typeof text === 'string' && MAC.test(text) ? taken.text(path) : undefined
}

/** `user`; a device that logs in by its client id alone is known by that. */
export function userOf(taken: Taken): OcsfObject | undefined {
  const name = taken.text('user.name')
  const uid = taken.text('user.id')
  if (name === undefined && uid === undefined) {
    const client = taken.text('iot.mqtt.client_id') ?? taken.text('source.user.name')
    return client === undefined ? undefined : { uid: client, type: 'Client', type_id: 99 }
  }
  return objectOf({
    name,
    uid,
    domain: taken.text('user.domain'),
    email_addr: taken.text('user.email'),
    full_name: taken.text('user.full_name'),
  })
}

/** OCSF 1.8, `device.type_id`. */
const DEVICE_TYPE_IOT = 7

/** `device`: the one that the event concerns; by its id, else by the name of its host. */
export function deviceOf(taken: Taken): OcsfObject | undefined {
  const uid = taken.text('device.id')
  const hostname = taken.text('host.name') ?? taken.text('host.hostname')
  const ip = addressAt(taken, 'host.ip')
  if (uid === undefined && hostname === undefined && ip === undefined) return undefined
  return objectOf({
    type_id: uid === undefined ? 0 : DEVICE_TYPE_IOT,
    type: uid === undefined ? 'Unknown' : 'IOT',
    uid,
    hostname,
    ip,
    mac: macAt(taken, 'host.mac'),
    model: taken.text('device.model.identifier') ?? taken.text('device.model.name'),
    vendor_name: taken.text('device.manufacturer'),
  })
}

const HASHES = [
  ['md5', 1, 'MD5'],
  ['sha1', 2, 'SHA-1'],
  ['sha256', 3, 'SHA-256'],
  ['sha512', 4, 'SHA-512'],
] as const

export function fileOf(taken: Taken): OcsfObject | undefined {
  const path = taken.text('file.path') ?? taken.text('url.path')
  const name = taken.text('file.name') ?? path?.split('/').findLast((part) => part !== '')
  if (name === undefined) return undefined
  const hashes = HASHES.flatMap(([field, algorithm_id, algorithm]) => {
    const value = taken.text(`file.hash.${field}`)
    return value === undefined ? [] : [{ value, algorithm_id, algorithm }]
  })
  return objectOf({
    name,
    path,
    type_id: 1,
    type: 'Regular File',
    size: taken.integer('file.size'),
    mime_type: taken.text('file.mime_type'),
    version: taken.text('iot.firmware.version'),
    hashes: hashes.length === 0 ? undefined : hashes,
  })
}

export function urlOf(taken: Taken): OcsfObject | undefined {
  const url_string = taken.text('url.full') ?? taken.text('url.original')
  const path = taken.text('url.path')
  if (url_string === undefined && path === undefined) return undefined
  return objectOf({
    url_string,
    path,
    hostname: taken.text('url.domain'),
    scheme: taken.text('url.scheme'),
    query_string: taken.text('url.query'),
    port: portAt(taken, 'url'),
  })
}

/** `tls` needs a version; a handshake that failed before one was agreed has none. */
export function tlsOf(taken: Taken): OcsfObject | undefined {
  const version = taken.text('tls.version')
  const sni = taken.text('tls.client.server_name')
  const ja3 = taken.text('tls.client.ja3')
  if (version === undefined && sni === undefined && ja3 === undefined) return undefined
  return objectOf({
    version: version ?? 'unknown',
    cipher: taken.text('tls.cipher'),
    sni,
    ja3_hash: ja3 === undefined ? undefined : { value: ja3, algorithm_id: 1, algorithm: 'MD5' },
  })
}

/** ECS `network.direction` to `direction_id`. */
const DIRECTIONS: Readonly<Record<string, readonly [number, string]>> = {
  inbound: [1, 'Inbound'],
  ingress: [1, 'Inbound'],
  outbound: [2, 'Outbound'],
  egress: [2, 'Outbound'],
  internal: [3, 'Lateral'],
}

export function connectionOf(taken: Taken): OcsfObject | undefined {
  const protocol_name = taken.text('network.transport')
  const protocol_num = taken.integer('network.iana_number')
  const said = String(taken.peek('network.direction') ?? '')
  const community_uid = taken.text('network.community_id')
  const known = protocol_name ?? protocol_num ?? community_uid
  if (known === undefined && said === '') return undefined
  const [direction_id, direction] = DIRECTIONS[said] ?? [0, 'Unknown']
  return objectOf({ direction_id, direction, protocol_name, protocol_num, community_uid })
}

export function trafficOf(taken: Taken): OcsfObject | undefined {
  return objectOf({
    bytes: taken.integer('network.bytes'),
    packets: taken.integer('network.packets'),
    bytes_out: taken.integer('source.bytes'),
    bytes_in: taken.integer('destination.bytes'),
    packets_out: taken.integer('source.packets'),
    packets_in: taken.integer('destination.packets'),
  })
}

/** The values of `http_method`, in the order of the activities of class 4002. */
export const METHODS = [
  'CONNECT',
  'DELETE',
  'GET',
  'HEAD',
  'OPTIONS',
  'POST',
  'PUT',
  'TRACE',
  'PATCH',
] as const

/** The method as OCSF writes it; one that it does not know stays unmapped. */
function methodOf(taken: Taken): string | undefined {
  const said = String(taken.peek('http.request.method') ?? '').toUpperCase()
  const method = METHODS.find((known) => known === said)
  return method === undefined ? undefined : taken.text('http.request.method')?.toUpperCase()
}

export function requestOf(taken: Taken): OcsfObject | undefined {
  return objectOf({
    http_method: methodOf(taken),
    url: urlOf(taken),
    user_agent: taken.text('user_agent.original'),
    referrer: taken.text('http.request.referrer'),
    version: taken.text('http.version'),
    body_length: taken.integer('http.request.body.bytes'),
  })
}

export function responseOf(taken: Taken): OcsfObject | undefined {
  const code = taken.integer('http.response.status_code')
  if (code === undefined) return undefined
  const body_length = taken.integer('http.response.body.bytes')
  return objectOf({ code, body_length, content_type: taken.text('http.response.mime_type') })
}
