import { isDeeperThan } from '../../base/nesting.ts'
import { readHeader } from '../../decode/syslog/header.ts'
import { stampOptions } from '../../decode/line/options.ts'
import { StampReader } from '../../decode/line/stamp.ts'
import { unwrapJson } from '../../decode/line/json-wrapper.ts'

/** A line as the program wrote it, and whose it is within its stream. */
export interface Unwrapped {
  readonly message: string
  /** Host and program of a header, so that lines of several that share a stream are told apart. */
  readonly sender: string
  /** The same wrapping around another message. */
  readonly wrap: (message: string) => string
}

const CLASSIC = /^(?:<\d{1,3}>|[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d )/
const CONTAINER = /^(\S{20,40} (?:stdout|stderr) [FP] )/
const JSON_MAX = 1_048_576
const DEPTH_MAX = 64
const stamps = new StampReader(stampOptions({}))

/** Takes the header of syslog, or the wrapping of a container's log, off a line. */
export function unwrapLine(text: string): Unwrapped {
  const first = text.charCodeAt(0)
  if (first === 123) return ofJson(text) ?? plain(text)
  if (CLASSIC.test(text)) return ofSyslog(text) ?? plain(text)
  const head = CONTAINER.exec(text)?.[1]
  if (head === undefined) return plain(text)
  const message = text.slice(head.length)
  return { message, sender: head.slice(-9, -3), wrap: (inner) => head + inner }
}

function plain(message: string): Unwrapped {
  return { message, sender: '', wrap: (inner) => inner }
}

function ofSyslog(text: string): Unwrapped | undefined {
  const header = readHeader(text, stamps, 0)
  if (header === undefined || typeof header === 'string') return undefined
  const { host = '', program = '', pid = '', message } = header
  if (!text.endsWith(message)) return undefined
  const head = text.slice(0, text.length - message.length)
  return { message, sender: `${host} ${program} ${pid}`, wrap: (inner) => head + inner }
}

/** Docker's `json-file` and journald; a document of the program's own is none of these. */
function ofJson(text: string): Unwrapped | undefined {
  if (!/"(?:log|MESSAGE)":"/.test(text.slice(0, JSON_MAX))) return undefined
  const inner = unwrapJson(text, 0)
  if (inner === undefined) return undefined
  const fields = JSON.parse(text) as Readonly<Record<string, unknown>>
  // It is written out again around what is joined.
  if (isDeeperThan(fields, DEPTH_MAX)) return undefined
  const name = typeof fields['log'] === 'string' ? 'log' : 'MESSAGE'
  const stream = typeof fields['stream'] === 'string' ? fields['stream'] : ''
  const sender = `${inner.host ?? ''} ${inner.program ?? ''} ${stream}`
  const { message } = inner
  return { message, sender, wrap: (whole) => JSON.stringify({ ...fields, [name]: whole }) }
}
