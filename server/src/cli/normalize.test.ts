import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable, Writable } from 'node:stream'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ManualClock } from '../base/clock.ts'
import { MetricsRegistry } from '../base/metrics.ts'
import { runCli } from './cli.ts'
import { registerNormalize } from './normalize.ts'

const SAMPLES = join(import.meta.dirname, '../../test/samples')

class Sink extends Writable {
  text = ''
  waits = 0
  readonly #slow: boolean
  constructor(slow = false) {
    super(slow ? { highWaterMark: 1 } : {})
    this.#slow = slow
  }
  override _write(chunk: Buffer, _: string, done: () => void): void {
    this.text += chunk.toString()
    this.waits += 1
    if (this.#slow) setImmediate(done)
    else done()
  }
  get lines(): Record<string, unknown>[] {
    const rows = this.text.split('\n').filter((line) => line !== '')
    return rows.map((line) => JSON.parse(line) as Record<string, unknown>)
  }
}

async function run(args: readonly string[], input = '', slow = false) {
  const stdout = new Sink(slow)
  const stderr = new Sink()
  let code = 0
  const context = {
    stdin: Readable.from([Buffer.from(input)]),
    stdout,
    stderr,
    env: {},
    clock: new ManualClock(Date.UTC(2026, 10, 22)),
    metrics: new MetricsRegistry(),
    interactive: false,
    exit: (to: 0 | 1 | 2) => void (code = to),
  }
  await runCli(['normalize', ...args], context, [registerNormalize])
  return { stdout, stderr, code }
}

describe('as the server does', () => {
  let folder: string
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'picket-served-'))
    const put = (name: string, text: string): void => writeFileSync(join(folder, name), text)
    put('assets.csv', 'id,client_id,site\npump-7,c7,oslo\n')
    put('owners.csv', 'id,mail\npump-7,a@b.example\n')
    const owners = 'owners: { file: owners.csv, key: device.id, fields: { mail: iot.owner } }'
    put('picket.yaml', `identity: { assets: assets.csv }\nlookups: { ${owners} }\n`)
    const policy = '{ name: own, when: "event.action: mqtt-connect", keep: routine, reason: r }'
    put('filter.yaml', `filter: { policy: [${policy}, builtin] }\n`)
    put(
      'bad.yaml',
      'lookups: { owners: { file: gone.csv, key: device.id, fields: { a: iot.a } } }\n',
    )
  })
  afterAll(() => rmSync(folder, { recursive: true }))
  const LINE = '1795301345: New client connected from 10.0.0.1:5 as c7 (p2, c1, k60).\n'
  const served = (...args: readonly string[]) => {
    const given = args.map((arg) => (/\.\w+$/.test(arg) ? join(folder, arg) : arg))
    return run(['--decoder', 'mosquitto', '-', ...given], LINE)
  }

  test('events are joined to a table of assets and to lookups', async () => {
    const { stdout } = await served('--assets', 'assets.csv')
    expect(stdout.lines[0]).toMatchObject({
      ...{ device: { id: 'pump-7' }, iot: { site: 'oslo', identity: { rule: 'client_id' } } },
    })
    const both = await served('--assets', 'assets.csv', '--lookups', 'picket.yaml')
    expect(both.stdout.lines[0]).toMatchObject({ iot: { owner: 'a@b.example' } })
    const whole = await served('--config', 'picket.yaml')
    expect(whole.stdout.lines[0]).toEqual(both.stdout.lines[0])
  })

  test('what the policy folds is counted', async () => {
    const { stdout, stderr } = await served('--filter', 'filter.yaml')
    expect(stdout.lines).toEqual([])
    expect(stderr.lines.at(-1)).toMatchObject({ summary: { routine: { 'folded:own': 1 } } })
    expect((await served('--filter', 'builtin')).stdout.lines).toHaveLength(1)
  })

  test.each([
    ['--assets', 'gone.csv', 'INPUT_UNREADABLE'],
    ['--lookups', 'filter.yaml', 'no section lookups'],
    ['--lookups', 'bad.yaml', 'the file cannot be read'],
    ['--filter', 'gone.yaml', 'CONFIG_UNREADABLE'],
  ])('%s %s is refused with the reason', async (flag, name, reason) => {
    const { stderr, code } = await served(flag, name)
    expect(code).toBe(2)
    expect(stderr.text).toContain(reason)
  })
})

test('lines are joined as --multiline says', async () => {
  const input = '<11>Nov 22 06:00:00 gw app[7]: failed\n<11>Nov 22 06:00:00 gw app[7]: #011at x()\n'
  const messages = async (...how: readonly string[]): Promise<unknown[]> => {
    const { stdout } = await run(['--decoder', 'syslog', '-', ...how], input)
    return stdout.lines.map(({ message }) => message)
  }
  expect(await messages('--multiline', 'trace')).toEqual(['failed\n\tat x()'])
  expect(await messages('--multiline', 'start=^[a-z]')).toEqual(['failed\n\tat x()'])
  expect(await messages()).toHaveLength(2)
  const pretty = '{\n "message": "x"\n}\n'
  expect((await run(['--decoder', 'json', '-'], pretty)).stdout.lines).toHaveLength(1)
  const apart = await run(['--decoder', 'json', '-', '--multiline', 'off'], pretty)
  expect(apart.stderr.lines.at(-1)).toMatchObject({ summary: { lines: 3, rejects: 3 } })
  expect((await run(['--decoder', 'json', '-', '--multiline', 'start=('], pretty)).code).toBe(2)
})

