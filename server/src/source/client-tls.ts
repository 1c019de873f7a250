import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { z } from 'zod'

const path = z.string().min(1).max(4_096)

const clientTls = z.strictObject({
  ca_file: path.optional().describe("Authorities to trust, PEM; else the system's."),
  cert_file: path.optional().describe('Client certificate, PEM.'),
  key_file: path.optional().describe('Its private key, PEM.'),
})

/** `tls` of a source that connects to a broker. */
export const clientTlsOption = (help: string) => clientTls.optional().describe(help)

/** The files of `tls`, read; relative paths start at `baseDir`. Rejects where one cannot be read. */
export async function readClientTls(
  tls: z.output<typeof clientTls> | undefined,
  baseDir: string,
): Promise<{ ca?: Buffer; cert?: Buffer; key?: Buffer }> {
  const at = (file: string): Promise<Buffer> => readFile(resolve(baseDir, file))
  return {
    ...(tls?.ca_file === undefined ? {} : { ca: await at(tls.ca_file) }),
    ...(tls?.cert_file === undefined ? {} : { cert: await at(tls.cert_file) }),
    ...(tls?.key_file === undefined ? {} : { key: await at(tls.key_file) }),
  }
}
