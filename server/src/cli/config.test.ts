import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable, Writable } from 'node:stream'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { ManualClock } from '../base/clock.ts'
import { MetricsRegistry } from '../base/metrics.ts'
import { runCli } from './cli.ts'
import { configCommand } from './config.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'picket-cli-'))
})
afterEach(() => rm(folder, { recursive: true }))

async function run(...args: string[]): Promise<{ out: string; err: string; code: number }> {
  const result = { out: '', err: '', code: 0 }
  const to = (name: 'out' | 'err') =>
    new Writable({
      write: (chunk, _, done) => {
        result[name] += String(chunk)
        done()
      },
    })
  const context = {
    stdin: Readable.from([]),
    stdout: to('out'),
    stderr: to('err'),
    env: {},
    clock: new ManualClock(),
    metrics: new MetricsRegistry(),
    interactive: false,
    exit: (code: 0 | 1 | 2) => void (result.code = code),
  }
  await runCli(args, context, [configCommand])
  return result
}

test('check says ok, or every problem with its place', async () => {
  const path = join(folder, 'picket.yml')
  await writeFile(path, 'data: here\n')
  expect(await run('config', 'check', '--config', path)).toEqual({
    out: `${path}: ok, 0 sources\n`,
    err: '',
    code: 0,
  })
  await writeFile(path, 'dat: here\nlog: {levl: info}\n')
  const bad = await run('config', 'check', '--config', path)
  expect(bad.code).toBe(2)
  expect(bad.err.split('\n')).toEqual([
    `${path}:1:1: CONFIG_UNKNOWN_KEY: there is no key "dat" here [dat] (did you mean "data"?)`,
    `${path}:2:7: CONFIG_UNKNOWN_KEY: there is no key "levl" here [log.levl] (did you mean "level"?)`,
    '',
  ])
})

test('check says which of many names was meant, and where files are missing', async () => {
  const path = join(folder, 'picket.yml')
  const source = (more: string): Promise<void> =>
    writeFile(path, `sources:\n  b: { type: file, paths: [x], ${more} }\n`)
  await source('decoder: mosquito')
  expect((await run('config', 'check', '--config', path)).err).toMatch(
    /:2:\d+: CONFIG_INVALID: is none of the \d+ names that are known here \[sources.b.decoder\] \(did you mean "mosquitto"\?\)\n$/,
  )
  await source('decoder: hunter2-hunter2-hunter2')
  const { err: unknown } = await run('config', 'check', '--config', path)
  expect(unknown).toContain('(picket decoder list names them)')
  expect(unknown).not.toContain('hunter2')
  await writeFile(path, 'sources:\n  b: { type: fiel, decoder: json, paths: [x] }\n')
  expect((await run('config', 'check', '--config', path)).err).toContain('(did you mean "file"?)')
  await writeFile(path, 'api: { listen: "0.0.0.0:8600" }\n')
  expect((await run('config', 'check', '--config', path)).err).toMatch(
    /:1:16: CONFIG_INVALID: other machines reach this address.* \[api.listen\]\n$/,
  )
  await writeFile(
    path,
    `
detection: { rules: [builtin, mine] }
api: { tls: { cert_file: c.pem, key_file: k.pem } }
identity: { assets: a.csv }
outputs: { json_lines: { path: there/alerts.jsonl } }
lookups: { owners: { file: o.csv, match: id, key: device.id, fields: { owner: labels.owner } } }
sources: { h: { type: http, decoder: json, tls: { cert_file: c.pem, key_file: k.pem } } }
`,
  )
  const { err, code } = await run('config', 'check', '--config', path)
  expect(code).toBe(2)
  expect(err.trimEnd().split('\n')).toEqual([
    `${path}: CONFIG_INVALID: ${folder}/mine cannot be read: ENOENT [detection.rules.1]`,
    `${path}: CONFIG_INVALID: ${folder}/c.pem: It cannot be read: ENOENT. [api.tls]`,
    `${path}: CONFIG_INVALID: ${folder}/c.pem: It cannot be read: ENOENT. [sources.h.tls]`,
    `${folder}/a.csv: INPUT_UNREADABLE: Cannot be read: ENOENT.`,
    `${path}: CONFIG_INVALID: ${folder}/o.csv cannot be read: ENOENT [lookups.owners.file]`,
    `${path}: CONFIG_INVALID: ${folder}/there cannot be read: ENOENT [outputs.json_lines.path]`,
  ])
  for (const name of ['a.csv', 'o.csv']) await writeFile(join(folder, name), 'id,name\nx,y\n')
  await mkdir(join(folder, 'there'))
  await mkdir(join(folder, 'mine'))
  expect((await run('config', 'check', '--config', path)).err.split('\n')).toHaveLength(3)
})

test('check looks whether secrets are there', async () => {
  const path = join(folder, 'picket.yml')
  await writeFile(path, 'master_key: { env: NOT_SET_ANYWHERE }\n')
  const result = await run('config', 'check', '--config', path)
  expect(result).toMatchObject({ code: 2, out: '' })
  expect(result.err).toContain(
    'CONFIG_SECRET: the environment variable NOT_SET_ANYWHERE is not set',
  )
})

test('show prints what is in force, defaults included', async () => {
  const shown = await run('config', 'show')
  expect(shown.code).toBe(0)
  expect(shown.out).toContain('listen: 127.0.0.1:8600')
  expect(shown.out).toContain('bytes_max: 10GiB')
})
