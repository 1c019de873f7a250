import type { EcsDoc, EventAction } from '../../model/event.ts'
import { eventOf, type ReadDocument } from '../document/json-decoder.ts'
import type { ReadText } from '../document/mixed-decoder.ts'
import { compact, numberAt, objectAt, present, textAt, timeAt } from '../document/values.ts'
import { readLogfmt } from '../line/logfmt.ts'
import { sourceOf } from './source.ts'

/** Grafana: the audit log of the enterprise edition, and request lines of `grafana.log` as JSON. */
export const readGrafana: ReadDocument = (doc, context) => {
  const user = objectAt(doc, 'user')
  const verb = textAt(doc, 'action')
  const timeMs = timeAt(doc, 'timestamp', 't', 'time') ?? context.timeMs
  const observer = { vendor: 'Grafana Labs', product: 'Grafana' }
  if (verb !== undefined && (user !== undefined || 'requestUri' in doc)) {
    const result = objectAt(doc, 'result') ?? {}
    const status = numberAt(result, 'statusCode') ?? 200
    const failed = status >= 400 || textAt(result, 'statusType') === 'failure'
    const login = verb.startsWith('login') || verb === 'logout'
    const change =
      /^(?:create|update|delete|patch|add|remove|set|import|export|enable|disable)/.test(verb)
    return {
      timeMs,
      action: change
        ? 'config-change'
        : !login
          ? 'api-call'
          : verb === 'logout'
            ? 'user-logout'
            : 'user-login',
      doc: compact({
        event: eventOf(
          [login ? 'authentication' : 'database'],
          [login ? 'start' : change ? 'change' : 'access'],
          failed ? 'failure' : 'success',
          {
            code: verb,
            reason: textAt(result, 'failureMessage') ?? verb,
          },
        ),
        user: present({
          id: textAt(user ?? {}, 'userId', 'id'),
          name:
            textAt(user ?? {}, 'name', 'login') ??
            textAt(objectAt(doc, 'additionalData') ?? {}, 'loginUsername'),
        }),
        source: sourceOf(textAt(doc, 'ipAddress')),
        url: present({ path: textAt(doc, 'requestUri') }),
        user_agent: present({ original: textAt(doc, 'userAgent') }),
        observer,
        grafana: compact({ request: doc['request'], resources: doc['resources'] }),
      }),
    }
  }
  const path = textAt(doc, 'path')
  const level = textAt(doc, 'level', 'lvl')
  if (path === undefined || !('status' in doc)) {
    return level === undefined ? undefined : ofServer(doc, level, timeMs)
  }
  const status = numberAt(doc, 'status') ?? 0
  const login = /^\/(?:login|logout)(?:[/?]|$)/.test(path) && textAt(doc, 'method') === 'POST'
  const query =
    login || /\/api\/(?:ds\/query|datasources\/proxy|tsdb\/query|search|dashboards)/.test(path)
  if (!query && status < 400) return 'http-ok'
  return {
    timeMs,
    action: login ? 'user-login' : 'api-call',
    doc: compact({
      event: eventOf(
        [login ? 'authentication' : 'database'],
        [login ? 'start' : 'access'],
        status >= 400 ? 'failure' : 'success',
        {
          code: `http-${status}`,
          reason: `${textAt(doc, 'method') ?? ''} ${path}`.trim(),
        },
      ),
      user: present({
        id: textAt(doc, 'userId') === '0' ? undefined : textAt(doc, 'userId'),
        name: textAt(doc, 'uname'),
      }),
      source: sourceOf(textAt(doc, 'remote_addr')),
      url: { path },
      observer,
    }),
  }
}

const OBSERVER = { vendor: 'Grafana Labs', product: 'Grafana' } as const
/** A refused login is told by its request line; these words stand beside it. */
const REFUSED = /invalid username or password|failed to authenticate|unauthorized|token not found/i

/** Lines that are of no request: a login, the start, errors; others are routine. */
function ofServer(
  doc: EcsDoc,
  level: string,
  timeMs: number | undefined,
): ReturnType<ReadDocument> {
  const message = textAt(doc, 'msg', 'message') ?? ''
  const error = textAt(doc, 'error', 'err')
  const reason = (error === undefined ? message : `${message}: ${error}`).slice(0, 500)
  const told = (action: EventAction, event: EcsDoc, more: EcsDoc = {}) => ({
    timeMs,
    action,
    doc: { event, log: { level }, observer: OBSERVER, ...more },
  })
  if (message === 'Successful Login') {
    const event = eventOf(['authentication'], ['start'], 'success', { code: 'login', reason })
    return told('user-login', event, { user: compact({ name: textAt(doc, 'User', 'user') }) })
  }
  if (/^Starting Grafana/i.test(message)) {
    const event = eventOf(['process'], ['start'], 'success', { code: 'started', reason })
    return told('service-start', event)
  }
  if (/^(?:eror|error|crit|critical|fatal)$/.test(level)) {
    if (REFUSED.test(reason)) return 'login-told'
    const event = eventOf(['process'], ['error'], 'failure', { code: 'server-error', reason })
    return told('service-error', event)
  }
  return `log-${/^[a-z]{1,10}$/.test(level) ? level : 'other'}`
}

const PLAIN = new RegExp(
  '^(?:\\d{4}/\\d\\d/\\d\\d \\d\\d:\\d\\d:\\d\\d \\[([DIWEC])\\]|' +
    '(DEBUG|DBUG|INFO|WARN|EROR|ERROR|CRIT)\\s*\\[[\\d|:.TZ+-]{8,40}\\]) (.*)$',
  's',
)
const LETTERS: Readonly<Record<string, string>> = {
  D: 'debug',
  I: 'info',
  W: 'warn',
  E: 'error',
  C: 'crit',
}

/** `grafana.log` as logfmt, and the lines of its console. */
export const readGrafanaText: ReadText = (text, frame) => {
  const found = PLAIN.exec(text)
  const line = found === null ? frame.message : (found[3] ?? '')
  const level = LETTERS[found?.[1] ?? ''] ?? found?.[2]?.toLowerCase()
  const doc = readLogfmt(line === '' ? text : line) ?? readLogfmt(text)
  const known = doc !== undefined && ['msg', 'logger', 'lvl', 'level'].some((name) => name in doc)
  if (known) return { doc: level === undefined ? doc : { level, ...doc } }
  if (level !== undefined) return `log-${level}`
  const stopped = /^Error: \S+ (.{1,500})$/.exec(text)
  if (stopped !== null) return { doc: { level: 'error', msg: stopped[1] } }
  return /^(?:nohup: |Grafana server is running )/.test(text) ? 'start-script' : undefined
}
