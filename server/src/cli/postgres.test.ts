import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ManualClock } from '../base/clock.ts'
import { MetricsRegistry } from '../base/metrics.ts'
import { type Cluster, postgresBinaries, startPostgres } from '../state/testing/engines.ts'
import { runCli } from './cli.ts'
import { commands } from './registry.ts'

const binaries = postgresBinaries()
const required = process.env['REQUIRE_SERVICES'] === '1'
const why = binaries === undefined ? ' (skipped: no PostgreSQL on this machine)' : ''

describe.skipIf(binaries === undefined && !required)(`the command line on PostgreSQL${why}`, () => {
  const data = mkdtempSync(join(tmpdir(), 'picket-cli-pg-'))
  const file = join(data, 'picket.yml')
  const clusters: Cluster[] = []
  beforeAll(async () => {
    if (binaries === undefined) throw new Error('REQUIRE_SERVICES=1, and there is no PostgreSQL')
    const cluster = await startPostgres(binaries)
    clusters.push(cluster)
    cluster.createDatabase('picket')
    writeFileSync(file, `data: ${data}/data\nstate: { postgres_url: { env: STATE_URL } }\n`)
  }, 60_000)
  afterAll(async () => {
    for (const cluster of clusters) await cluster.stop()
    rmSync(data, { recursive: true, force: true })
  })

  async function picket(url: string | undefined, ...args: string[]) {
    const [stdout, stderr] = [new PassThrough(), new PassThrough()]
    let code = 0
    const context = {
      stdin: new PassThrough(),
      stdout,
      stderr,
      env: { STATE_URL: url },
      clock: new ManualClock(Date.parse('2026-03-01T12:00:00Z')),
      metrics: new MetricsRegistry(),
      interactive: false,
      exit: (given: 0 | 1 | 2) => {
        code = given
      },
    }
    await runCli([...args, '--config', file], context, commands)
    return { out: String(stdout.read() ?? ''), err: String(stderr.read() ?? ''), code }
  }

  test('keeps people and alerts where the configuration says', async () => {
    const url = clusters[0]?.url('picket')
    expect(await picket(url, 'user', 'add', 'ada', '--role', 'admin')).toMatchObject({ code: 0 })
    expect((await picket(url, 'user', 'list')).out).toMatch(/ada +admin +all/)
    expect(await picket(url, 'alert', 'list')).toMatchObject({ code: 0, err: 'No alerts.\n' })
  })

  test('says what is wrong, without the password of the address', async () => {
    const missing = await picket(undefined, 'user', 'list')
    expect(missing).toMatchObject({ code: 2, err: expect.stringContaining('CONFIG_SECRET') })
    const wrong = 'postgres://picket:hunter2@127.0.0.1:1/picket'
    const refused = await picket(wrong, 'user', 'list')
    expect(refused).toMatchObject({ code: 2, err: expect.stringContaining('STATE_UNAVAILABLE') })
    expect(refused.err).not.toContain('hunter2')
  })
})
