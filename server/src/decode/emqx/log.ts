import { ANEW } from '../../base/anew.ts'
import type { Draft } from '../../model/decoder.ts'
import type { EcsDoc, EventAction } from '../../model/event.ts'
import { eventOf } from '../document/json-decoder.ts'
import { compact, isObject, textAt, timeAt } from '../document/values.ts'
import type { KeptMap } from '../kept-map.ts'
import { auditDraft } from './audit.ts'
import { readChannelLine } from './channel-line.ts'
import { ending, type Told } from './ending.ts'
import { commonOfEmqx } from './hooks.ts'

const LEVEL = /\[(debug|info|notice|warn|warning|error|critical|alert|emergency)\]\s?/
const PAIR = /(?:^|[, ]\s?)([a-z_]{1,40}): /g
const PAIRS_MAX = 60
const REASON_MAX = 500
const JOIN_MS = 30_000

/** `[warning] msg: authorization_permission_denied, peername: …, clientid: …`, and lines of older versions. */
export function readLine(
  message: string,
  timeMs: number | undefined,
  denied: KeptMap<number>,
): Told {
  const found = LEVEL.exec(message)
  if (found === null) return undefined
  const level = found[1] === 'warn' ? 'warning' : (found[1] ?? 'info')
  const rest = message.slice(found.index + found[0].length)
  const channel = readChannelLine(rest, level)
  if (channel !== undefined) return channel
  const { doc, head } = pairsOf(rest)
  const peer = head === undefined ? undefined : /^(?:(.{1,500})@)?(\S{3,60}:\d{1,5})$/.exec(head)
  if (peer !== null && peer !== undefined) {
    if (peer[1] !== undefined) doc['clientid'] ??= peer[1]
    doc['peername'] ??= peer[2]
  }
  return tell(doc, level, timeMs, denied, rest)
}

/** Words before the first pair, and the pairs. */
function pairsOf(rest: string): { readonly doc: EcsDoc; readonly head: string | undefined } {
  const doc: EcsDoc = {}
  let open: { key: string; from: number } | undefined
  let head: string | undefined
  let count = 0
  for (const pair of rest.matchAll(PAIR)) {
    // Words with a colon stand in values too; behind a space only the first pair begins.
    const first = open === undefined
    if (!first && !pair[0].startsWith(',')) continue
    if (first) head = rest.slice(0, pair.index).trim()
    else if (open !== undefined) doc[open.key] ??= rest.slice(open.from, pair.index)
    open = { key: pair[1] ?? '', from: pair.index + pair[0].length }
    count += 1
    if (count >= PAIRS_MAX) break
  }
  if (open !== undefined) doc[open.key] ??= rest.slice(open.from)
  return { doc, head: head === '' ? undefined : head }
}

/** The same as `log.formatter = json` writes it: `{"time":…,"level":"warning","msg":…}`; also the audit log. */
export function readLogObject(doc: EcsDoc, denied: KeptMap<number>): Told {
  const level = textAt(doc, 'level')
  if (level === undefined) return undefined
  const timeMs = timeAt(doc, 'time', 'timestamp')
  const audit = auditDraft(doc, timeMs)
  if (audit !== undefined) return audit
  if (textAt(doc, 'msg') === undefined && !('report' in doc)) return undefined
  return tell(doc, level, timeMs, denied, '')
}

const textOf = (value: unknown): string | undefined =>
  typeof value === 'string'
    ? value
    : isObject(value) || Array.isArray(value)
      ? JSON.stringify(value).slice(0, 4_000)
      : undefined

const BROKEN = new Set(
  (
    'frame_parse_failed frame_parse_error frame_error parse_failed malformed_mqtt_message ' +
    'first_packet_probably_not_mqtt unexpected_frame'
  ).split(' '),
)

