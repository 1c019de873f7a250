import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TLSSocket } from 'node:tls'
import { afterAll, describe, expect, test } from 'vitest'
import { readTls, serverTls, type TlsFiles, tlsStamp } from '../vault/tls.ts'
import { makeWorld } from './testing/world.ts'

const folder = mkdtempSync(join(tmpdir(), 'picket-tls-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const hasOpenssl = spawnSync('openssl', ['version']).status === 0
const required = process.env['REQUIRE_SERVICES'] === '1'
const why = hasOpenssl ? '' : ' (skipped: no openssl to make certificates with)'

function makeCertificate(name: string, days = 2): TlsFiles {
  const certFile = join(folder, `${name}.crt`)
  const keyFile = join(folder, `${name}.key`)
  const made = spawnSync('openssl', [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'],
    ...['-keyout', keyFile, '-out', certFile, '-days', String(days), '-subj', `/CN=${name}`],
  ])
  if (made.status !== 0) throw new Error(String(made.stderr))
  return { certFile, keyFile }
}

const now = Date.now()
async function material(files: TlsFiles) {
  const read = await readTls(files, now)
  if (!read.ok) throw new Error(read.problem.message)
  return read.value
}

/** Status, protocol and name of the server's certificate; the error's code where none comes. */
function ask(url: string, options: object = {}): Promise<string> {
  return new Promise((resolve) => {
    const given = { rejectUnauthorized: false, agent: false, ...options }
    const sent = request(`${url}/healthz`, given, (answer) => {
      const socket = answer.socket as TLSSocket
      const name = String(socket.getPeerCertificate().subject.CN)
      resolve(`${answer.statusCode} ${socket.getProtocol()} ${name}`)
      answer.resume()
    })
    sent.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
    sent.end()
  })
}

describe.skipIf(!hasOpenssl && !required)(`the listener with TLS${why}`, () => {
  test('speaks 1.3 and 1.2 and nothing older, and takes up a new certificate', async () => {
    const world = await makeWorld({ tls: await material(makeCertificate('first')) })
    const url = await world.api.listen({ host: '127.0.0.1', port: 0 })
    expect(url).toMatch(/^https:/)
    expect(await ask(url)).toBe('200 TLSv1.3 first')
    expect(await ask(url, { maxVersion: 'TLSv1.2' })).toBe('200 TLSv1.2 first')
    // OpenSSL refuses older ones by itself as a rule; what is asked of it does not lean on that.
    expect(serverTls(await material(makeCertificate('any')))).toMatchObject({
      minVersion: 'TLSv1.2',
    })
    const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' }
    expect(await ask(url, old)).toMatch(/^(ERR_SSL|EPROTO|ECONNRESET)/)
    world.api.replaceTls(await material(makeCertificate('second')))
    expect(await ask(url)).toBe('200 TLSv1.3 second')
    await world.close()
  })

  test('with authorities named, lets in only who shows a certificate of one', async () => {
    const client = makeCertificate('client')
    const other = makeCertificate('other')
    const files = { ...makeCertificate('server'), clientCaFile: client.certFile }
    const world = await makeWorld({ tls: await material(files) })
    const url = await world.api.listen({ host: '127.0.0.1', port: 0 })
    const shown = await material(client)
    expect(await ask(url, { cert: shown.cert, key: shown.key })).toBe('200 TLSv1.3 server')
    expect(await ask(url)).toMatch(/ERR_SSL|ECONNRESET|EPROTO/)
    const wrong = await material(other)
    expect(await ask(url, { cert: wrong.cert, key: wrong.key })).toMatch(
      /ERR_SSL|ECONNRESET|EPROTO/,
    )
    await world.close()
  })

  test('files that cannot be used are named, and none of their text', async () => {
    const good = makeCertificate('good')
    const stranger = makeCertificate('stranger')
    const broken = join(folder, 'broken.pem')
    writeFileSync(broken, 'hunter2')
    const cases: readonly [TlsFiles, number, RegExp][] = [
      [{ ...good, keyFile: stranger.keyFile }, now, /not that of the certificate/],
      [{ ...good, certFile: broken }, now, /PEM/],
      [{ ...good, clientCaFile: broken }, now, /PEM/],
      [{ ...good, keyFile: join(folder, 'none') }, now, /ENOENT/],
      [good, now + 3 * 86_400_000, /expired/],
    ]
    for (const [files, at, message] of cases) {
      const read = await readTls(files, at)
      expect(read).toMatchObject({ ok: false, problem: { code: 'TLS_FILE' } })
      expect(read.ok ? '' : read.problem.message).toMatch(message)
      expect(JSON.stringify(read)).not.toContain('hunter2')
    }
    const before = await tlsStamp(good)
    expect(await tlsStamp(good)).toBe(before)
    writeFileSync(good.keyFile, 'x')
    expect(await tlsStamp(good)).not.toBe(before)
  })
})

test('an address that others reach needs TLS, or to be said in as many words', async () => {
  const world = await makeWorld()
  const everywhere = { host: '0.0.0.0', port: 0 }
  await expect(world.api.listen(everywhere)).rejects.toMatchObject({
    problem: { code: 'TLS_REQUIRED' },
  })
  expect(await world.api.listen({ ...everywhere, plaintext: true })).toMatch(/^http:/)
  await world.close()
})
