import type { EcsDoc, EventAction } from '../../model/event.ts'
import { asTime, compact, present } from '../document/values.ts'
import { addressType, endpoint, transportOf } from '../network/endpoint.ts'
import { httpOf } from '../network/http-words.ts'
import { type Outcome, told, type Told } from '../network/told.ts'
import { StampReader } from '../line/stamp.ts'
import type { StampOptions } from '../line/stamp.ts'
import { plainIp } from '../mosquitto/address.ts'
import { verdictOf, wholeNumber } from './verdict.ts'

export interface Report {
  readonly vendor: string
  readonly product: string
  readonly version: string
  readonly id: string
  readonly name: string
  readonly severity: string | undefined
  readonly pairs: ReadonlyMap<string, string>
  readonly host: string | undefined
}

/** Names of one thing in CEF and in LEEF, the first that is there counts. */
type Keys = readonly string[]

const first = (pairs: ReadonlyMap<string, string>, ...keys: Keys): string | undefined => {
  for (const key of keys) {
    const value = pairs.get(key)
    if (value !== undefined && value !== '') return value
  }
  return undefined
}

type Kind = readonly [action: EventAction, category: readonly string[], type: readonly string[]]
const LOGIN: Kind = ['user-login', ['authentication'], ['start']]
const LOGOUT: Kind = ['user-logout', ['authentication'], ['end']]
const FLOW: Kind = ['network-flow', ['network'], ['connection']]
const REQUEST: Kind = ['http-request', ['web'], ['access']]
const CHANGE: Kind = ['config-change', ['configuration'], ['change']]
const FINDING: Kind = ['audit-finding', ['intrusion_detection'], ['info']]

/** Names of what a firewall logs of each connection, and of what a change is called. */
const CONNECTED = /\bconnection|\btraffic|\bsession|\bflow\b|log for (?:tcp|udp|icmp)/i
const CHANGED =
  /config(?:uration)?[\s_-]*(?:change|updat|modif)|(?:modified|changed|updated) .*(?:polic|rule|config|setting)/i

/** An event of CEF or LEEF: a judged connection, a login, or what a product found. */
export function reportOf(report: Report): Told {
  const { pairs, name, id } = report
  const act = first(pairs, 'act', 'action', 'deviceAction', 'disposition')
  const category = first(pairs, 'cat', 'categoryBehavior', 'deviceEventCategory') ?? ''
  const result = first(pairs, 'outcome', 'categoryOutcome', 'eventOutcome')
  const verdict = verdictOf(act ?? '') ?? verdictOf(name)
  const from = first(pairs, 'src', 'sourceAddress', 'c6a2')
  const to = first(pairs, 'dst', 'destinationAddress', 'c6a3')
  const subject = `${name} ${category} ${id}`
  const outside = first(pairs, 'request', 'url') !== undefined && from !== undefined
  const isLogin = /log(?:ged)?[\s_-]?(?:in|on)\b|signed? ?[io]n\b|authenticat|\bauth\b/i.test(
    subject,
  )
  const kind = isLogin
    ? LOGIN
    : /\blog(?:ged)?[\s_-]?(?:out|off)\b/i.test(subject)
      ? LOGOUT
      : from !== undefined && to !== undefined && (verdict !== undefined || CONNECTED.test(name))
        ? FLOW
        : outside && pairs.has('requestMethod')
          ? REQUEST
          : CHANGED.test(subject)
            ? CHANGE
            : FINDING
  const outcome = outcomeOf(result ?? (isLogin ? `${name} ${act ?? ''}` : ''), verdict)
  const [action, words, types] = kind
  const type = kind === FLOW && verdict !== undefined ? [...types, verdict] : types
  return told(action, words, type, outcome, id === '' ? 'report' : id.slice(0, 100), {
    event: compact({
      kind: action === 'audit-finding' ? 'alert' : 'event',
      reason: first(pairs, 'reason', 'msg') ?? name,
      severity: severityOf(report.severity),
    }),
    message: first(pairs, 'msg', 'message'),
    ...sidesOf(pairs, from, to),
    ...compact({
      rule: present({ id: first(pairs, 'cs1Label') === 'Rule' ? pairs.get('cs1') : id, name }),
      user: present({ name: first(pairs, 'suser', 'duser', 'usrName', 'accountName') }),
      file: present({ name: first(pairs, 'fname', 'fileName'), path: pairs.get('filePath') }),
      observer: compact({
        vendor: report.vendor,
        product: report.product,
        version: report.version,
        hostname: first(pairs, 'dvchost', 'devName', 'deviceHostName') ?? report.host,
      }),
    }),
  })
}

