/**
 * The source `syslog` with a real syslog-ng over UDP, TCP and TLS. Its Debian package cannot stand
 * beside rsyslog's, so `PICKET_SYSLOG_NG` may name a folder that the package was unpacked into.
 */
import { execFileSync, spawn } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { appendFile, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { MetricsRegistry } from '../../src/base/metrics.ts'
import { createSource, sourceKinds } from '../../src/source/registry.ts'
import { testDeps } from '../../src/source/testing/file-world.ts'
import { freePort } from '../../src/source/testing/free-port.ts'
import { RecordSink, until } from '../../src/source/testing/record-sink.ts'

const ROOT = process.env['PICKET_SYSLOG_NG'] ?? ''
const BINARY = join(ROOT, '/usr/sbin/syslog-ng')
const isHere = existsSync(BINARY)
const mustRun = process.env['REQUIRE_SERVICES'] === '1'

if (!isHere) {
  test.skipIf(!mustRun)(
    'syslog-ng is not here (tools/unpack-syslog-ng.sh; PICKET_SYSLOG_NG)',
    () => {
      expect(isHere).toBe(true)
    },
  )
}

describe.skipIf(!isHere)('syslog-ng sends', () => {
  const undo: (() => Promise<unknown>)[] = []
  afterEach(async () => {
    for (const step of undo.splice(0).reverse()) await step()
  })

  async function makeFolder(): Promise<string> {
    const folder = await mkdtemp(join(tmpdir(), 'picket-syslog-ng-'))
    undo.push(() => rm(folder, { recursive: true, force: true }))
    return folder
  }

  async function listen(folder: string, sink: RecordSink, given: object): Promise<void> {
    const options = sourceKinds.syslog.options.parse(given)
    const deps = testDeps(folder, { now: () => Date.now() }, new MetricsRegistry())
    const source = createSource('syslog', options, deps)
    undo.push(() => source.stop())
    await source.start(sink)
  }

  /** Follows `in.log` and sends its lines to `destination`. */
  async function sender(
    folder: string,
    destination: string,
  ): Promise<(text: string) => Promise<void>> {
    const input = join(folder, 'in.log')
    await writeFile(input, '')
    const libraries = join(ROOT, '/usr/lib/syslog-ng')
    const version = readdirSync(libraries).find((name) => /^\d+\.\d+$/.test(name)) ?? '3.38'
    const conf = [
      `@version: ${version}`,
      'options { flush-lines(1); time-reopen(1); };',
      `source s { file("${input}" follow-freq(0.2) flags(no-parse) program-override("unit")); };`,
      `destination d { ${destination} };`,
      'log { source(s); destination(d); };',
    ]
    const file = join(folder, 'syslog-ng.conf')
    await writeFile(file, `${conf.join('\n')}\n`)
    const words = [
      ...['-F', '--no-caps', '-f', file, '-R', join(folder, 'persist'), '-p', join(folder, 'pid')],
      ...['-c', join(folder, 'ctl'), '--module-path', join(libraries, version)],
    ]
    const found = ['x86_64', 'aarch64'].flatMap((one) =>
      ['/usr/lib', '/lib'].map((folder) => join(ROOT, folder, `${one}-linux-gnu`)),
    )
    const LD_LIBRARY_PATH = [libraries, ...found].join(':')
    const env = ROOT === '' ? process.env : { ...process.env, LD_LIBRARY_PATH }
    const child = spawn(BINARY, words, { stdio: 'ignore', env })
    undo.push(async () => {
      if (child.exitCode !== null) return
      const gone = new Promise((resolve) => child.once('exit', resolve))
      child.kill('SIGKILL')
      await gone
    })
    return (text) => appendFile(input, text)
  }

  const names = Array.from({ length: 500 }, (_, at) => `m${at}`)
  const lines = names.map((name) => `${name}\n`).join('')
  /** The messages behind the headers, in the order they came. */
  const messages = (sink: RecordSink): string[] =>
    sink.texts.flatMap((text) => /^<\d+>.*\bunit\b.*?\b(m\d+)$/.exec(text)?.[1] ?? [])

  test.each([
    ['RFC 5424 over UDP', 'syslog', 'udp'],
    ['RFC 5424 over TCP, octets counted', 'syslog', 'tcp'],
    ['RFC 3164 over TCP, by line', 'network', 'tcp'],
    ['RFC 3164 over UDP', 'network', 'udp'],
  ])('%s, exactly, in order', async (_, driver, transport) => {
    const folder = await makeFolder()
    const sink = new RecordSink()
    const port = await freePort()
    await listen(folder, sink, { listen: `127.0.0.1:${port}` })
    const to = `${driver}("127.0.0.1" port(${port}) transport("${transport}"));`
    const send = await sender(folder, to)
    await send(lines)
    await until('all came', () => messages(sink).length >= 500)
    expect(messages(sink)).toEqual(names)
  })

  test('over TLS, with a certificate of its own', async () => {
    const folder = await makeFolder()
    const sink = new RecordSink()
    const port = await freePort()
    const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')]
    const subject = '-subj /CN=localhost -addext subjectAltName=IP:127.0.0.1'
    const words = `req -x509 -newkey rsa:2048 -nodes -days 2 ${subject} -out ${cert} -keyout ${key}`
    execFileSync('openssl', words.split(' '), { stdio: 'ignore' })
    const files = { cert_file: cert, key_file: key, client_ca_file: cert }
    const tls = { listen: `127.0.0.1:${port}`, ...files }
    await listen(folder, sink, { listen: `127.0.0.1:${await freePort()}`, tls })
    const own = `tls(ca-file("${cert}") cert-file("${cert}") key-file("${key}") peer-verify(required-trusted))`
    const send = await sender(folder, `syslog("localhost" port(${port}) transport("tls") ${own});`)
    await send(lines)
    await until('all came', () => messages(sink).length >= 500)
    expect(messages(sink)).toEqual(names)
    expect(sink.items[0]?.facts).toMatchObject({ transport: 'tls', peer_name: 'localhost' })
  })
})
