import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable, Writable } from 'node:stream'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ManualClock } from '../../base/clock.ts'
import { MetricsRegistry } from '../../base/metrics.ts'
import { assetCommand } from '../asset.ts'
import { runCli } from '../cli.ts'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'picket-resolve-'))
  const rows = ['pump-7,c7;both,10.0.0.7', 'pump-8,c8;both,10.0.0.8']
  writeFileSync(join(folder, 'assets.csv'), `id,client_id,ip\n${rows.join('\n')}\n`)
})
afterAll(() => rmSync(folder, { recursive: true }))

async function resolve(event: unknown, ...more: readonly string[]) {
  const result = { out: '', err: '', code: 0 }
  const to = (name: 'out' | 'err') =>
    new Writable({
      write: (chunk, _, done) => {
        result[name] += String(chunk)
        done()
      },
    })
  const given = typeof event === 'string' ? event : JSON.stringify(event)
  const context = {
    ...{
      stdin: Readable.from([Buffer.from(given)]),
      stdout: to('out'),
      stderr: to('err'),
      env: {},
    },
    ...{ clock: new ManualClock(1), metrics: new MetricsRegistry(), interactive: false },
    exit: (code: 0 | 1 | 2) => void (result.code = code),
  }
  const args = ['asset', 'resolve', '-', '--assets', join(folder, 'assets.csv'), ...more]
  await runCli(args, context, [assetCommand])
  return result
}

const client = (id: string, more: object = {}): object => ({
  iot: { mqtt: { client_id: id } },
  ...more,
})

test('says which asset it is, by which rule, and what was looked at', async () => {
  const { out } = await resolve(client('c7', { source: { ip: '10.0.0.9' } }))
  expect(out).toContain('pump-7, by its client_id')
  expect(out).toMatch(/client_id +c7 +pump-7\n/)
  expect(out).toMatch(/ip +10\.0\.0\.9 +nobody lists it/)
})

test('what fits several is told, and what settles it', async () => {
  expect((await resolve(client('both'))).out).toContain('ambiguous: client_id fits pump-7, pump-8')
  const settled = await resolve(client('both', { source: { ip: '10.0.0.8' } }))
  expect(settled.out).toContain('pump-8, by its ip')
  const odd = await resolve(client('c7', { device: { id: 'pump-8' } }))
  expect(odd.out).toContain('conflict: device and client_id name different assets (pump-7, pump-8)')
  expect((await resolve(client('c9'))).out).toContain('no asset lists anything that it says')
})

test('takes raw lines, and answers in JSON', async () => {
  const line = '1795301345: New client connected from 10.0.0.1:5 as c7 (p2, c1, k60).\n'
  const { out } = await resolve(`\n${line}`, '--decoder', 'mosquitto', '--json')
  expect(JSON.parse(out)).toMatchObject({
    line: 2,
    state: 'resolved',
    id: 'pump-7',
    rule: 'client_id',
  })
  const bare = await resolve(line)
  expect([bare.code, bare.err]).toEqual([2, expect.stringContaining('--decoder NAME')])
})
