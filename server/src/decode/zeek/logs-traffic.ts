import type { EcsDoc } from '../../model/event.ts'
import { booleanAt, compact, listAt, numberAt, present, textAt } from '../document/values.ts'
import { type DnsAnswer, dnsOf, dnsOutcome } from '../network/dns-words.ts'
import { endpoint, total } from '../network/endpoint.ts'
import { httpOf } from '../network/http-words.ts'
import { type Outcome, told, type Told } from '../network/told.ts'
import { certificateOf, tlsVersion } from '../network/tls-words.ts'

/** States of a connection that was not set up (Zeek: conn.log, conn_state). */
const FAILED = new Set(['S0', 'REJ', 'RSTOS0', 'RSTRH', 'SH', 'SHR'])
const NS = 1_000_000_000

export function conn(row: EcsDoc): Told {
  const state = textAt(row, 'conn_state')
  const seconds = numberAt(row, 'duration')
  const bytes = [numberAt(row, 'orig_bytes'), numberAt(row, 'resp_bytes')] as const
  const ipBytes = [
    numberAt(row, 'orig_ip_bytes') ?? bytes[0],
    numberAt(row, 'resp_ip_bytes') ?? bytes[1],
  ] as const
  const packets = [numberAt(row, 'orig_pkts'), numberAt(row, 'resp_pkts')] as const
  const failed = state !== undefined && FAILED.has(state)
  const outcome =
    state === undefined || state === 'OTH' ? 'unknown' : failed ? 'failure' : 'success'
  const type = state === 'REJ' ? ['connection', 'denied'] : ['connection', 'end']
  return told('network-flow', ['network'], type, outcome, 'conn', {
    event: compact({
      reason: state,
      duration: seconds === undefined ? undefined : Math.round(seconds * NS),
    }),
    source: endpoint({
      address: textAt(row, 'id.orig_h'),
      port: numberAt(row, 'id.orig_p'),
      mac: textAt(row, 'orig_l2_addr'),
      bytes: ipBytes[0],
      packets: packets[0],
    }),
    destination: endpoint({
      address: textAt(row, 'id.resp_h'),
      port: numberAt(row, 'id.resp_p'),
      mac: textAt(row, 'resp_l2_addr'),
      bytes: ipBytes[1],
      packets: packets[1],
    }),
    network: present({
      protocol: textAt(row, 'service')?.split(',')[0]?.toLowerCase(),
      community_id: textAt(row, 'community_id'),
      bytes: total(...ipBytes),
      packets: total(...packets),
    }),
  })
}

export function dns(row: EcsDoc): Told {
  const code = textAt(row, 'rcode_name')
  const ttls = listAt(row, 'TTLs')
  const answers = (listAt(row, 'answers') ?? []).map((data, index): DnsAnswer => {
    const ttl = ttls?.[index]
    return { data: String(data), ttl: typeof ttl === 'number' ? Math.trunc(ttl) : undefined }
  })
  const name = textAt(row, 'query')
  const flags = ['AA', 'TC', 'RD', 'RA'].filter((flag) => booleanAt(row, flag) === true)
  return told('dns-query', ['network'], ['connection', 'protocol'], dnsOutcome(code), 'dns', {
    event: { reason: code ?? 'No answer was seen' },
    network: { protocol: 'dns' },
    dns: dnsOf({
      name,
      type: textAt(row, 'qtype_name'),
      class: textAt(row, 'qclass_name') === 'C_INTERNET' ? 'IN' : textAt(row, 'qclass_name'),
      id: textAt(row, 'trans_id'),
      kind: code === undefined ? 'query' : 'answer',
      responseCode: code,
      answers,
      flags: flags.length === 0 ? undefined : flags,
    }),
  })
}

export function ssl(row: EcsDoc): Told {
  const established = booleanAt(row, 'established')
  const alert = textAt(row, 'last_alert')
  const status = textAt(row, 'validation_status')
  const outcome: Outcome =
    established === undefined ? 'unknown' : established ? 'success' : 'failure'
  const { version, protocol } = tlsVersion(textAt(row, 'version'))
  const fingerprint = listAt(row, 'cert_chain_fps')?.[0]
  const clientPrint = listAt(row, 'client_cert_chain_fps')?.[0]
  return told('tls-handshake', ['network'], ['connection', 'protocol'], outcome, 'ssl', {
    event: {
      reason: alert ?? status ?? (established === true ? 'established' : 'not established'),
    },
    network: { protocol: 'tls' },
    tls: compact({
      version,
      version_protocol: protocol,
      cipher: textAt(row, 'cipher'),
      curve: textAt(row, 'curve'),
      established,
      resumed: booleanAt(row, 'resumed'),
      next_protocol: textAt(row, 'next_protocol')?.toLowerCase(),
      client: present({
        server_name: textAt(row, 'server_name'),
        subject: textAt(row, 'client_subject'),
        issuer: textAt(row, 'client_issuer'),
        ja3: textAt(row, 'ja3'),
        hash: hashOf(clientPrint),
      }),
      server: present({
        subject: textAt(row, 'subject'),
        issuer: textAt(row, 'issuer'),
        ja3s: textAt(row, 'ja3s'),
        hash: hashOf(fingerprint),
      }),
    }),
  })
}

