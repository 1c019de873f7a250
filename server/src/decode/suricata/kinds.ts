import { ANEW } from '../../base/anew.ts'
import type { EcsDoc } from '../../model/event.ts'
import {
  asText,
  asTime,
  compact,
  isObject,
  listAt,
  numberAt,
  objectAt,
  present,
  textAt,
} from '../document/values.ts'
import { type DnsAnswer, dnsOf, dnsOutcome } from '../network/dns-words.ts'
import { total } from '../network/endpoint.ts'
import { httpOf } from '../network/http-words.ts'
import { told, type Told } from '../network/told.ts'
import { certificateOf, tlsVersion } from '../network/tls-words.ts'

const NS_PER_MS = 1_000_000
const NONE: EcsDoc = {}

/** Of priorities 1 (highest) to 4: the scale of the seeds' severities, 4 is critical. */
const SEVERITIES: Readonly<Record<number, number>> = { 1: 4, 2: 3, 3: 2, 4: 1 }

export function alert(eve: EcsDoc): Told {
  const facts = objectAt(eve, 'alert') ?? NONE
  const name = textAt(facts, 'signature')
  const blocked = textAt(facts, 'action') === 'blocked'
  const inner = contextOf(eve)
  return told(
    'audit-finding',
    ['intrusion_detection', 'network'],
    blocked ? ['denied', 'info'] : ['info'],
    'unknown',
    'alert',
    {
      ...ANEW,
      ...inner,
      event: compact({
        kind: 'alert',
        reason: name ?? 'alert',
        severity: SEVERITIES[numberAt(facts, 'severity') ?? 0],
      }),
      message: name,
      rule: present({
        id: textAt(facts, 'signature_id'),
        name,
        category: textAt(facts, 'category'),
        version: textAt(facts, 'rev'),
        ruleset: textAt(facts, 'gid'),
      }),
    },
  )
}

/** What an alert or a file says of the request that it was seen in. */
function contextOf(eve: EcsDoc): EcsDoc {
  const { http: web, tls: secure } = eve
  return {
    ...ANEW,
    ...(isObject(web) ? httpWords(web, eve) : {}),
    ...(isObject(secure) ? tlsWords(secure) : {}),
  }
}

export function anomaly(eve: EcsDoc): Told {
  const facts = objectAt(eve, 'anomaly') ?? NONE
  const name = textAt(facts, 'event') ?? textAt(facts, 'type') ?? 'anomaly'
  return told('protocol-error', ['network'], ['protocol', 'error'], 'unknown', 'anomaly', {
    event: { reason: name },
    rule: { name },
    network: present({ protocol: textAt(facts, 'app_proto')?.toLowerCase() }),
  })
}

export function flow(eve: EcsDoc, kind: string): Told {
  const facts = objectAt(eve, kind) ?? NONE
  const start = asTime(facts['start'])
  const end = asTime(facts['end'])
  const oneWay = kind === 'netflow'
  const sent = {
    bytes: numberAt(facts, oneWay ? 'bytes' : 'bytes_toserver'),
    packets: numberAt(facts, oneWay ? 'pkts' : 'pkts_toserver'),
  }
  const got = {
    bytes: numberAt(facts, 'bytes_toclient'),
    packets: numberAt(facts, 'pkts_toclient'),
  }
  const state = textAt(facts, 'state')
  const denied = kind === 'drop' || textAt(facts, 'action') === 'drop'
  const outcome = denied ? 'failure' : state === undefined ? 'unknown' : stateOutcome(state, got)
  return told(
    'network-flow',
    ['network'],
    denied ? ['connection', 'denied'] : ['connection', 'end'],
    outcome,
    kind,
    {
      event: compact({
        reason: textAt(facts, 'reason') ?? state ?? kind,
        start: isoOf(start),
        end: isoOf(end),
        duration:
          start === undefined || end === undefined
            ? undefined
            : Math.max(0, end - start) * NS_PER_MS,
      }),
      source: present(sent),
      destination: present(got),
      network: present({
        bytes: total(sent.bytes, got.bytes),
        packets: total(sent.packets, got.packets),
      }),
    },
  )
}

/** A flow that never got an answer was no connection. */
function stateOutcome(state: string, got: { packets: number | undefined }): 'success' | 'failure' {
  return state === 'new' && (got.packets ?? 0) === 0 ? 'failure' : 'success'
}

const isoOf = (ms: number | undefined): string | undefined =>
  ms === undefined ? undefined : new Date(ms).toISOString()

