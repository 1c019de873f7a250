/** Where a wrapping that begins at `at` ends; `at` itself where there is none. */
export type WrapperEnd = (text: string, at: number) => number

const NAME_MAX = 100
const BROKER = /mosq|mqtt|docker|broker/i

/** `mosquitto  | `, `mosquitto-1 | `: Docker Compose puts the container's name before each line. */
export const composePrefixEnd: WrapperEnd = (text, at) => {
  let index = at
  while (index - at < NAME_MAX && isNameCode(text.charCodeAt(index))) index += 1
  if (index === at) return at
  const spaces = index
  while (index - at < NAME_MAX && text.charCodeAt(index) === 32) index += 1
  if (index === spaces || text.charCodeAt(index) !== 124) return at
  return text.charCodeAt(index + 1) === 32 ? index + 2 : index + 1
}

/** `stdout F ` behind the time, as Kubernetes' container runtimes write it. */
export const criEnd: WrapperEnd = (text, at) => {
  if (!text.startsWith('stdout ', at) && !text.startsWith('stderr ', at)) return at
  const tag = text.charCodeAt(at + 7)
  return (tag === 70 || tag === 80) && text.charCodeAt(at + 8) === 32 ? at + 9 : at
}

/** `<34>` (RFC 3164 goes on with a time) or `<34>1 TIME HOST APP PROCID MSGID SD ` (RFC 5424). */
export const syslogEnd: WrapperEnd = (text, at) => {
  let index = at + 1
  while (index - at < 5 && isDigit(text.charCodeAt(index))) index += 1
  if (index === at + 1 || text.charCodeAt(index) !== 62) return at
  index += 1
  if (text.charCodeAt(index) !== 49 || text.charCodeAt(index + 1) !== 32) return index
  return index + 2
}

export interface TaggedHeader {
  readonly end: number
  readonly host: string
  readonly program: string
}

/**
 * Behind the time of a syslog line: `HOST TAG[PID]: ` (RFC 3164, journald) or, with spaces only,
 * `HOST APP PROCID MSGID SD ` (RFC 5424). `sure` says that the time was of a form that only syslog
 * writes; otherwise the tag must look like a broker's or carry a process id.
 */
export function taggedHeader(text: string, at: number, sure: boolean): TaggedHeader | undefined {
  const hostEnd = text.indexOf(' ', at)
  if (hostEnd <= at || hostEnd - at > 255) return undefined
  const host = text.slice(at, hostEnd)
  if (host.includes(':') && !host.includes('.') && host.endsWith(':')) return undefined
  if (host === 'OpenSSL' || host === 'Connection' || host === 'Protocol') return undefined
  let index = hostEnd + 1
  while (index - hostEnd < NAME_MAX && isTagCode(text.charCodeAt(index))) index += 1
  const program = text.slice(hostEnd + 1, index)
  if (program === '') return undefined
  let pid = false
  if (text.charCodeAt(index) === 91) {
    const close = text.indexOf(']', index)
    if (close < 0 || close - index > 40) return undefined
    pid = isDigit(text.charCodeAt(index + 1))
    index = close + 1
  }
  if (text.charCodeAt(index) === 58) {
    if (!sure && !pid && !BROKER.test(program)) return undefined
    const end = text.charCodeAt(index + 1) === 32 ? index + 2 : index + 1
    return { end, host, program }
  }
  if (!sure && !BROKER.test(program)) return undefined
  const end = structuredEnd(text, index)
  return end < 0 ? undefined : { end, host, program }
}

/** RFC 5424 section 6: ` PROCID MSGID SD MSG` behind the app name; -1 where it is not that. */
function structuredEnd(text: string, at: number): number {
  if (text.charCodeAt(at) !== 32) return -1
  const procEnd = text.indexOf(' ', at + 1)
  if (procEnd < 0 || procEnd - at > 129) return -1
  const idEnd = text.indexOf(' ', procEnd + 1)
  if (idEnd < 0 || idEnd - procEnd > 33) return -1
  let index = idEnd + 1
  if (text.charCodeAt(index) === 45) {
    index += 1
  } else {
    if (text.charCodeAt(index) !== 91) return -1
    while (text.charCodeAt(index) === 91) {
      index = elementEnd(text, index)
      if (index < 0) return -1
    }
  }
  if (index === text.length) return index
  if (text.charCodeAt(index) !== 32) return -1
  index += 1
  return text.charCodeAt(index) === 0xfeff ? index + 1 : index
}

/** Behind one `[id name="value"…]`, minding quotes and their escapes. */
function elementEnd(text: string, at: number): number {
  let quoted = false
  for (let index = at + 1; index < text.length; index++) {
    const code = text.charCodeAt(index)
    if (quoted && code === 92) index += 1
    else if (code === 34) quoted = !quoted
    else if (!quoted && code === 93) return index + 1
  }
  return -1
}

const isDigit = (code: number): boolean => code >= 48 && code <= 57
const isLetter = (code: number): boolean =>
  (code >= 97 && code <= 122) || (code >= 65 && code <= 90)
const isNameCode = (code: number): boolean =>
  isLetter(code) || isDigit(code) || code === 45 || code === 46 || code === 95
const isTagCode = (code: number): boolean => isNameCode(code) || code === 47
