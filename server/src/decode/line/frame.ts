import { unwrapJson } from './json-wrapper.ts'
import { type StampOptions, StampReader } from './stamp.ts'
import { composePrefixEnd, criEnd, syslogEnd, taggedHeader } from './wrapper.ts'

const WRAPPERS_MAX = 6

/**
 * Takes the wrappings off one line of a program's log: Docker's JSON files and `logs -t`, Compose's
 * `name | `, Kubernetes' CRI format, syslog (RFC 3164, RFC 5424), journald in its short, ISO and
 * JSON forms, terminal colours; then the program's own time stamp. One instance reads line after
 * line; its fields tell of the last one.
 *
 * Of several times the best is kept: an epoch stamp, then one with a zone, then local time in the
 * configured zone, then one without a year.
 */
export class Frame {
  /** What the program said. */
  message = ''
  /** When, in ms since the epoch; undefined where nothing told. */
  timeMs: number | undefined
  /** The time has no fraction of a second. */
  wholeSeconds = false
  host: string | undefined
  /** The tag of a syslog header. */
  program: string | undefined
  /** The message had a time stamp of its own, as programs write it: followed by a colon. */
  stamped = false
  readonly #stamp: StampReader
  #rank = 0
  #priority = false

  constructor(options: StampOptions) {
    this.#stamp = new StampReader(options)
  }

  read(input: string, receivedMs: number): void {
    let text = input
    let at = 0
    this.timeMs = undefined
    this.wholeSeconds = false
    this.host = undefined
    this.program = undefined
    this.stamped = false
    this.#rank = 0
    this.#priority = false
    for (let depth = 0; depth < WRAPPERS_MAX; depth++) {
      const code = text.charCodeAt(at)
      if (code === 27) {
        text = withoutColours(text.slice(at))
        at = 0
        continue
      }
      if (code === 123) {
        const inner = unwrapJson(text, at)
        if (inner === undefined) break
        if (inner.timeMs !== undefined) this.#offer(inner.timeMs, 3, false)
        this.host ??= inner.host
        this.program ??= inner.program
        text = inner.message
        at = 0
        continue
      }
      const next = this.#step(text, at, code, receivedMs)
      if (next < 0) {
        at = -1 - next
        break
      }
      if (next === at) break
      at = next
    }
    if (text.includes('\u001b', at)) {
      text = withoutColours(text.slice(at))
      at = 0
    }
    this.message = at === 0 ? text : text.slice(at)
  }

  /** The index after one wrapping; `at` where there is none; -1 - index where the message begins. */
  #step(text: string, at: number, code: number, receivedMs: number): number {
    if (code === 60) {
      const end = syslogEnd(text, at)
      this.#priority ||= end !== at
      return end
    }
    if (code === 91) return this.#bracketed(text, at, receivedMs)
    const stamp = this.#stamp
    if (!stamp.read(text, at, receivedMs)) {
      const end = composePrefixEnd(text, at)
      if (end !== at) this.program ??= text.slice(at, text.indexOf('|', at)).trimEnd()
      return end
    }
    const rank = stamp.epoch ? 4 : stamp.zoned ? 3 : 2
    const mark = text.charCodeAt(stamp.end)
    if (mark === 58 && (text.charCodeAt(stamp.end + 1) === 32 || text.length === stamp.end + 1)) {
      this.#offer(stamp.ms, rank, stamp.whole)
      this.stamped = true
      return -1 - Math.min(stamp.end + 2, text.length)
    }
    if (mark !== 32) return at
    this.#offer(stamp.ms, rank - 1, stamp.whole)
    const behind = stamp.end + 1
    const cri = criEnd(text, behind)
    if (cri !== behind) return cri
    const header = taggedHeader(text, behind, this.#priority || code > 57)
    if (header === undefined) return behind
    this.host = header.host
    this.program = header.program
    return header.end
  }

  /** `[2026-11-21 22:51:22] `, or a name in brackets as `kubectl logs --prefix` has it. */
  #bracketed(text: string, at: number, receivedMs: number): number {
    if (text.startsWith('[pod/', at)) {
      const close = text.indexOf('] ', at)
      return close < 0 || close - at > 300 ? at : close + 2
    }
    if (!this.#stamp.read(text, at + 1, receivedMs)) return at
    const { end, ms, zoned, whole, epoch } = this.#stamp
    if (text.charCodeAt(end) !== 93) return at
    this.#offer(ms, epoch ? 4 : zoned ? 3 : 2, whole)
    let next = end + 1
    if (text.charCodeAt(next) === 58) next += 1
    if (text.charCodeAt(next) === 32) next += 1
    return next
  }

  #offer(ms: number, rank: number, whole: boolean): void {
    if (rank <= this.#rank) return
    this.#rank = rank
    this.timeMs = ms
    this.wholeSeconds = whole
  }
}

/** Without ECMA-48 control sequences (`ESC [ … letter`). */
function withoutColours(text: string): string {
  let clean = ''
  let from = 0
  for (;;) {
    const at = text.indexOf('\u001b', from)
    if (at < 0) return clean + text.slice(from)
    clean += text.slice(from, at)
    from = at + 1
    if (text.charCodeAt(from) !== 91) continue
    from += 1
    while (from < text.length && !isFinal(text.charCodeAt(from))) from += 1
    from += 1
  }
}

const isFinal = (code: number): boolean => code >= 64 && code <= 126
