import type { Clock } from '../base/clock.ts'
import type { Logger } from '../base/log.ts'
import { formatProblem, ProblemError } from '../base/problems.ts'
import type { Config } from '../config/schema.ts'
import { readTls, type TlsFiles, type TlsMaterial, tlsStamp } from '../vault/tls.ts'

const LOOK_EVERY_MS = 5_000
const DAY_MS = 86_400_000
const WARN_DAYS = 14

/** What the API's listener is made with; undefined without TLS. Rejects with ProblemError TLS_FILE. */
export async function apiTls(options: {
  readonly config: Config
  readonly clock: Clock
}): Promise<{ readonly files: TlsFiles; readonly material: TlsMaterial } | undefined> {
  const { tls } = options.config.api
  if (tls === undefined) return undefined
  const files = {
    certFile: tls.cert_file,
    keyFile: tls.key_file,
    ...(tls.client_ca_file !== undefined && { clientCaFile: tls.client_ca_file }),
  }
  const read = await readTls(files, options.clock.now())
  if (!read.ok) throw new ProblemError(read.problem)
  return { files, material: read.value }
}

/** Takes up changed files; unusable ones change nothing and say why. Returns how to end it. */
export function watchTls(
  options: {
    readonly files: TlsFiles
    readonly clock: Clock
    readonly log: Logger
    readonly everyMs?: number
  },
  replace: (tls: TlsMaterial) => void,
): () => Promise<void> {
  const { files, clock, log } = options
  let known: string | undefined
  let looking: Promise<void> | undefined
  const look = async (): Promise<void> => {
    const stamp = await tlsStamp(files)
    const first = known === undefined
    if (stamp === known) return
    known = stamp
    const read = await readTls(files, clock.now())
    if (!read.ok) {
      log.error({ problem: formatProblem(read.problem) }, 'The certificate stays as it was.')
      return
    }
    const days = Math.floor((read.value.expiresMs - clock.now()) / DAY_MS)
    if (days < WARN_DAYS) log.warn({ days }, 'The certificate expires soon.')
    if (first) return
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
