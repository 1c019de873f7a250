import type { EcsDoc } from '../../model/event.ts'
import type { StampReader } from '../line/stamp.ts'
import { TOPICS } from './daemons.ts'

/** What stands before the message of a syslog line. */
export interface Header {
  priority: number | undefined
  facility: string | undefined
  severity: string | undefined
  version: string | undefined
  timeMs: number | undefined
  host: string | undefined
  program: string | undefined
  pid: string | undefined
  msgid: string | undefined
  data: EcsDoc | undefined
  message: string
}

/** RFC 5424 table 1, as `logger` and syslog.conf write the names. */
export const FACILITIES = [
  ...'kern user mail daemon auth syslog lpr news uucp cron authpriv ftp'.split(' '),
  ...'ntp audit alert clock local0 local1 local2 local3 local4 local5 local6 local7'.split(' '),
]
/** RFC 5424 table 2. */
export const SEVERITIES = [
  ...'Emergency Alert Critical Error Warning Notice Informational Debug'.split(' '),
]
const KEYWORDS = 'emerg alert crit err warn notice info debug'.split(' ')

const PRIORITY = /^<(\d{1,3})>/
/** `authpriv.info `, which OpenWrt's logread prints between time and tag. */
const WORDS = /^([a-z]{2,8}\d?)\.(emerg|alert|crit|err|warn|notice|info|debug) /
const TAG = /^([^\s:[\]]{1,100}?)(?:\[([^\]\s]{1,40})\])?: ?/
const HOST_TAG = /^(\S{1,255}) ([^\s:[\]]{1,100})(?:\[([^\]\s]{1,40})\])?: ?/
/** A tag with a process id, as `journalctl -o cat` and cut logs leave it: enough to be told without a time. */
const TAGGED = /^(?:[\w.:-]{1,255} )?[\w./@-]{1,100}\[\d{1,10}\]: /
const HOST = /^([\w.:%-]{1,255}) +/
const MODERN = /^(\S{1,255}) (\S{1,255}) (\S{1,128}) (\S{1,128}) /
/** Solaris' syslog puts the number and the level of a message before it. */
const SOLARIS = /^\[ID \d{1,10} [a-z]+\d?\.[a-z]+\] /
const ELEMENTS_MAX = 50

/** Undefined where it has neither a priority nor a time; a string: why it cannot be read. */
export function readHeader(
  line: string,
  stamp: StampReader,
  receivedMs: number,
): Header | string | undefined {
  const header = emptyHeader()
  const found = PRIORITY.exec(line)
  let rest = line
  if (found !== null) {
    const priority = Number(found[1])
    if (priority > 191) return `a priority of ${priority}, at most 191`
    header.priority = priority
    header.facility = FACILITIES[priority >> 3]
    header.severity = SEVERITIES[priority & 7]
    rest = line.slice(found[0].length)
    if (rest.startsWith('1 ')) return readModern(rest.slice(2), header, stamp, receivedMs)
  }
  const hasTime = stamp.read(rest, 0, receivedMs)
  if (!hasTime && found === null && !TAGGED.test(rest)) return undefined
  if (hasTime) {
    header.timeMs = stamp.ms
    const mark = rest.charCodeAt(stamp.end)
    rest = rest.slice(mark === 58 ? stamp.end + 1 : stamp.end).trimStart()
  }
  const words = WORDS.exec(rest)
  const facility = words === null ? -1 : FACILITIES.indexOf(words[1] ?? '')
  if (words !== null && facility >= 0 && found === null) {
    const severity = KEYWORDS.indexOf(words[2] ?? '')
    header.priority = facility * 8 + severity
    header.facility = FACILITIES[facility]
    header.severity = SEVERITIES[severity]
    rest = rest.slice(words[0].length)
  }
  readTag(rest, header, hasTime)
  if (header.program === undefined) readTopics(header)
  header.message = header.message.replace(SOLARIS, '')
  return header
}

