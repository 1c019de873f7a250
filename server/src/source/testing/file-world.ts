import { appendFile, copyFile, mkdtemp, readFile, rename, rm, truncate } from 'node:fs/promises'
import { unlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { type Clock, ManualClock } from '../../base/clock.ts'
import { SILENT } from '../../base/log.ts'
import { MetricsRegistry } from '../../base/metrics.ts'
import type { SecretRef } from '../../model/options.ts'
import type { SourceDeps } from '../define.ts'
import { Follower } from '../file/follower.ts'
import { type FileOptions, fileOptions } from '../file/options.ts'
import { RecordSink } from './record-sink.ts'

type GivenOptions = Partial<Record<keyof FileOptions, unknown>>

/** A folder of its own and a follower over it, driven by hand: no timers, no waiting. */
export class FileWorld {
  readonly folder: string
  readonly sink = new RecordSink()
  readonly clock: ManualClock
  readonly metrics = new MetricsRegistry()
  readonly #given: GivenOptions
  follower: Follower | undefined

  private constructor(folder: string, given: GivenOptions) {
    this.folder = folder
    this.clock = new ManualClock(Date.now())
    this.#given = given
  }

  static async make(given: GivenOptions = {}): Promise<FileWorld> {
    return new FileWorld(await mkdtemp(join(tmpdir(), 'picket-file-')), given)
  }

  path(name: string): string {
    return join(this.folder, name)
  }

  async start(): Promise<void> {
    const { framing, ...given } = this.#given
    const options = fileOptions.parse({ paths: ['app.log'], ...given })
    this.follower = new Follower(
      framing === 'capture' ? { ...options, framing } : options,
      testDeps(this.folder, this.clock, this.metrics),
      this.sink,
    )
    await this.follower.open()
    await this.follower.settled()
  }

  /** One look at everything, until nothing is left to read. */
  async look(): Promise<void> {
    const { follower } = this
    if (follower === undefined) throw new Error('not started')
    for (let turn = 0; turn < 4; turn++) {
      await follower.scan()
      await follower.settled()
      await follower.poll()
      await follower.settled()
      if (!follower.scanWanted) return
    }
  }

  /** Ends without any further delivery, as a crash would: only cursors survive. */
  async stop(): Promise<void> {
    await this.follower?.close()
    this.follower = undefined
  }

  async restart(): Promise<void> {
    await this.stop()
    await this.start()
  }

  async write(name: string, text: string | Buffer): Promise<void> {
    await appendFile(this.path(name), text)
  }

  async replace(name: string, text: string | Buffer): Promise<void> {
    await writeFile(this.path(name), text)
  }

  async rename(from: string, to: string): Promise<void> {
    await rename(this.path(from), this.path(to))
  }

  async copyTruncate(from: string, to: string): Promise<void> {
    await copyFile(this.path(from), this.path(to))
    await truncate(this.path(from))
  }

  async gzip(name: string): Promise<void> {
    await writeFile(this.path(`${name}.gz`), gzipSync(await readFile(this.path(name))))
    await unlink(this.path(name))
  }

  async remove(name: string): Promise<void> {
    await unlink(this.path(name))
  }

  async end(): Promise<void> {
    this.sink.release()
    await this.stop()
    await rm(this.folder, { recursive: true, force: true })
  }
}

export function testDeps(
  baseDir: string,
  clock: Clock,
  metrics: MetricsRegistry = new MetricsRegistry(),
): SourceDeps {
  const secret = (ref: SecretRef): Promise<string> =>
    Promise.resolve('env' in ref ? `secret of ${ref.env}` : 'secret')
  return { name: 'test', baseDir, clock, log: SILENT, metrics, secret }
}
