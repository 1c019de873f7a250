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
          name: textAt(user ?? {}, 'name', 'login'),
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
    return level === undefined ? undefined : `log-${/^[a-z]{1,10}$/.test(level) ? level : 'other'}`
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
      user: present({ id: textAt(doc, 'userId'), name: textAt(doc, 'uname') }),
      source: sourceOf(textAt(doc, 'remote_addr')),
      url: { path },
      observer,
    }),
  }
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
  return level === undefined ? undefined : `log-${level}`
}
