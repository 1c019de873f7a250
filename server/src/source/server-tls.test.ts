/** Every listener over TLS: versions, certificates of senders, new files taken up while running. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createHash } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect, type ConnectionOptions } from 'node:tls'
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import { MetricsRegistry } from '../base/metrics.ts'
import type { Source } from '../model/source.ts'
import { createSource, type SourceKind, type SourceOptions, sourceKinds } from './registry.ts'
import { testDeps } from './testing/file-world.ts'
import { freePort } from './testing/free-port.ts'
import { makeCertificate } from './testing/make-certificate.ts'
import { RecordSink } from './testing/record-sink.ts'

const NOW = Date.now()
const DAY_MS = 86_400_000
const clock = { now: () => NOW }
const folder = mkdtempSync(join(tmpdir(), 'picket-source-tls-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const started: Source[] = []
afterEach(async () => {
  for (const source of started.splice(0)) await source.stop()
})

/** A certificate with its key, as files of this name. */
function put(name: string): { readonly cert: string; readonly key: string } {
  const { pem, key } = makeCertificate(NOW - DAY_MS, NOW + DAY_MS)
  const made = { cert: pem, key: key.export({ type: 'pkcs8', format: 'pem' }) as string }
  writeFileSync(join(folder, `${name}.crt`), made.cert)
  writeFileSync(join(folder, `${name}.key`), made.key)
  return made
}
const fingerprintOf = ({ cert }: { readonly cert: string }): string =>
  createHash('sha1')
    .update(Buffer.from(cert.replace(/-----.*-----|\s/g, ''), 'base64'))
    .digest('hex')

const LISTENERS: readonly (readonly [string, SourceKind, (port: number, tls: object) => object])[] =
  [
    ...(['hec', 'http', 'elastic', 'firehose', 'otlp'] as const).map(
      (kind) =>
        [
          kind,
          kind,
          (port: number, tls: object) => ({ listen: `127.0.0.1:${port}`, tls }),
        ] as const,
    ),
    [
      'syslog',
      'syslog',
      (port, tls) => ({ transports: [], tls: { listen: `127.0.0.1:${port}`, ...tls } }),
    ],
    [
      'relp',
      'syslog',
      (port, tls) => ({ transports: [], relp: { listen: `127.0.0.1:${port}`, ...tls } }),
    ],
  ]

async function begin(
  kind: SourceKind,
  given: object,
): Promise<{ readonly metrics: MetricsRegistry; readonly source: Source }> {
  const metrics = new MetricsRegistry()
  const deps = { ...testDeps(folder, clock, metrics), tlsLookMs: 5 }
  const options = sourceKinds[kind].options.parse(given) as SourceOptions<typeof kind>
  const source = createSource(kind, options, deps)
  started.push(source)
  await source.start(new RecordSink())
  return { metrics, source }
}

/** Protocol and fingerprint of the server's certificate; `refused` where it does not come to that. */
function shake(port: number, given: ConnectionOptions = {}): Promise<string> {
  return new Promise((resolve) => {
    const options = { port, host: '127.0.0.1', rejectUnauthorized: false, ...given }
    const socket = connect(options, () => {
      const { fingerprint } = socket.getPeerCertificate()
      const seen = `${socket.getProtocol()} ${fingerprint.replaceAll(':', '').toLowerCase()}`
      // In TLS 1.3 a server refuses a certificate only after the client is through.
      socket.once('data', () => resolve(seen)).once('end', () => resolve(seen))
      socket.write('GET / HTTP/1.0\n\n')
      if (given.cert === undefined) resolve(seen)
    })
    socket.on('error', () => resolve('refused'))
    socket.on('close', () => resolve('refused'))
  })
}

describe.each(LISTENERS)('%s over TLS', (name, kind, optionsOf) => {
  test('speaks 1.3 and 1.2, nothing older, and takes up new files; broken ones change nothing', async () => {
    const port = await freePort()
    const first = put(name)
    await begin(kind, optionsOf(port, { cert_file: `${name}.crt`, key_file: `${name}.key` }))
    expect(await shake(port)).toBe(`TLSv1.3 ${fingerprintOf(first)}`)
    expect(await shake(port, { maxVersion: 'TLSv1.2' })).toBe(`TLSv1.2 ${fingerprintOf(first)}`)
    const ciphers = 'DEFAULT@SECLEVEL=0'
    expect(await shake(port, { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers })).toBe(
      'refused',
    )
    const second = put(name)
    await expect
      .poll(() => shake(port), { timeout: 15_000 })
      .toBe(`TLSv1.3 ${fingerprintOf(second)}`)
    writeFileSync(join(folder, `${name}.key`), 'no key')
    // It is looked at every 5 ms.
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(await shake(port)).toBe(`TLSv1.3 ${fingerprintOf(second)}`)
  })

  test('with authorities named, hears only who shows a certificate of one', async () => {
    const port = await freePort()
    put(name)
    const [known, stranger] = [put('known'), put('stranger')]
    const files = { cert_file: `${name}.crt`, key_file: `${name}.key`, client_ca_file: 'known.crt' }
    const { metrics } = await begin(kind, optionsOf(port, files))
    const refused = (): number =>
      metrics.value('picket_source_errors_total', { source: 'test', reason: 'tls_handshake' }) ?? 0
    for (const [at, who] of [stranger, undefined].entries()) {
      void shake(port, who ?? {})
      await expect.poll(refused, { timeout: 15_000 }).toBe(at + 1)
    }
    const heard = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ...known })
    heard.on('error', () => undefined)
    await new Promise<void>((resolve) => heard.once('secureConnect', resolve))
    heard.write('GET / HTTP/1.0\n\n')
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(refused()).toBe(2)
    heard.destroy()
  })

  test('does not start with files that cannot be used', async () => {
    const port = await freePort()
    writeFileSync(join(folder, 'broken.pem'), 'hunter2')
    const files = { cert_file: 'broken.pem', key_file: 'broken.pem' }
    const starting = begin(kind, optionsOf(port, files))
    await expect(starting).rejects.toMatchObject({ problem: { code: 'TLS_FILE' } })
  })
})