export function emptyHeader(): Header {
  return {
    priority: undefined,
    facility: undefined,
    severity: undefined,
    version: undefined,
    timeMs: undefined,
    host: undefined,
    program: undefined,
    pid: undefined,
    msgid: undefined,
    data: undefined,
    message: '',
  }
}

/** RFC 3164 section 4.1.2 and 4.1.3; a local socket leaves the host out. */
function readTag(rest: string, header: Header, hasTime: boolean): void {
  const alone = TAG.exec(rest)
  const both = alone === null ? HOST_TAG.exec(rest) : null
  if (both !== null) {
    header.host = both[1]
    header.program = both[2]
    header.pid = both[3]
    header.message = rest.slice(both[0].length)
  } else if (alone !== null) {
    header.program = alone[1]
    header.pid = alone[2]
    header.message = rest.slice(alone[0].length)
  } else {
    const host = hasTime ? HOST.exec(rest) : null
    header.host = host?.[1]
    header.message = host === null ? rest : rest.slice(host[0].length)
  }
}

/** RouterOS writes `HOST system,info,account MESSAGE`: the topics are its tag. */
function readTopics(header: Header): void {
  const topics = TOPICS.exec(header.message)
  if (topics === null) return
  header.program = 'routeros'
  header.msgid = topics[1]
  header.message = header.message.slice(topics[0].length)
}

/** RFC 5424 section 6 behind `<PRI>1 `. */
function readModern(
  text: string,
  header: Header,
  stamp: StampReader,
  receivedMs: number,
): Header | string {
  header.version = '1'
  let rest: string
  if (text.startsWith('- ')) rest = text.slice(2)
  else if (stamp.read(text, 0, receivedMs) && text.charCodeAt(stamp.end) === 32) {
    header.timeMs = stamp.ms
    rest = text.slice(stamp.end + 1)
  } else return 'no time behind the version'
  const fields = MODERN.exec(rest)
  if (fields === null) return 'not the header of RFC 5424'
  const [whole, host, program, pid, msgid] = fields
  header.host = given(host)
  header.program = given(program)
  header.pid = given(pid)
  header.msgid = given(msgid)
  rest = rest.slice(whole.length)
  let at = 0
  if (rest.startsWith('-')) at = 1
  else {
    const data: EcsDoc = {}
    for (let count = 0; rest.charCodeAt(at) === 91; count++) {
      if (count === ELEMENTS_MAX) return `more than ${ELEMENTS_MAX} structured elements`
      at = readElement(rest, at + 1, data)
      if (at < 0) return 'structured data that does not end'
    }
    if (at === 0) return 'no structured data'
    header.data = data
  }
  if (at < rest.length && rest.charCodeAt(at) !== 32) return 'text behind the structured data'
  header.message = rest.slice(at + 1)
  if (header.message.charCodeAt(0) === 0xfeff) header.message = header.message.slice(1)
  return header
}

const given = (text: string | undefined): string | undefined => (text === '-' ? undefined : text)

/** `id name="value" …]` (RFC 5424 section 6.3); the index behind it, -1 where it is not that. */
function readElement(text: string, start: number, into: EcsDoc): number {
  let at = start
  while (at < text.length && !' ]'.includes(text.charAt(at))) at += 1
  const id = text.slice(start, at)
  const params = new Map<string, string>()
  while (text.charAt(at) === ' ') {
    const equals = text.indexOf('="', at + 1)
    if (equals < 0 || equals - at > 200 || params.size > 200) return -1
    const name = text.slice(at + 1, equals)
    let value = ''
    at = equals + 2
    for (;;) {
      const char = text.charAt(at)
      if (char === '') return -1
      if (char === '"') break
      const next = text.charAt(at + 1)
      if (char === '\\' && next !== '' && '"\\]'.includes(next)) at += 1
      value += text.charAt(at)
      at += 1
    }
    at += 1
    params.set(name, value)
  }
  if (text.charAt(at) !== ']' || id === '') return -1
  // defineProperty, as Object.fromEntries does: an id such as `__proto__` is a name like any other.
  const value = Object.fromEntries(params)
  Object.defineProperty(into, id, { value, enumerable: true, configurable: true, writable: true })
  return at + 1
}
