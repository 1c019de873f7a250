import { told, type Told } from '../network/told.ts'

/** `NAME startup succeeded` of Red Hat's init scripts; systemd writes `Started NAME.` to its own tag. */
const INIT = /^([\w.-]{1,60}) (startup|shutdown) (succeeded|failed)$/
/** Of the older ones: `Starting pcmcia:  succeeded`, `sdpd v1.5 started`, `Version 1.0.6 Starting`. */
const TURN = new RegExp(
  String.raw`^(?:[\w ./-]{1,100}: {1,3}(?:succeeded|failed)` +
    String.raw`|(?:[\w.-]{1,60} ){0,3}(?:v|ver(?:sion)? )[\d.]{1,20} start(?:ed|ing))$`,
  'i',
)
const SYSLOGD = /^syslogd [\d.]{1,20}(?:#[\w.]{1,20})?: restart(?: \(.{0,60}\))?\.?$/
const ALERT = /^ALERT exited abnormally with \[\d{1,5}\]$/
const KERNEL = /^(?:\[ *[\d.]{1,20}\] )?Linux version \d[^ ]{0,80} /
/** login of util-linux tags itself ` -- NAME[PID]`. */
const CONSOLE = /^-- (\w{1,32})\[\d{1,10}\]: (?:ROOT )?LOGIN ON tty[\w/]{1,20}(?: BY \w{1,32})?$/
const DISPLAY = /^Couldn't authenticate user$/

/** Starts, stops and failures of servers, the start of the machine, logins at its own console. */
export function lifeLine(program: string | undefined, whole: string): Told | undefined {
  if (whole.length > 500) return undefined
  const message = whole.trimEnd()
  const init = INIT.exec(message)
  if (init !== null) {
    const [, name, turn, end] = init
    const starts = turn === 'startup'
    return told(
      starts ? 'service-start' : 'service-stop',
      ['process'],
      [starts ? 'start' : 'end'],
      end === 'failed' ? 'failure' : 'success',
      `service-${turn}`,
      { event: { reason: message }, service: { name } },
    )
  }
  const event = { reason: message }
  if (TURN.test(message)) {
    const failed = message.endsWith('failed')
    const outcome = failed ? 'failure' : 'success'
    return told('service-start', ['process'], ['start'], outcome, 'service-startup', { event })
  }
  if (SYSLOGD.test(message)) {
    const service = { name: 'syslogd' }
    return told('service-start', ['process'], ['start'], 'success', 'restart', { event, service })
  }
  if (ALERT.test(message)) {
    return told('service-error', ['process'], ['error'], 'failure', 'exited', { event })
  }
  if (program === 'kernel' && KERNEL.test(message)) {
    return told('device-boot', ['host'], ['start'], 'success', 'kernel', { event })
  }
  const [, name] = CONSOLE.exec(message) ?? []
  if (program === undefined && name !== undefined) {
    const user = { name }
    return told('user-login', ['authentication'], ['start'], 'success', 'console', { event, user })
  }
  if (program?.startsWith('gdm') === true && DISPLAY.test(message)) {
    return told('user-login', ['authentication'], ['start'], 'failure', 'display', { event })
  }
  return undefined
}
