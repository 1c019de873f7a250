import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import type { TlsOptions } from 'node:tls'
import type { Problem } from '../base/problems.ts'
import { fail, ok, type Result } from '../base/result.ts'

export interface TlsFiles {
  /** Certificate chain, PEM, the server's own first. */
  readonly certFile: string
  readonly keyFile: string
  /** With it every client must show a certificate of one of these authorities. */
  readonly clientCaFile?: string
}

/** What a TLS listener is made with. Never logged. */
export interface TlsMaterial {
  readonly cert: string
  readonly key: string
  readonly clientCa?: string
  /** ms since the epoch. */
  readonly expiresMs: number
}

const FILE_BYTES_MAX = 1024 * 1024

/** Reads and checks: key and certificate belong together, and are in date. TLS_FILE else. */
export async function readTls(files: TlsFiles, nowMs: number): Promise<Result<TlsMaterial>> {
  const cert = await readPem(files.certFile)
  if (!cert.ok) return cert
  const key = await readPem(files.keyFile)
  if (!key.ok) return key
  const ca = files.clientCaFile === undefined ? undefined : await readPem(files.clientCaFile)
  if (ca !== undefined && !ca.ok) return ca
  try {
    const own = new X509Certificate(cert.value)
    if (!own.checkPrivateKey(createPrivateKey(key.value))) {
      return fail(wrong(files.keyFile, 'The key is not that of the certificate.'))
    }
    if (ca !== undefined) void new X509Certificate(ca.value)
    const expiresMs = Date.parse(own.validTo)
    if (!(expiresMs > nowMs)) return fail(wrong(files.certFile, `It expired on ${own.validTo}.`))
    const clientCa = ca === undefined ? {} : { clientCa: ca.value }
    return ok({ cert: cert.value, key: key.value, expiresMs, ...clientCa })
  } catch {
    // The library's words may quote what stands in the file.
    return fail(wrong(files.certFile, 'Certificate, key or authorities are not in PEM.'))
  }
}

/** TLS 1.2 is the least (RFC 9325, 3.1); 1.3 is spoken wherever the other side can. */
export function serverTls({ cert, key, clientCa }: TlsMaterial): TlsOptions {
  const client = { ca: clientCa ?? '', requestCert: true, rejectUnauthorized: true }
  return { cert, key, minVersion: 'TLSv1.2', ...(clientCa !== undefined && client) }
}

/** Changes when one of the files does; a file that is away counts as changed too. */
export async function tlsStamp(files: TlsFiles): Promise<string> {
  const paths = [files.certFile, files.keyFile, files.clientCaFile ?? '']
  const stamps = paths.map(async (path) => {
    const found = path === '' ? undefined : await stat(path).catch(() => undefined)
    return found === undefined ? '-' : `${found.ino}.${found.size}.${found.mtimeMs}`
  })
  return (await Promise.all(stamps)).join(' ')
}

async function readPem(path: string): Promise<Result<string>> {
  try {
    const { size } = await stat(path)
    if (size > FILE_BYTES_MAX) return fail(wrong(path, 'The file is too large.'))
    return ok(await readFile(path, 'utf8'))
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown error'
    return fail(wrong(path, `It cannot be read: ${code}.`))
  }
}

function wrong(file: string, message: string): Problem {
  return { code: 'TLS_FILE', message, at: { file } }
}
