import type { Clock } from '../base/clock.ts'
import type { Logger } from '../base/log.ts'
import { formatProblem } from '../base/problems.ts'
import { readTls, type TlsFiles, type TlsMaterial, tlsStamp } from './tls.ts'

const LOOK_EVERY_MS = 5_000
const DAY_MS = 86_400_000
const WARN_DAYS = 14

/** Takes up changed files; unusable ones change nothing and say why. Returns how to end it. */
export function watchTls(
  options: {
    readonly files: TlsFiles
    /** `tlsStamp` of the files before they were read for what is in use. */
    readonly since: string
    readonly clock: Clock
    readonly log: Logger
    readonly everyMs?: number
  },
  replace: (tls: TlsMaterial) => void,
): () => Promise<void> {
  const { files, clock, log } = options
  let known = options.since
  let isFirst = true
  let looking: Promise<void> | undefined
  const look = async (): Promise<void> => {
    const stamp = await tlsStamp(files)
    const isNew = stamp !== known
    if (!isNew && !isFirst) return
    isFirst = false
    known = stamp
    const read = await readTls(files, clock.now())
    if (!read.ok) {
      log.error({ problem: formatProblem(read.problem) }, 'The certificate stays as it was.')
      return
    }
    const days = Math.floor((read.value.expiresMs - clock.now()) / DAY_MS)
    if (days < WARN_DAYS) log.warn({ days }, 'The certificate expires soon.')
    if (!isNew) return
    replace(read.value)
    log.info({ days }, 'A new certificate is in use.')
  }
  const start = (): void => {
    looking ??= look().finally(() => {
      looking = undefined
    })
  }
  start()
  const timer = setInterval(start, options.everyMs ?? LOOK_EVERY_MS)
  return async () => {
    clearInterval(timer)
    await looking
  }
}
