import type { Decoder, DecoderSpec, DecodeSink, StateChange } from '../../model/decoder.ts'
import type { EcsDoc } from '../../model/event.ts'
import type { RawItem } from '../../model/source.ts'
import type { TimeRule } from '../custom/mapping.ts'
import { timeReader } from '../custom/time-format.ts'
import { Frame } from '../line/frame.ts'
import { readAccessObject } from './access-json.ts'
import { readAccessLine } from './access-line.ts'
import { artifactFinder, patternFault } from './firmware-path.ts'
import { type Request, RequestTeller } from './request.ts'
import { readS3Line } from './s3-line.ts'
import { tellServerError } from './server-error.ts'

const LINE_MAX = 1_048_576
const WINDOW_DEFAULT_S = 3_600
const utc = (): number => 0
/** The tag of syslog where no time stands before it; the server's own time is behind. */
const TAG = /^(?:[\w.-]{1,255} )?(?:nginx|httpd|apache2?)(?:\[\d{1,10}\])?: /

export type Server = 'nginx' | 'apache' | 's3-access'

/** Access logs: combined, common and JSON of nginx and Apache, nginx' error log, S3's server access log. */
export class WebAccessDecoder implements Decoder {
  readonly #teller: RequestTeller
  readonly #server: Server
  readonly #frame = new Frame({ zone: utc, monthFirst: false })
  readonly #time = stampReader()

  constructor(server: Server, options: Readonly<Record<string, unknown>>) {
    this.#server = server
    const window = Number(options['window'] ?? WINDOW_DEFAULT_S)
    const seconds = Number.isFinite(window) && window >= 0 ? window : WINDOW_DEFAULT_S
    this.#teller = new RequestTeller(artifactFinder(options['pattern']), seconds * 1_000)
  }

  decode(item: RawItem, out: DecodeSink): void {
    const { text, receivedMs } = item
    if (text.length > LINE_MAX) {
      out.reject('DECODE_TOO_LONG', `${text.length} characters, at most ${LINE_MAX}.`)
      return
    }
    if (text.trim() === '') {
      out.routine('blank')
      return
    }
    const request = this.#read(text)
    if (request !== undefined) {
      this.#teller.tell(request, out, receivedMs)
      return
    }
    this.#frame.read(text.replace(TAG, ''), receivedMs)
    const inner = this.#read(this.#frame.message)
    if (inner !== undefined) this.#teller.tell(inner, out, receivedMs)
    else if (!this.#tellError(out)) out.reject('DECODE_UNKNOWN', 'No line of an access log.')
  }

  #read(text: string): Request | undefined {
    if (this.#server === 's3-access') return readS3Line(text, this.#time)
    return text.startsWith('{')
      ? readAccessObject(text, this.#time)
      : readAccessLine(text, this.#time)
  }

  #tellError(out: DecodeSink): boolean {
    return this.#server !== 's3-access' && tellServerError(this.#frame, out)
  }

  takeChanges(): readonly StateChange[] {
    return this.#teller.takeChanges()
  }

  restore(entries: Iterable<readonly [string, string]>): void {
    this.#teller.restore(entries)
  }

  stats(): Readonly<Record<string, number>> {
    return this.#teller.stats()
  }
}

/** `21/Nov/2026:22:10:00 +0000`. */
function stampReader(): TimeRule['read'] {
  const read = timeReader('d/MMM/yyyy:HH:mm:ss Z', utc)
  return typeof read === 'string' ? () => undefined : read
}

export const accessOptions: EcsDoc & Record<string, string> = {
  pattern: 'RE2 with (?P<model>…), (?P<version>…), (?P<device>…), (?P<image>…): paths of firmware.',
  window: 'Seconds within which ranges of one artifact by one client are one download; 3600.',
}

function accessSpec(name: Server, summary: string): DecoderSpec {
  return {
    name,
    summary,
    options: accessOptions,
    check: ({ pattern, window }) =>
      window === undefined || (Number.isFinite(Number(window)) && Number(window) >= 0)
        ? patternFault(pattern)
        : 'window must be a number of seconds',
    create: (options = {}) => new WebAccessDecoder(name, options),
  }
}

export const nginx = accessSpec(
  'nginx',
  'nginx: access log (combined, common, JSON) and error log.',
)
export const apache = accessSpec('apache', 'Apache httpd: access log (common, combined, JSON).')
export const s3Access = accessSpec('s3-access', 'Amazon S3 server access logs.')
