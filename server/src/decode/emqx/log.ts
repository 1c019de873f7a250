import { ANEW } from '../../base/anew.ts'
import type { Draft } from '../../model/decoder.ts'
import type { EcsDoc } from '../../model/event.ts'
import { eventOf } from '../document/json-decoder.ts'
import { textAt, timeAt } from '../document/values.ts'
import { commonOfEmqx } from './hooks.ts'

type Told = Omit<Draft, 'part'> | string | undefined

const LEVEL = /\[(debug|info|notice|warning|error|critical|alert|emergency)\]\s?/
const PAIR = /(?:^|, )([a-z_]{1,40}): /g
const PAIRS_MAX = 60

/** `[warning] msg: authorization_permission_denied, mfa: …, peername: …, clientid: …`. */
export function readLine(message: string): Told {
  const level = LEVEL.exec(message)
  if (level === null) return undefined
  const rest = message.slice(level.index + level[0].length)
  const doc: EcsDoc = {}
  let open: { key: string; from: number } | undefined
  let count = 0
  for (const pair of rest.matchAll(PAIR)) {
    if (open !== undefined) doc[open.key] ??= rest.slice(open.from, pair.index)
    open = { key: pair[1] ?? '', from: pair.index + pair[0].length }
    count += 1
    if (count >= PAIRS_MAX) break
  }
  if (open !== undefined) doc[open.key] ??= rest.slice(open.from)
  return tell(doc, level[1] ?? 'info', undefined)
}

/** The same as `log.formatter = json` writes it: `{"time":…,"level":"warning","msg":…}`. */
export function readLogObject(doc: EcsDoc): Told {
  const level = textAt(doc, 'level')
  const message = textAt(doc, 'msg')
  if (level === undefined || message === undefined) return undefined
  return tell(doc, level, timeAt(doc, 'time', 'timestamp'))
}

function tell(doc: EcsDoc, level: string, timeMs: number | undefined): Told {
  const message = textAt(doc, 'msg') ?? ''
  const reason = textAt(doc, 'reason') ?? message
  const more = commonOfEmqx(doc, { log: { level } })
  if (message === 'authorization_permission_denied') {
    const publish = textAt(doc, 'action')?.toLowerCase().startsWith('sub') !== true
    const code = publish ? 'publish-denied' : 'subscribe-denied'
    const event = eventOf(['session'], ['denied'], 'failure', { code, reason })
    const action = publish ? 'mqtt-publish-denied' : 'mqtt-subscribe-denied'
    return { timeMs, action, doc: { event, ...more } }
  }
  if (message === 'authentication_failure' || message === 'authentication_failed') {
    const rest = { code: 'authentication-failed', reason }
    const event = eventOf(['authentication', 'session'], ['start'], 'failure', rest)
    return { timeMs, action: 'mqtt-connect', doc: { event, ...more } }
  }
  if (message === 'flapping_detected') {
    const rest = { code: 'flapping-detected', reason: 'The client reconnects too often' }
    const event = eventOf(['intrusion_detection'], ['info'], 'unknown', {
      ...ANEW,
      ...rest,
      kind: 'alert',
    })
    return { timeMs, action: 'audit-finding', doc: { event, ...more } }
  }
  if (/tls_alert|ssl_error|ssl_upgrade_fail|handshake_failed/.test(`${message} ${reason}`)) {
    const event = eventOf(['network'], ['error'], 'failure', {
      code: 'tls',
      reason: reason.slice(0, 500),
    })
    return { timeMs, action: 'tls-handshake', doc: { event, ...more } }
  }
  if (level === 'error' || level === 'critical' || level === 'alert' || level === 'emergency') {
    const event = eventOf(['process'], ['error'], 'failure', { code: 'broker-error', reason })
    return { timeMs, action: 'service-error', doc: { event, ...more } }
  }
  return `log-${/^[a-z]{1,10}$/.test(level) ? level : 'other'}`
}