function sidesOf(
  pairs: ReadonlyMap<string, string>,
  from: string | undefined,
  to: string | undefined,
): EcsDoc {
  const sent = wholeNumber(first(pairs, 'out', 'srcBytes', 'bytesOut'))
  const got = wholeNumber(first(pairs, 'in', 'dstBytes', 'bytesIn'))
  const url = first(pairs, 'request', 'url')
  return compact({
    source: endpoint({
      address: from ?? first(pairs, 'shost', 'identHostName'),
      port: wholeNumber(first(pairs, 'spt', 'srcPort', 'sourcePort')),
      mac: first(pairs, 'smac', 'srcMAC'),
      domain: first(pairs, 'shost'),
      bytes: sent,
      packets: wholeNumber(pairs.get('srcPackets')),
    }),
    destination: endpoint({
      address: to ?? first(pairs, 'dhost'),
      port: wholeNumber(first(pairs, 'dpt', 'dstPort', 'destinationPort')),
      mac: first(pairs, 'dmac', 'dstMAC'),
      domain: first(pairs, 'dhost'),
      bytes: got,
      packets: wholeNumber(pairs.get('dstPackets')),
    }),
    network: present({
      transport: transportNamed(first(pairs, 'proto', 'transportProtocol')),
      protocol: first(pairs, 'app')?.toLowerCase(),
      type: addressType(from),
    }),
    ...(url === undefined
      ? {}
      : httpOf({
          target: url,
          method: first(pairs, 'requestMethod', 'method'),
          agent: first(pairs, 'requestClientApplication', 'userAgent'),
          host: first(pairs, 'dhost', 'dntdom'),
        })),
    host: hostOf(first(pairs, 'dvc', 'deviceAddress')),
  })
}

function hostOf(address: string | undefined): EcsDoc | undefined {
  const ip = address === undefined ? undefined : plainIp(address)
  return ip === undefined ? undefined : { ip: [ip] }
}

function outcomeOf(words: string, verdict: string | undefined): Outcome {
  if (/fail|den(?:y|ied)|unsuccess|invalid|refus|reject|block/i.test(words)) return 'failure'
  if (/succe|allow|accept|grant/i.test(words)) return 'success'
  if (verdict === undefined) return 'unknown'
  return verdict === 'denied' ? 'failure' : 'success'
}

const SEVERITY_WORDS = ['unknown', 'low', 'medium', 'high', 'very-high']

/** 0 to 10, or a word: 0, 3, 6, 8, 10 (ArcSight's bands). */
function severityOf(text: string | undefined): number | undefined {
  const number = wholeNumber(text)
  if (number !== undefined) return number <= 10 ? number : undefined
  const found = SEVERITY_WORDS.indexOf((text ?? '').toLowerCase())
  return found < 0 ? undefined : [0, 3, 6, 8, 10][found]
}

/** Reads the times of CEF and LEEF: epoch, ISO, `Nov 22 2026 10:00:00.123 CET` (the name of a zone is not read). */
export class ReportTimes {
  readonly #stamp: StampReader

  constructor(options: StampOptions) {
    this.#stamp = new StampReader(options)
  }

  of(pairs: ReadonlyMap<string, string>, receivedMs: number): number | undefined {
    const text = first(pairs, 'rt', 'devTime', 'deviceReceiptTime', 'end', 'start', 'startTime')
    if (text === undefined) return undefined
    return asTime(text) ?? (this.#stamp.read(text, 0, receivedMs) ? this.#stamp.ms : undefined)
  }
}

/** A name, or the number that some senders write instead. */
function transportNamed(text: string | undefined): string | undefined {
  return text !== undefined && /^\d{1,3}$/.test(text)
    ? transportOf(Number(text))
    : text?.toLowerCase()
}
