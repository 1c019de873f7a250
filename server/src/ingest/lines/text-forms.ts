import { RE2JS } from 're2js'
import type { LineForm, LineVerdict, OpenLines } from './form.ts'

/** So much of a line is judged. */
const JUDGED_MAX = 4_096

/** White space, or a tab as rsyslog and others write it. */
const INDENTED = /^(?:[ \t]|#011)/

/** A line that begins with white space belongs to the one before. */
export const indentedForm: LineForm = byLine((line) => INDENTED.test(line))

/** Lines that match begin a record; all others belong to the one before. */
export function startForm(pattern: string): LineForm {
  const compiled = RE2JS.compile(pattern)
  return byLine((line) => !compiled.test(line.slice(0, JUDGED_MAX)))
}

/** A line that begins so begins a record; any other belongs to it, but for a JSON object. */
export function headedForm(head: string): LineForm {
  const isPart = (line: string): boolean => !line.startsWith(head) && line.charCodeAt(0) !== 123
  const open: OpenLines = { take: (line) => (isPart(line) ? 'part' : 'none') }
  return { hasEnd: false, begin: (line) => (line.startsWith(head) ? open : undefined) }
}

/** Lines that match belong to the one before. */
export function continuesForm(pattern: string): LineForm {
  const compiled = RE2JS.compile(pattern)
  return byLine((line) => compiled.test(line.slice(0, JUDGED_MAX)))
}

/** The stack traces of Java, Python, Go, .NET, JavaScript, Ruby and Rust, with the line that tells of them. */
export const traceForm: LineForm = { hasEnd: false, begin: (line) => new OpenTrace(line) }

function byLine(isPart: (line: string) => boolean): LineForm {
  const open: OpenLines = { take: (line) => (isPart(line) ? 'part' : 'none') }
  return { hasEnd: false, begin: () => open }
}

/** What stands at the left edge in the middle of a trace. */
const AT_EDGE = new RegExp(
  '^(?:Caused by: |Suppressed: |Wrapped by: |\\.\\.\\. \\d+ (?:more|common frames omitted)|' +
    'Traceback \\(most recent call last\\):|During handling of the above exception|' +
    'The above exception was the direct cause|goroutine \\d+ |created by |\\[signal |' +
    'stack backtrace:|note: run with|--- End of |---> )',
)
const OPENS = new RegExp(
  '^(?:Traceback \\(|goroutine \\d+ |panic: |fatal error: |stack backtrace:|' +
    "thread '.{0,200}' panicked)",
)
/** `java.lang.IllegalStateException: text`, `ValueError: text`: a class, then the end or a colon. */
const THROWN = new RegExp(
  String.raw`^(?:(?:[A-Za-z_$][\w$]{0,99}[.:]{1,2}){1,20}[\w$]{0,99}|[A-Za-z_$][\w$]{0,99})` +
    '(?:Error|Exception|Throwable|Failure|Interrupt|Exit)(?:: |:?$)',
)
/** `main.(*Server).Serve(0xc000, 0x1)` */
const GO_CALL = /^[\w./*()[\]{}%-]{1,300}\(.*\)$/

class OpenTrace implements OpenLines {
  /** A trace has begun, so that empty lines and calls at the left edge are of it. */
  #began: boolean
  #wasThrown: boolean

  constructor(line: string) {
    this.#began = OPENS.test(line)
    this.#wasThrown = THROWN.test(line)
  }

  take(line: string): LineVerdict {
    const judged = line.slice(0, JUDGED_MAX)
    if (judged.trim() === '') return this.#began ? 'part' : 'none'
    const isFrame = INDENTED.test(judged)
    const isThrown = !isFrame && !this.#wasThrown && THROWN.test(judged)
    const isPart =
      isFrame || isThrown || AT_EDGE.test(judged) || (this.#began && GO_CALL.test(judged))
    if (!isPart) return 'none'
    this.#wasThrown = isThrown
    this.#began ||= !isThrown
    return 'part'
  }
}
