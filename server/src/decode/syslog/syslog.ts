import { ANEW } from '../../base/anew.ts'
import type { Decoder, DecoderSpec, DecodeSink, StateChange } from '../../model/decoder.ts'
import type { EcsDoc } from '../../model/event.ts'
import type { RawItem } from '../../model/source.ts'
import { unwrapJson } from '../line/json-wrapper.ts'
import { checkStampOptions, STAMP_OPTIONS, stampOptions } from '../line/options.ts'
import { StampReader } from '../line/stamp.ts'
import { told, type Told } from '../network/told.ts'
import { Attempts } from './attempts.ts'
import { authLine, daemonLine } from './auth.ts'
import { emptyHeader, type Header, readHeader } from './header.ts'
import { lifeLine } from './life-line.ts'
import { Completing, OwnDecoders } from './programs.ts'

const TEXT_MAX = 65_536
const REPEATED_MAX = 20
/** rsyslog's and sysklogd's way of saying that a program said the same again. */
const REPEATED = /^message repeated (\d{1,9}) times: \[ ?(.*)\]$/s
const SEVERE = 3

/** Lines of any program behind a header of RFC 5424 or RFC 3164, journald's JSON, logread's form. */
class SyslogDecoder implements Decoder {
  readonly #stamp: StampReader

  readonly #own: OwnDecoders
  readonly #attempts = new Attempts()

  constructor(options: Readonly<Record<string, unknown>>) {
    this.#stamp = new StampReader(stampOptions(options))
    this.#own = new OwnDecoders(options)
  }

  decode(item: RawItem, out: DecodeSink): void {
    const { text, receivedMs } = item
    if (text.length > TEXT_MAX) {
      out.reject('DECODE_TOO_LONG', `${text.length} characters, at most ${TEXT_MAX}.`)
      return
    }
    const line = text.trim()
    if (line === '') {
      out.routine('blank')
      return
    }
    const header = line.startsWith('{')
      ? ofJournal(line)
      : readHeader(line, this.#stamp, receivedMs)
    if (header === undefined) out.reject('DECODE_UNKNOWN', 'This has no header of syslog.')
    else if (typeof header === 'string') out.reject('DECODE_SYNTAX', `${header}.`)
    else if (!this.#delegate(header, item, out)) this.#tell(header, item, out)
  }

  takeChanges(): readonly StateChange[] {
    const changes: StateChange[] = []
    this.#attempts.connections.takeChanges(changes)
    return changes
  }

  restore(entries: Iterable<readonly [string, string]>): void {
    this.#attempts.connections.restore(entries)
  }

  stats(): Readonly<Record<string, number>> {
    const { size, evicted } = this.#attempts.connections
    return { logins: size, logins_evicted: evicted }
  }

  #tell(header: Header, { receivedMs }: RawItem, out: DecodeSink): void {
    const repeated = REPEATED.exec(header.message)
    const message = repeated?.[2] ?? header.message
    const { timeMs } = header
    const words = meaning(header, message)
    if (repeated === null) {
      const { action, doc } = this.#attempts.judge(words, header, receivedMs)
      out.event({ timeMs, action, doc: completed(doc, header, message) })
      return
    }
    // Each repetition counts for thresholds; a sender's number alone must not make thousands of events.
    const labels = { repeated: String(Number(repeated[1])) }
    const times = Math.max(1, Math.min(Number(repeated[1]), REPEATED_MAX))
    for (let part = 0; part < times; part++) {
      const { action, doc } = this.#attempts.judge(words, header, receivedMs)
      out.event({ timeMs, action, doc: { ...completed(doc, header, message), labels }, part })
    }
  }

  /** A line of a program with a decoder of its own; false where that cannot read it. */
  #delegate(header: Header, item: RawItem, out: DecodeSink): boolean {
    const own = this.#own.of(header.program, header.message)
    if (own === undefined) return false
    const sink = new Completing(out, (doc) =>
      completed({ ...ANEW, host: undefined, ...doc }, header, header.message),
    )
    own.decode(item, sink)
    return !sink.rejected
  }
}

function ofJournal(line: string): Header | undefined {
  const inner = unwrapJson(line, 0)
  if (inner === undefined) return undefined
  const { message, host, program, timeMs } = inner
  return { ...ANEW, ...emptyHeader(), message, host, program, timeMs }
}

function meaning(header: Header, message: string): Told {
  const { program } = header
  return (
    authLine(program, message) ??
    lifeLine(program, message) ??
    daemonLine(program, message) ??
    other(header, message)
  )
}

/** Not known what it means: an event of its facility and severity, and no more is claimed. */
function other({ priority, msgid, program }: Header, message: string): Told {
  const type = priority !== undefined && (priority & 7) <= SEVERE ? 'error' : 'info'
  const event = { reason: message.slice(0, 500) }
  return told('event', [], [type], 'unknown', msgid ?? program ?? 'other', { event })
}

function completed(from: EcsDoc, header: Header, message: string): EcsDoc {
  const { priority, facility, severity, version, host, program, pid, msgid, data } = header
  const doc: EcsDoc = { ...ANEW, ...from, message }
  const syslog: EcsDoc = {
    ...ANEW,
    ...(priority !== undefined && {
      priority,
      facility: { code: priority >> 3, name: facility },
      severity: { code: priority & 7, name: severity },
    }),
    ...(host !== undefined && { hostname: host }),
    ...(program !== undefined && { appname: program }),
    ...(pid !== undefined && { procid: pid }),
    ...(msgid !== undefined && { msgid }),
    ...(version !== undefined && { version }),
    ...(data !== undefined && { structured_data: data }),
  }
  doc['log'] = { ...ANEW, ...(severity !== undefined && { level: severity.toLowerCase() }), syslog }
  // Of a program with a decoder of its own, `host` is the device it tells of: the sender is in `log.syslog`.
  if (doc['host'] === undefined) delete doc['host']
  if (host !== undefined && !('host' in from)) doc['host'] = { name: host, hostname: host }
  const process: EcsDoc = { ...(from['process'] as EcsDoc | undefined) }
  if (program !== undefined) process['name'] = program.slice(program.lastIndexOf('/') + 1)
  if (pid !== undefined && /^\d{1,10}$/.test(pid)) process['pid'] = Number(pid)
  if (Object.keys(process).length > 0) doc['process'] = process
  return doc
}

export const syslog: DecoderSpec = {
  name: 'syslog',
  summary: 'Syslog lines of any program; logins by sshd, dropbear, login, sudo, su and PAM.',
  options: STAMP_OPTIONS,
  check: checkStampOptions,
  create: (options = {}) => new SyslogDecoder(options),
}
