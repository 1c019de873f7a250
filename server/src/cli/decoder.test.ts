import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable, Writable } from 'node:stream'
import { afterAll, describe, expect, test } from 'vitest'
import { ManualClock } from '../base/clock.ts'
import { MetricsRegistry } from '../base/metrics.ts'
import { DECODER_ALIASES } from '../decode/aliases.ts'
import { decoderNamed, decoders } from '../decode/registry.ts'
import { runCli } from './cli.ts'
import { registerDecoder } from './decoder.ts'

class Sink extends Writable {
  text = ''
  override _write(chunk: Buffer, _: string, done: () => void): void {
    this.text += chunk.toString()
    done()
  }
}

const folder = mkdtempSync(join(tmpdir(), 'picket-decoder-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

async function run(...args: readonly string[]) {
  const stdout = new Sink()
  const stderr = new Sink()
  let code = 0
  const context = {
    stdin: Readable.from([]),
    stdout,
    stderr,
    env: {},
    clock: new ManualClock(Date.UTC(2026, 10, 22)),
    metrics: new MetricsRegistry(),
    interactive: false,
    exit: (to: 0 | 1 | 2) => void (code = to),
  }
  await runCli(['decoder', ...args], context, [registerDecoder])
  return { out: stdout.text, errors: stderr.text, code }
}

function mapping(name: string, action: string): string {
  const path = join(folder, `${name}.yml`)
  const text = `name: ${name}
forms:
  - name: greeting
    parse:
      - regex: '^hello (?P<who>\\S+)$'
    event: {action: user-login, category: [authentication], type: [start], outcome: success}
    map:
      user.name: who
tests:
  - name: a greeting
    input: hello ann
    expect: {event.action: ${action}, user.name: ann}
`
  writeFileSync(path, text)
  return path
}

describe('picket decoder', () => {
  test('list names every decoder, its other names and its options', async () => {
    const { out, code } = await run('list')
    expect(code).toBe(0)
    for (const name of Object.keys(decoders)) expect(out).toMatch(new RegExp(`^${name}: `, 'm'))
    expect(out).toContain('  also: pihole, pi-hole\n')
    expect(out).toMatch(/^nginx: .*\n(?: {2}.*\n)* {2}pattern: /m)
  })

  test('test runs the tests in a mapping file', async () => {
    const good = await run('test', mapping('good', 'user-login'))
    expect(good).toMatchObject({ code: 0 })
    expect(good.out).toContain('1 tests, 0 failed')
    const bad = await run('test', mapping('bad', 'user-logout'))
    expect(bad.code).toBe(1)
    expect(bad.out).toMatch(/bad\.yml:\d+: a greeting: /)
  })

  test('test says what is wrong with a file, and goes on', async () => {
    const broken = join(folder, 'broken.yml')
    writeFileSync(broken, 'name: [')
    const { out, errors, code } = await run(
      'test',
      broken,
      join(folder, 'none.yml'),
      mapping('last', 'user-login'),
    )
    expect(code).toBe(2)
    expect(errors).toContain('broken.yml')
    expect(errors).toContain('none.yml cannot be read')
    expect(out).toContain('1 tests, 0 failed')
  })
})

describe('names of decoders', () => {
  test('every other name is of a decoder that exists, and of none that is one itself', () => {
    for (const [alias, name] of Object.entries(DECODER_ALIASES)) {
      expect(decoderNamed(alias)?.name, alias).toBe(name)
      expect(Object.keys(decoders), alias).not.toContain(alias)
      expect(alias).toMatch(/^[a-z0-9]+(?:-[a-z0-9]+)*$/)
    }
  })

  test('letters and separators do not matter; what nobody knows is undefined', () => {
    expect(decoderNamed('AWS_IoT_Logs')?.name).toBe('aws-iot')
    expect(decoderNamed('Pi-hole')?.name).toBe('dnsmasq')
    expect(decoderNamed('constructor')).toBeUndefined()
    expect(decoderNamed('')).toBeUndefined()
  })
})
