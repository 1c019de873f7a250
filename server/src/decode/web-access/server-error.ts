import type { DecodeSink } from '../../model/decoder.ts'
import type { EcsDoc, EventAction } from '../../model/event.ts'
import { eventOf } from '../document/json-decoder.ts'
import { compact, present } from '../document/values.ts'
import type { Frame } from '../line/frame.ts'
import { endpoint } from '../network/endpoint.ts'
import { requestLine } from './access-line.ts'

const LEVEL = /\[(?:[a-z_0-9-]*:)?(trace\d|debug|info|notice|warn|error|crit|alert|emerg)\]/
const CLIENT = /(?:, client: |\[client )([0-9A-Fa-f:.]{2,45}?)(?::(\d{1,5})\]|,|\]|$)/
const REQUEST = /, request: "((?:[^"\\]|\\.){0,8000})"/
const HOST = /, host: "([^"]{1,255})"/
const HANDSHAKE = new RegExp(
  'SSL_do_handshake\\(\\) failed|while SSL handshaking|in SSL handshake|SSL library error \\d+ in handshake|' +
    'client SSL certificate verify error|Certificate Verification: Error|' +
    'client sent no required SSL certificate',
)
/** nginx: `user "x": password mismatch`, `user "x" was not found in`; Apache: AH01617, AH01618. */
const LOGIN = new RegExp(
  'user "([^"]{0,255})"(?:: password mismatch| was not found in)|' +
    'user (\\S{1,255})(?:: authentication failure for| not found:)',
)
/** Lines that a message of several lines goes on with. */
const FURTHER = /^(?:PHP message:|Stack trace:|#\d+ |\s+thrown in |AH\d{5}:)/

/** Error logs of nginx and Apache; false for any other line. */
export function tellServerError(frame: Frame, out: DecodeSink): boolean {
  const { message, timeMs } = frame
  const level = LEVEL.exec(message.slice(0, 200))
  const bare = level?.index === 0
  if (level === null || (timeMs === undefined && !bare)) {
    if (!FURTHER.test(message)) return false
    out.routine('log-continuation')
    return true
  }
  const words = message.slice(level.index + level[0].length)
  const named = LOGIN.exec(words)
  const handshake = HANDSHAKE.test(words)
  const quiet = /^(?:trace\d|debug|info|notice|warn)$/.test(level[1] ?? '')
  if (quiet && named === null && !handshake) {
    out.routine(`log-${(level[1] ?? '').replace(/\d$/, '')}`)
    return true
  }
  const user = named?.[1] ?? named?.[2]
  const action: EventAction =
    named !== null ? 'user-login' : handshake ? 'tls-handshake' : 'service-error'
  out.event({ timeMs, action, doc: documentOf(words, level[1], action, user) })
  return true
}

function documentOf(
  words: string,
  level: string | undefined,
  action: EventAction,
  user: string | undefined,
): EcsDoc {
  const client = CLIENT.exec(words)
  const line = REQUEST.exec(words)?.[1]
  const { method, path } = line === undefined ? {} : requestLine(line)
  const login = action === 'user-login'
  const category = login ? ['authentication', 'web'] : ['web']
  const type = login ? ['start', 'denied'] : ['error']
  return compact({
    event: eventOf(category, type, 'failure', {
      code: action === 'service-error' ? 'server-error' : action,
      reason: words.trim().slice(0, 1_000),
    }),
    message: words.trim().slice(0, 2_000),
    log: present({ level }),
    source: client === null ? undefined : endpoint({ address: client[1], port: portOf(client[2]) }),
    user: present({ name: user }),
    url: present({ original: path, domain: HOST.exec(words)?.[1] }),
    http: method === undefined ? undefined : { request: { method } },
  })
}

const portOf = (text: string | undefined): number | undefined =>
  text === undefined ? undefined : Number(text)