function tell(
  doc: EcsDoc,
  level: string,
  timeMs: number | undefined,
  denied: KeptMap<number>,
  raw: string,
): Told {
  const message = textAt(doc, 'msg') ?? ''
  const reason = (textOf(doc['reason']) ?? (message === '' ? raw : message)).slice(0, REASON_MAX)
  const told = (action: EventAction, event: EcsDoc): Told => {
    return { timeMs, action, doc: { event, ...commonOfEmqx(doc, { log: { level } }) } }
  }
  const fault = (action: EventAction, category: string, code: string): Told =>
    told(action, eventOf([category], ['error'], 'failure', { code, reason }))
  if (message.endsWith('permission_denied') || message.startsWith('cannot_')) {
    return denial(doc, message, timeMs, denied, reason, told)
  }
  if (/^authentication_(?:failure|failed)$|^login_failed$/.test(message)) {
    const rest = { code: 'authentication-failed', reason }
    return told('mqtt-connect', eventOf(['authentication', 'session'], ['start'], 'failure', rest))
  }
  if (message === 'terminate' && 'reason' in doc) return told(...ending(reason))
  if (message === 'emqx_connection_terminated') return 'terminate-told'
  if (message === 'flapping_detected') {
    const rest = { code: 'flapping-detected', reason: 'The client reconnects too often' }
    const event = eventOf(['intrusion_detection'], ['info'], 'unknown', {
      ...ANEW,
      ...rest,
      kind: 'alert',
    })
    return told('audit-finding', event)
  }
  if (message === 'log_events_throttled_during_last_period') {
    const dropped = textOf(doc['dropped']) ?? reason
    const rest = { code: 'log-throttled', reason: `Not logged: ${dropped}`.slice(0, REASON_MAX) }
    return told('audit-finding', eventOf(['intrusion_detection'], ['info'], 'unknown', rest))
  }
  if (/tls_alert|ssl_error|ssl_upgrade_fail|handshake_failed/.test(`${message} ${reason} ${raw}`)) {
    return fault('tls-handshake', 'network', 'tls')
  }
  if (BROKEN.has(message)) return fault('protocol-error', 'network', 'protocol-error')
  if (/^(?:error|critical|alert|emergency)$/.test(level))
    return fault('service-error', 'process', 'broker-error')
  return `log-${/^[a-z]{1,10}$/.test(level) ? level : 'other'}`
}

/** The check and the channel both tell of a denial; the second is routine. */
function denial(
  doc: EcsDoc,
  message: string,
  timeMs: number | undefined,
  denied: KeptMap<number>,
  reason: string,
  told: (action: EventAction, event: EcsDoc) => Told,
): Told {
  const second = message.startsWith('cannot_')
  if (second && !/not_authorized/i.test(`${message} ${reason}`)) return 'log-warning'
  const subscribe =
    message.startsWith('cannot_subscribe') || /^["']?sub/i.test(textAt(doc, 'action') ?? '')
  const code = subscribe ? 'subscribe-denied' : 'publish-denied'
  const topic = textAt(doc, 'topic', 'topic_filter', 'real_topic')
  const key = JSON.stringify([textAt(doc, 'clientid'), textAt(doc, 'peername'), code, topic])
  if (second) {
    const at = denied.get(key)
    denied.delete(key)
    if (at !== undefined && Math.abs((timeMs ?? at) - at) <= JOIN_MS) return 'denial-told'
  } else denied.set(key, timeMs ?? 0)
  const action = subscribe ? 'mqtt-subscribe-denied' : 'mqtt-publish-denied'
  return told(action, eventOf(['session'], ['denied'], 'failure', { code, reason }))
}

/** A supervisor's report of version 4.0 to 4.2, whose reason stands in lines of its own. */
export function reportDraft(reason: string, timeMs: number | undefined): Omit<Draft, 'part'> {
  const tls = /ssl_error|tls_alert/.test(reason)
  const event = eventOf([tls ? 'network' : 'process'], ['error'], 'failure', {
    code: tls ? 'tls' : 'broker-error',
    reason: reason.slice(0, REASON_MAX),
  })
  const doc = { event, ...commonOfEmqx({}, { log: { level: 'error' } }) }
  return { timeMs, action: tls ? 'tls-handshake' : 'service-error', doc: compact(doc) }
}