/** A fingerprint of Zeek is SHA-256, of versions before 4 SHA-1, in hexadecimal digits. */
function hashOf(print: unknown): EcsDoc | undefined {
  if (typeof print !== 'string') return undefined
  if (/^[0-9a-f]{64}$/i.test(print)) return { sha256: print.toUpperCase() }
  return /^[0-9a-f]{40}$/i.test(print) ? { sha1: print.toUpperCase() } : undefined
}

export function x509(row: EcsDoc, log: string): Told {
  const names = listAt(row, 'san.dns')?.filter((name) => typeof name === 'string')
  const port = numberAt(row, 'port_num')
  const host = textAt(row, 'host')
  const x509 = certificateOf({
    serial: textAt(row, 'certificate.serial', 'serial', 'serialNumber'),
    subject: textAt(row, 'certificate.subject', 'subject'),
    issuer: textAt(row, 'certificate.issuer', 'issuer_subject'),
    notBefore: row['certificate.not_valid_before'],
    notAfter: row['certificate.not_valid_after'],
    version: textAt(row, 'certificate.version'),
    keyAlgorithm: textAt(row, 'certificate.key_alg'),
    keyBits: numberAt(row, 'certificate.key_length'),
    exponent: numberAt(row, 'certificate.exponent'),
    curve: textAt(row, 'certificate.curve'),
    signature: textAt(row, 'certificate.sig_alg'),
    names,
  })
  const print = textAt(row, 'fingerprint', 'id')
  return told('certificate-seen', ['network'], ['info', 'protocol'], 'unknown', log, {
    network: { protocol: 'tls' },
    x509,
    destination: host === undefined ? undefined : endpoint({ address: host, port }),
    file:
      print === undefined
        ? undefined
        : present({ hash: present({ ...lower(hashOf(print)) }), x509 }),
  })
}

function lower(hash: EcsDoc | undefined): EcsDoc {
  const kept: EcsDoc = {}
  for (const [name, value] of Object.entries(hash ?? {})) kept[name] = String(value).toLowerCase()
  return kept
}

export function http(row: EcsDoc): Told {
  const status = numberAt(row, 'status_code')
  const outcome = status === undefined ? 'unknown' : status < 400 ? 'success' : 'failure'
  const user = textAt(row, 'username')
  return told('http-request', ['network', 'web'], ['access', 'connection'], outcome, 'http', {
    event: {
      reason:
        textAt(row, 'status_msg') ?? (status === undefined ? 'No answer was seen' : String(status)),
    },
    network: { protocol: 'http' },
    user: present({ name: user }),
    ...httpOf({
      method: textAt(row, 'method'),
      host: textAt(row, 'host'),
      target: textAt(row, 'uri'),
      version: textAt(row, 'version'),
      status,
      referrer: textAt(row, 'referrer'),
      agent: textAt(row, 'user_agent'),
      requestBytes: numberAt(row, 'request_body_len'),
      responseBytes: numberAt(row, 'response_body_len'),
      mimeType: textOfList(row['resp_mime_types']),
      port: numberAt(row, 'id.resp_p'),
    }),
  })
}

const textOfList = (value: unknown): string | undefined =>
  Array.isArray(value) && typeof value[0] === 'string' ? value[0] : undefined

/** ssh, ntlm, kerberos, radius, rdp: somebody says who he is. */
export function login(row: EcsDoc, log: string): Told {
  const success = booleanAt(row, 'auth_success') ?? booleanAt(row, 'success')
  const result = textAt(row, 'result')
  // RDP went on inside TLS: whether the login succeeded cannot be seen.
  const hidden = result === undefined || result === 'encrypted'
  const won = success ?? (hidden ? undefined : /succe/i.test(result))
  const outcome: Outcome = won === undefined ? 'unknown' : won ? 'success' : 'failure'
  const reason = textAt(row, 'error_msg', 'status', 'result') ?? outcome
  return told('user-login', ['network', 'authentication'], ['start'], outcome, log, {
    event: { reason },
    network: { protocol: log },
    user: present({
      name: log === 'ssh' ? undefined : textAt(row, 'username', 'client', 'cookie'),
    }),
  })
}

/** Modbus, DNP3 and their like, also as the ICSNPP packages write them. */
export function industrial(row: EcsDoc, log: string): Told {
  const exception = textAt(row, 'exception')
  const command = textAt(
    row,
    'func',
    'fc_request',
    'fc_reply',
    'function_code',
    'service',
    'pdu_service',
  )
  const protocol = /^[a-z0-9]+/.exec(log)?.[0] ?? log
  const outcome = exception === undefined ? 'unknown' : 'failure'
  return told('ics-command', ['network'], ['protocol', 'connection'], outcome, log, {
    event: { reason: exception ?? command ?? log },
    network: { protocol, transport: 'tcp' },
  })
}

/** Protocols without a word of their own. */
export function transaction(row: EcsDoc, log: string): Told {
  const protocol = log.startsWith('smb_') ? 'smb' : log.replace(/^other_|_search$/g, '')
  return told('network-transaction', ['network'], ['connection', 'protocol'], 'unknown', log, {
    network: { protocol },
    user: present({ name: textAt(row, 'user', 'username') }),
  })
}