/**
 * Version 1: one object an answer, its data in `rdata`. Version 2: `answers` beside a flat question.
 * Version 3: `queries` and `answers`, type `request` or `response`.
 */
export function dns(eve: EcsDoc, kind: string): Told {
  const facts = objectAt(eve, kind) ?? NONE
  const queries = listAt(facts, 'queries') ?? listAt(facts, 'query')
  const first = queries?.find(isObject) ?? NONE
  const type = textAt(facts, 'type')
  const answered = type === 'answer' || type === 'response'
  const code = textAt(facts, 'rcode')
  const flat = textAt(facts, 'rdata')
  const answers: DnsAnswer[] = (listAt(facts, 'answers') ?? []).filter(isObject).map(answerOf)
  if (answers.length === 0 && flat !== undefined) answers.push(answerOf(facts))
  if (answers.length === 0) answers.push(...grouped(facts))
  return told('dns-query', ['network'], ['connection', 'protocol'], dnsOutcome(code), kind, {
    event: { reason: code ?? (answered ? 'answer' : 'query') },
    network: { protocol: 'dns' },
    dns: dnsOf({
      name: textAt(first, 'rrname') ?? textAt(facts, 'rrname'),
      type: (textAt(first, 'rrtype') ?? textAt(facts, 'rrtype'))?.toUpperCase(),
      id: textAt(facts, 'id'),
      kind: answered ? 'answer' : 'query',
      responseCode: code,
      answers,
      flags: flagsOf(facts),
    }),
  })
}

function answerOf(answer: EcsDoc): DnsAnswer {
  return {
    // Those of mDNS and LLMNR name the data by its type.
    data: textAt(answer, 'rdata', 'a', 'aaaa', 'cname', 'ptr', 'ns', 'mx', 'srv', 'txt') ?? '',
    type: textAt(answer, 'rrtype')?.toUpperCase(),
    ttl: numberAt(answer, 'ttl'),
    name: textAt(answer, 'rrname'),
  }
}

/** `"grouped": {"A": ["1.2.3.4"]}`, where the format of answers is set to that. */
function grouped(facts: EcsDoc): DnsAnswer[] {
  const found: DnsAnswer[] = []
  for (const [type, values] of Object.entries(objectAt(facts, 'grouped') ?? NONE)) {
    if (!Array.isArray(values)) continue
    for (const value of values) {
      const data = asText(value)
      if (data !== undefined) found.push({ data, type })
    }
  }
  return found
}

function flagsOf(facts: EcsDoc): readonly string[] | undefined {
  const flags = ['aa', 'tc', 'rd', 'ra'].filter((flag) => facts[flag] === true)
  return flags.length === 0 ? undefined : flags.map((flag) => flag.toUpperCase())
}

export function tls(eve: EcsDoc): Told {
  const facts = objectAt(eve, 'tls') ?? NONE
  return told('tls-handshake', ['network'], ['connection', 'protocol'], 'success', 'tls', {
    event: { reason: facts['session_resumed'] === true ? 'resumed' : 'established' },
    network: { protocol: 'tls' },
    ...tlsWords(facts),
  })
}

function tlsWords(facts: EcsDoc): EcsDoc {
  const { version, protocol } = tlsVersion(textAt(facts, 'version'))
  const print = textAt(facts, 'fingerprint')?.replaceAll(':', '').toUpperCase()
  const subject = textAt(facts, 'subject')
  const x509 = certificateOf({
    serial: textAt(facts, 'serial'),
    subject,
    issuer: textAt(facts, 'issuerdn'),
    notBefore: facts['notbefore'],
    notAfter: facts['notafter'],
    names: listAt(facts, 'subjectaltname')?.filter((name) => typeof name === 'string'),
  })
  return {
    tls: present({
      version,
      version_protocol: protocol,
      resumed: facts['session_resumed'] === true ? true : undefined,
      client: present({
        server_name: textAt(facts, 'sni'),
        ja3: textAt(objectAt(facts, 'ja3') ?? NONE, 'hash'),
      }),
      server: present({
        subject,
        issuer: textAt(facts, 'issuerdn'),
        ja3s: textAt(objectAt(facts, 'ja3s') ?? NONE, 'hash'),
        not_before: x509?.['not_before'],
        not_after: x509?.['not_after'],
        hash: print?.length === 40 ? { sha1: print } : undefined,
        x509,
      }),
    }),
    x509,
  }
}

