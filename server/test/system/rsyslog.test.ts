/** The source `syslog` with a real rsyslog: UDP, TCP, TLS, RELP, and a receiver that was away. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { appendFile, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { MetricsRegistry } from '../../src/base/metrics.ts'
import type { Source } from '../../src/model/source.ts'
import { createSource, sourceKinds } from '../../src/source/registry.ts'
import { testDeps } from '../../src/source/testing/file-world.ts'
import { freePort } from '../../src/source/testing/free-port.ts'
import { RecordSink, until } from '../../src/source/testing/record-sink.ts'

const BINARY = '/usr/sbin/rsyslogd'
const DRIVERS = ['x86_64', 'aarch64'].map(
  (machine) => `/usr/lib/${machine}-linux-gnu/rsyslog/lmnsd_gtls.so`,
)
const RELP = DRIVERS.map((path) => path.replace('lmnsd_gtls', 'omrelp'))
const isHere = existsSync(BINARY) && DRIVERS.some((path) => existsSync(path))
const hasRelp = isHere && RELP.some((path) => existsSync(path))
const mustRun = process.env['REQUIRE_SERVICES'] === '1'

if (!isHere) {
  test.skipIf(!mustRun)('rsyslog is not installed (apt-get install rsyslog rsyslog-gnutls)', () => {
    expect(isHere).toBe(true)
  })
}

if (!hasRelp) {
  test.skipIf(!mustRun)('omrelp is not installed (apt-get install rsyslog-relp)', () => {
    expect(hasRelp).toBe(true)
  })
}

describe.skipIf(!isHere)('rsyslog sends', () => {
  const undo: (() => Promise<unknown>)[] = []
  afterEach(async () => {
    for (const step of undo.splice(0).reverse()) await step()
  })

  async function makeFolder(): Promise<string> {
    const folder = await mkdtemp(join(tmpdir(), 'picket-rsyslog-'))
    undo.push(() => rm(folder, { recursive: true, force: true }))
    return folder
  }

  async function listen(folder: string, sink: RecordSink, given: object): Promise<Source> {
    const options = sourceKinds.syslog.options.parse(given)
    const deps = testDeps(folder, { now: () => Date.now() }, new MetricsRegistry())
    const source = createSource('syslog', options, deps)
    undo.push(() => source.stop())
    await source.start(sink)
    return source
  }

  /** Follows `in.log` and sends its lines; `action` is what it sends by. */
  async function sender(
    folder: string,
    action: string,
    type: 'omfwd' | 'omrelp' = 'omfwd',
  ): Promise<(text: string) => Promise<void>> {
    const input = join(folder, 'in.log')
    await writeFile(input, '')
    const conf = join(folder, 'rsyslog.conf')
    const lines = [
      `global(workDirectory="${folder}")`,
      'module(load="imfile" mode="polling" pollingInterval="1")',
      `input(type="imfile" file="${input}" tag="unit:" severity="info" facility="local0")`,
      ...(type === 'omrelp' ? ['module(load="omrelp")'] : []),
      `*.* action(type="${type}" target="127.0.0.1" template="RSYSLOG_SyslogProtocol23Format" ${action})`,
    ]
    await writeFile(conf, `${lines.join('\n')}\n`)
    const child: ChildProcess = spawn(
      BINARY,
      ['-n', '-f', conf, '-i', join(folder, 'rsyslogd.pid')],
      { stdio: 'ignore' },
    )
    undo.push(async () => {
      const gone = new Promise((resolve) => child.once('exit', resolve))
      child.kill('SIGKILL')
      await gone
    })
    return (text) => appendFile(input, text)
  }

  const texts = (from: number, to: number): string[] =>
    Array.from({ length: to - from }, (_, at) => `m${from + at}`)
  const linesOf = (names: readonly string[]): string => names.map((name) => `${name}\n`).join('')
  /** The messages behind the headers, in the order they came; rsyslog's own are left out. */
  const messages = (sink: RecordSink): string[] =>
    sink.texts.flatMap((text) => /^<134>1 .* - (m\d+)$/.exec(text)?.[1] ?? [])

  test.each(['udp', 'tcp'])('over %s, exactly, in order', async (protocol) => {
    const folder = await makeFolder()
    const sink = new RecordSink()
    const port = await freePort()
    await listen(folder, sink, { listen: `127.0.0.1:${port}` })
    const framing = protocol === 'tcp' ? 'TCP_Framing="octet-counted"' : ''
    const send = await sender(folder, `port="${port}" protocol="${protocol}" ${framing}`)
    await send(linesOf(texts(0, 500)))
    await until('all came', () => messages(sink).length >= 500)
    expect(messages(sink)).toEqual(texts(0, 500))
  })

  test('over TLS, exactly, in order', async () => {
    const folder = await makeFolder()
    const sink = new RecordSink()
    const port = await freePort()
    const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')]
    const words = `req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -out ${cert} -keyout ${key}`
    execFileSync('openssl', words.split(' '), { stdio: 'ignore' })
    const tls = { listen: `127.0.0.1:${port}`, cert_file: cert, key_file: key }
    await listen(folder, sink, { listen: `127.0.0.1:${await freePort()}`, tls })
    const stream = `StreamDriver="gtls" StreamDriverMode="1" StreamDriverAuthMode="anon"`
    const send = await sender(
      folder,
      `port="${port}" protocol="tcp" TCP_Framing="octet-counted" ${stream} StreamDriver.CAFile="${cert}"`,
    )
    await send(linesOf(texts(0, 500)))
    await until('all came', () => messages(sink).length >= 500)
    expect(messages(sink)).toEqual(texts(0, 500))
  })

  test('over TCP what it read while the receiver was away, when that is back', async () => {
    const folder = await makeFolder()
    const sink = new RecordSink()
    const port = await freePort()
    const given = { listen: `127.0.0.1:${port}` }
    const queue = 'action.resumeRetryCount="-1" action.resumeInterval="1" queue.type="LinkedList"'
    const send = await sender(folder, `port="${port}" protocol="tcp" ${queue}`)
    await send(linesOf(texts(0, 200)))
    const first = await listen(folder, sink, given)
    await until('the first came', () => messages(sink).length >= 200)
    await first.stop()
    await listen(folder, sink, given)
    // rsyslog notices the closed connection by this one at the latest; it may be lost with it.
    await send('probe\n')
    await until(
      'it is back',
      () => sink.states.filter(({ state }) => state === 'connected').length > 1,
    )
    await send(linesOf(texts(200, 400)))
    await until('the rest came', () => messages(sink).at(-1) === 'm399')
    expect(messages(sink)).toEqual(texts(0, 400))
  })

  test.skipIf(!hasRelp)('over RELP, exactly, in order', async () => {
    const folder = await makeFolder()
    const sink = new RecordSink()
    const port = await freePort()
    await listen(folder, sink, { transports: [], relp: { listen: `127.0.0.1:${port}` } })
    const send = await sender(folder, `port="${port}"`, 'omrelp')
    await send(linesOf(texts(0, 500)))
    await until('all came', () => messages(sink).length >= 500)
    expect(messages(sink)).toEqual(texts(0, 500))
  })

  test.skipIf(!hasRelp)('over RELP: what was not acknowledged comes again', async () => {
    const folder = await makeFolder()
    const sink = new RecordSink()
    const port = await freePort()
    const given = { transports: [], relp: { listen: `127.0.0.1:${port}` } }
    const retry = 'action.resumeRetryCount="-1" action.resumeInterval="1" queue.type="LinkedList"'
    const send = await sender(folder, `port="${port}" timeout="3" ${retry}`, 'omrelp')
    const first = await listen(folder, sink, given)
    await send(linesOf(texts(0, 100)))
    await until('the first came', () => messages(sink).length >= 100)
    // Taken off the wire, and never durable: no acknowledgement.
    sink.failures.push(...Array.from({ length: 1_000 }, () => new Error('no disk')))
    await send(linesOf(texts(100, 200)))
    await until('they were tried', () => sink.failures.length < 1_000)
    await first.stop()
    sink.failures.length = 0
    await listen(folder, sink, given)
    await send(linesOf(texts(200, 300)))
    await until('the rest came', () => new Set(messages(sink)).size >= 300)
    expect([...new Set(messages(sink))].sort()).toEqual(texts(0, 300).sort())
  })
})