describe('picket normalize', () => {
  test.each([
    ['mosquitto_2.0.11.log', 195],
    ['mosquitto_2.0.11_dynsec.log', 117],
    ['mosquitto_2.0.20.log', 119],
  ])('%s: every line is in the summary, none rejected', async (name, lines) => {
    const { stdout, stderr, code } = await run(['--decoder', 'mosquitto', join(SAMPLES, name)])
    expect(code).toBe(0)
    const last = stderr.lines.at(-1)!['summary'] as Record<string, number>
    expect(last).toMatchObject({ lines, rejects: 0 })
    const routine = Object.values(last['routine'] as unknown as Record<string, number>)
    expect(last['events']! + routine.reduce((sum, count) => sum + count, 0)).toBe(lines)
    expect(stdout.lines).toHaveLength(last['events']!)
    expect(stdout.lines[0]).toMatchObject({ event: { action: 'service-start' } })
    expect(stderr.lines).toHaveLength(1)
  })

  test('reads standard input, says what it rejects, and tells what waits at the end', async () => {
    const input = 'nonsense\n1795301345: Client d already connected, closing old connection.\n\n'
    const { stdout, stderr } = await run(['--decoder', 'mosquitto', '-'], input)
    expect(stderr.lines).toEqual([
      {
        reject: {
          line: 1,
          code: 'DECODE_UNKNOWN',
          message: expect.any(String) as string,
          raw: 'nonsense',
        },
      },
      {
        summary: {
          lines: 3,
          events: 1,
          routine: { blank: 1 },
          rejects: 1,
        },
      },
    ])
    expect(stdout.lines).toMatchObject([{ event: { action: 'mqtt-takeover' } }])
  })

  test('minds a zone, and does not doubt the time of a file', async () => {
    const input = '2031-11-21T22:49:05: mosquitto version 2.0.20 starting\n'
    const args = ['--decoder', 'mosquitto', '--zone', '+02:00', '-']
    const { stdout } = await run(args, input)
    expect(stdout.lines).toMatchObject([{ '@timestamp': '2031-11-21T20:49:05.000Z' }])
  })

  test('writes OCSF where it is asked to', async () => {
    const input = '1795301345: Client d already connected, closing old connection.\n'
    const { stdout } = await run(['--decoder', 'mosquitto', '--format', 'ocsf', '-'], input)
    expect(stdout.lines).toMatchObject([
      {
        type_name: 'Network Activity: Reset',
        src_endpoint: { uid: 'd' },
        unmapped: { event: { action: 'mqtt-takeover' } },
      },
    ])
  })

  test('waits for a slow reader', async () => {
    const path = join(SAMPLES, 'mosquitto_2.0.11.log')
    const { stdout } = await run(['--decoder', 'mosquitto', path, path, path], '', true)
    expect(stdout.lines).toHaveLength(117)
  })

  test.each([
    [['--decoder', 'mosquito', '-'], 'did you mean mosquitto'],
    [['--decoder', 'mosquitto', '/no/such/file'], 'INPUT_UNREADABLE'],
    [['--decoder', 'mosquitto', '--zone', 'Nowhere', '-'], 'Nowhere is no time zone'],
    [['--decoder', 'mosquitto', '--option', 'zon=UTC', '-'], 'did you mean zone'],
    [['--decoder', 'mosquitto'], 'missing required argument'],
    [['-'], 'required option'],
  ])('%j is wrong use', async (args, word) => {
    const { stderr, code } = await run(args)
    expect(code).toBe(2)
    expect(stderr.text).toContain(word)
  })
})

test('alerts of Wazuh stand on several lines of alerts.log, also with JSON alerts between', async () => {
  const alert = (id: string, words: string): string =>
    `** Alert ${id}.1: - syslog,sshd,\n2019 Oct 15 21:09:56 (pump-7) any->/var/log/secure\n` +
    `Rule: 5710 (level 5) -> 'sshd'\nSrc IP: 203.0.113.18\n${words}\n\n`
  const json =
    '{"timestamp":"2019-10-15T21:09:57Z","rule":{"id":"1","level":3},"manager":{"name":"m"}}'
  const input = `${alert('1571166477', 'one\n\nmore')}${json}\n${alert('1571166478', 'two')}`
  const { stdout, stderr } = await run(['--decoder', 'wazuh', '-'], input)
  expect(stdout.lines.map((event) => [event['@timestamp'], event['message']])).toEqual([
    ['2019-10-15T19:07:57.000Z', 'one\n\nmore'],
    ['2019-10-15T21:09:57.000Z', undefined],
    ['2019-10-15T19:07:58.000Z', 'two'],
  ])
  expect(stderr.lines.at(-1)).toMatchObject({ summary: { events: 3, rejects: 0 } })
})