export function http(eve: EcsDoc): Told {
  const facts = objectAt(eve, 'http') ?? NONE
  const status = numberAt(facts, 'status')
  const outcome = status === undefined ? 'unknown' : status < 400 ? 'success' : 'failure'
  return told('http-request', ['network', 'web'], ['access', 'connection'], outcome, 'http', {
    event: { reason: status === undefined ? 'No answer was seen' : String(status) },
    network: { protocol: 'http' },
    ...httpWords(facts, eve),
  })
}

function httpWords(facts: EcsDoc, eve: EcsDoc): EcsDoc {
  return httpOf({
    method: textAt(facts, 'http_method'),
    host: textAt(facts, 'hostname'),
    target: textAt(facts, 'url'),
    version: textAt(facts, 'protocol'),
    status: numberAt(facts, 'status'),
    referrer: textAt(facts, 'http_refer'),
    agent: textAt(facts, 'http_user_agent'),
    responseBytes: numberAt(facts, 'length'),
    mimeType: textAt(facts, 'http_content_type'),
    port: numberAt(facts, 'http_port') ?? numberAt(eve, 'dest_port'),
  })
}

export function fileInfo(eve: EcsDoc, kind: string): Told {
  const facts = objectAt(eve, kind) ?? NONE
  const whole = textAt(facts, 'filename')
  return told('file-seen', ['network', 'file'], ['info', 'connection'], 'success', kind, {
    ...ANEW,
    ...contextOf(eve),
    event: { reason: textAt(facts, 'state') ?? kind },
    file: present({
      name: whole?.slice(whole.lastIndexOf('/') + 1),
      path: whole?.startsWith('/') === true ? whole : undefined,
      size: numberAt(facts, 'size'),
      mime_type:
        textAt(facts, 'magic')?.includes('/') === true ? textAt(facts, 'magic') : undefined,
      hash: present({
        md5: textAt(facts, 'md5'),
        sha1: textAt(facts, 'sha1'),
        sha256: textAt(facts, 'sha256'),
      }),
    }),
  })
}

export function industrial(eve: EcsDoc, kind: string): Told {
  const facts = objectAt(eve, kind) ?? NONE
  const request = objectAt(facts, 'request') ?? facts
  const reply = objectAt(facts, 'response') ?? NONE
  const exception = textAt(objectAt(reply, 'exception') ?? NONE, 'code')
  const name = objectAt(request, 'function') ?? NONE
  const application = objectAt(request, 'application') ?? NONE
  const command =
    textAt(name, 'name', 'code') ??
    textAt(application, 'function_code') ??
    textAt(request, 'function_code', 'type')
  const outcome = exception !== undefined ? 'failure' : reply === NONE ? 'unknown' : 'success'
  return told('ics-command', ['network'], ['protocol', 'connection'], outcome, kind, {
    event: { reason: exception ?? command ?? kind },
    network: { protocol: kind },
  })
}

export function session(eve: EcsDoc, kind: string): Told {
  const facts = objectAt(eve, kind) ?? NONE
  if (kind === 'dhcp') return lease(facts)
  if (kind === 'krb5') {
    const fault = textAt(facts, 'error_code')
    return told(
      'user-login',
      ['network', 'authentication'],
      ['start'],
      fault ? 'failure' : 'success',
      kind,
      {
        event: { reason: fault ?? textAt(facts, 'msg_type') ?? kind },
        network: { protocol: 'kerberos' },
        user: present({ name: textAt(facts, 'cname') }),
      },
    )
  }
  return told('network-transaction', ['network'], ['connection', 'protocol'], 'unknown', kind, {
    network: { protocol: kind },
    user: present({ name: textAt(facts, 'user', 'username') }),
  })
}

function lease(facts: EcsDoc): Told {
  const type = textAt(facts, 'dhcp_type')
  const refused = type === 'nak' || type === 'decline'
  const outcome = refused ? 'failure' : type === 'ack' ? 'success' : 'unknown'
  const mac = textAt(facts, 'client_mac')?.replaceAll(':', '-').toUpperCase()
  return told('dhcp-lease', ['network'], ['connection', 'protocol'], outcome, 'dhcp', {
    event: { reason: type ?? 'dhcp' },
    network: { protocol: 'dhcp' },
    client: present({ ip: textAt(facts, 'assigned_ip'), mac }),
    host: present({
      hostname: textAt(facts, 'hostname'),
      mac: mac === undefined ? undefined : [mac],
    }),
  })
}
