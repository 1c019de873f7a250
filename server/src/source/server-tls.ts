import { resolve } from 'node:path'
import type { Server, TlsOptions } from 'node:tls'
import { z } from 'zod'
import { ProblemError } from '../base/problems.ts'
import { readTls, serverTls, type TlsFiles, tlsStamp } from '../vault/tls.ts'
import { watchTls } from '../vault/tls-watch.ts'
import type { SourceDeps } from './define.ts'

const path = z.string().min(1).max(4_096)

/** What a listener over TLS takes. */
export const serverTlsShape = {
  cert_file: path.describe('Certificate chain, PEM; changed files are taken up without a restart.'),
  key_file: path.describe('Private key, PEM.'),
  client_ca_file: path
    .optional()
    .describe('Authorities; with it every sender must show a certificate of one.'),
}

/** Of a source that listens: the word without which it takes nothing openly from other machines. */
export const plaintextOption = () =>
  z
    .boolean()
    .default(false)
    .describe(
      'Allow an address that other machines reach without TLS. What is sent travels openly, tokens too.',
    )

export interface ServerTlsFiles {
  readonly cert_file: string
  readonly key_file: string
  readonly client_ca_file?: string | undefined
}

export interface ServerTls {
  readonly options: TlsOptions
  /** Gives the server new certificates when the files change. Returns how to end that. */
  watch(server: Server): () => Promise<void>
}

/** Reads the files of a listener; relative paths start at `baseDir`. Rejects with ProblemError TLS_FILE. */
export async function openServerTls(
  tls: ServerTlsFiles,
  deps: Pick<SourceDeps, 'baseDir' | 'clock' | 'log' | 'tlsLookMs'>,
): Promise<ServerTls> {
  const { baseDir, clock, log, tlsLookMs } = deps
  const files: TlsFiles = {
    certFile: resolve(baseDir, tls.cert_file),
    keyFile: resolve(baseDir, tls.key_file),
    ...(tls.client_ca_file !== undefined && { clientCaFile: resolve(baseDir, tls.client_ca_file) }),
  }
  const since = await tlsStamp(files)
  const read = await readTls(files, clock.now())
  if (!read.ok) throw new ProblemError(read.problem)
  const every = tlsLookMs === undefined ? {} : { everyMs: tlsLookMs }
  return {
    options: serverTls(read.value),
    watch: (server) =>
      watchTls({ files, since, clock, log, ...every }, (next) =>
        server.setSecureContext(serverTls(next)),
      ),
  }
}
