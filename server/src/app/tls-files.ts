import type { Clock } from '../base/clock.ts'
import { ProblemError } from '../base/problems.ts'
import type { Config } from '../config/schema.ts'
import { readTls, type TlsFiles, type TlsMaterial, tlsStamp } from '../vault/tls.ts'

interface ApiTls {
  readonly files: TlsFiles
  readonly since: string
  readonly material: TlsMaterial
}

/** What the API's listener is made with; undefined without TLS. Rejects with ProblemError TLS_FILE. */
export async function apiTls(options: {
  readonly config: Config
  readonly clock: Clock
}): Promise<ApiTls | undefined> {
  const { tls } = options.config.api
  if (tls === undefined) return undefined
  const files = {
    certFile: tls.cert_file,
    keyFile: tls.key_file,
    ...(tls.client_ca_file !== undefined && { clientCaFile: tls.client_ca_file }),
  }
  const since = await tlsStamp(files)
  const read = await readTls(files, options.clock.now())
  if (!read.ok) throw new ProblemError(read.problem)
  return { files, since, material: read.value }
}
