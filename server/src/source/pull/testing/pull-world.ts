import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MetricsRegistry } from '../../../base/metrics.ts'
import type { Source } from '../../../model/source.ts'
import { createSource } from '../../registry.ts'
import { testDeps } from '../../testing/file-world.ts'
import { RecordSink } from '../../testing/record-sink.ts'
import { pullOptions } from '../options.ts'
import { FakeAws } from './fake-aws.ts'

type Given = Readonly<Record<string, unknown>>

/** One source over a folder or a fake of AWS, with a sink that outlives its restarts. */
export class PullWorld {
  readonly folder = mkdtempSync(join(tmpdir(), 'picket-pull-'))
  readonly aws: FakeAws
  readonly metrics = new MetricsRegistry()
  readonly sink = new RecordSink()
  /** Ours and what is added to it. */
  skewMs = 0
  #source: Source | undefined

  private constructor(aws: FakeAws) {
    this.aws = aws
  }

  static async make(): Promise<PullWorld> {
    return new PullWorld(await FakeAws.open())
  }

  create(place: Given, metrics: MetricsRegistry = this.metrics): Source {
    const options = pullOptions.parse({
      ...{ poll_interval: '10ms', objects_at_once: 1, retry_first: '1s', attempts_max: 5 },
      aws: {
        ...{ region: 'eu-west-1', endpoint: this.aws.url, path_style: true },
        ...{ access_key_id: 'AKID', secret_access_key: { env: 'SECRET' } },
      },
      ...place,
    })
    const clock = { now: () => Date.now() + this.skewMs }
    return createSource('pull', options, testDeps(this.folder, clock, metrics))
  }

  get queue(): Given {
    return { queue: { url: `${this.aws.url}/000000000000/logs`, visibility: '10s', wait: '1s' } }
  }

  async start(place: Given): Promise<Source> {
    this.#source = this.create(place)
    await this.#source.start(this.sink)
    return this.#source
  }

  async stop(): Promise<void> {
    await this.#source?.stop()
    this.#source = undefined
  }

  errors(reason: string): number {
    return this.metrics.value('picket_source_errors_total', { source: 'test', reason }) ?? 0
  }

  async end(): Promise<void> {
    this.sink.release()
    await this.stop()
    await this.aws.close()
    rmSync(this.folder, { recursive: true, force: true })
  }
}
