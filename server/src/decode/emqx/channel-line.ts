import type { EcsDoc, EventAction } from '../../model/event.ts'
import { eventOf } from '../document/json-decoder.ts'
import { commonOfEmqx } from './hooks.ts'
import { ending, type Told } from './ending.ts'

const REASON_MAX = 500
/** `client@10.0.0.5:5000 [Channel] words`; a client id that is no clean text is `<<"id">>`. */
const HEAD = new RegExp(
  String.raw`^(?:(?<client>.{1,500}?)@)?` +
    String.raw`(?<peer>(?:[\d.]{7,15}|\[?[\da-fA-F:.]{2,45}\]?|[\w-]{1,60}):\d{1,5}) ` +
    String.raw`(?:\[(?<part>[\w/ ]{2,20})\],?|(?=PUBLISH to|SUBSCRIBE|\S+: ))\s*,?\s*(?<words>.*)$`,
  's',
)
/** `Client(id@10.0.0.5:5000): words` and `Session(id): words` of version 2. */
const OLD_HEAD =
  /^(?:<[\d.]+>@?\S* )?(?<kind>Client|Session)\((?<who>[^)]{1,500})\): (?<words>.*)$/s

/** A line about one client as versions 2 to 4 write it. Undefined: of another form. */
export function readChannelLine(rest: string, level: string): Told {
  const found = HEAD.exec(rest)?.groups
  if (found !== undefined) {
    const client = found['client']?.replace(/^<<"(.*)">>$/, '$1')
    const doc = { ...(client === undefined ? {} : { clientid: client }), peername: found['peer'] }
    return wordsOf(doc, found['words'] ?? '', level)
  }
  if (/^ ?\[MQTT(?:\/WS)?\]\s*$/.test(rest) && level === 'error') return wordsOf({}, '', level)
  const discarded = /^\[Session\] Conn \S+ is discarded by /.test(rest)
  if (discarded) return make({}, level, ...ending('discarded'))
  const old = OLD_HEAD.exec(rest)?.groups
  if (old === undefined) return undefined
  const who = old['who'] ?? ''
  const at = who.lastIndexOf('@')
  const peer = at < 0 ? (old['kind'] === 'Client' ? who : undefined) : who.slice(at + 1)
  const client = at < 0 ? (old['kind'] === 'Session' ? who : undefined) : who.slice(0, at)
  const doc = {
    ...(client === undefined ? {} : { clientid: client }),
    ...(peer === undefined ? {} : { peername: peer }),
  }
  return wordsOf(doc, old['words'] ?? '', level)
}

const LOGIN = /^Client .{0,500} \(Username: (.{0,500})\) login failed for (.{1,500})$/s
const DENIED =
  /^Cannot (publish|subscribe)(?: (will )?message to)? ?(\S.{0,2000}?) due to (.{1,200}?)\.?$/s

function wordsOf(who: EcsDoc, words: string, level: string): Told {
  const login = LOGIN.exec(words)
  if (login !== null) {
    const name = login[1]?.replace(/^['"<]+|['">]+$/g, '')
    const rest = { code: 'authentication-failed', reason: login[2] ?? 'unknown' }
    const event = eventOf(['authentication', 'session'], ['start'], 'failure', rest)
    return make({ ...who, username: name }, level, 'mqtt-connect', event)
  }
  const denied = DENIED.exec(words)
  if (denied !== null && /not authori[sz]ed/i.test(denied[4] ?? '')) {
    const publish = denied[1] === 'publish'
    const event = eventOf(['session'], ['denied'], 'failure', {
      code: publish ? 'publish-denied' : 'subscribe-denied',
      reason: denied[4] ?? '',
    })
    const topic = denied[3]?.replace(/^<<"(.*)">>$/, '$1')
    const action = publish ? 'mqtt-publish-denied' : 'mqtt-subscribe-denied'
    return make({ ...who, topic }, level, action, event)
  }
  if (/^Discarded by |^kickout /.test(words)) return make(who, level, ...ending('discarded'))
  // Up to 4.2 what could not be read stands in the lines that follow.
  if (/^Parser? failed for /.test(words) || (words === '' && level === 'error')) {
    const reason = words.slice(0, REASON_MAX) || 'Parse failed'
    const rest = { code: 'protocol-error', reason }
    const event = eventOf(['network'], ['error'], 'failure', rest)
    return make(who, level, 'protocol-error', event)
  }
  if (/^(?:Unexpected frame error|Error data)/.test(words)) return 'frame-error'
  // Pairs with `msg:` are read by the caller, whichever words stand before them.
  if (/(?:^|, )msg: /.test(words)) return undefined
  if (/^(?:error|critical|alert|emergency)$/.test(level)) {
    const rest = { code: 'broker-error', reason: words.slice(0, REASON_MAX) }
    return make(who, level, 'service-error', eventOf(['process'], ['error'], 'failure', rest))
  }
  return `log-${level}`
}

function make(who: EcsDoc, level: string, action: EventAction, event: EcsDoc): Told {
  return { timeMs: undefined, action, doc: { event, ...commonOfEmqx(who, { log: { level } }) } }
}
