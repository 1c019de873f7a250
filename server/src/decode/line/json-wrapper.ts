import { timeToMs } from '../../base/timestamp.ts'

export interface Unwrapped {
  readonly message: string
  readonly timeMs: number | undefined
  readonly host: string | undefined
  readonly program: string | undefined
}

/**
 * One line of a log kept as JSON objects: Docker's `json-file` (`log`, `time`), `journalctl -o json`
 * (`MESSAGE`, `__REALTIME_TIMESTAMP` in microseconds), Google Cloud's entries (`textPayload`, `timestamp`) and
 * shippers' `message` with `@timestamp`.
 * Undefined for anything else.
 */
export function unwrapJson(text: string, at: number): Unwrapped | undefined {
  let parsed: unknown
  try {
    parsed = JSON.parse(at === 0 ? text : text.slice(at))
  } catch {
    return undefined
  }
  if (parsed === null || typeof parsed !== 'object' || Array.isArray(parsed)) return undefined
  const fields = parsed as Readonly<Record<string, unknown>>
  const message =
    fields['log'] ?? messageText(fields['MESSAGE']) ?? fields['message'] ?? fields['textPayload']
  if (typeof message !== 'string') return undefined
  const micros = fields['__REALTIME_TIMESTAMP']
  const time =
    typeof micros === 'string'
      ? Number(micros)
      : (fields['time'] ?? fields['@timestamp'] ?? fields['timestamp'])
  const timeMs = timeToMs(time)
  return {
    message: message.endsWith('\n')
      ? message.slice(0, message.endsWith('\r\n') ? -2 : -1)
      : message,
    timeMs: timeMs === undefined ? undefined : Math.trunc(timeMs),
    host: textOf(fields['_HOSTNAME']),
    program: textOf(fields['SYSLOG_IDENTIFIER']),
  }
}

/** journald writes bytes that are not clean text as an array of numbers. */
function messageText(value: unknown): unknown {
  if (!Array.isArray(value)) return value
  if (value.length > 65_536) return undefined
  const bytes = Uint8Array.from(value, (item) => (typeof item === 'number' ? item & 255 : 63))
  return new TextDecoder().decode(bytes)
}

const textOf = (value: unknown): string | undefined =>
  typeof value === 'string' && value !== '' && value.length <= 255 ? value : undefined
