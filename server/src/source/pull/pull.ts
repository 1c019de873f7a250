import type { Source, SourceSink } from '../../model/source.ts'
import { defineSource, type SourceDeps } from '../define.ts'
import { waitForEnd } from '../delivering.ts'
import { ProblemError } from '../../base/problems.ts'
import { FolderPull } from './folder.ts'
import { type PullOptions, pullOptions } from './options.ts'
import { detailOf, Pool, reasonOf } from './pool.ts'
import { BucketPull } from './s3/bucket.ts'
import { AwsClient } from './s3/client.ts'
import { S3Objects } from './s3/objects.ts'
import { QueuePull } from './s3/queue.ts'
import { Sqs } from './s3/sqs.ts'

/** Reads whole objects: files of a folder, objects of a bucket, or those that a queue tells of. */
export const pullSource = defineSource({
  name: 'pull',
  summary:
    'Reads whole objects of logs, each once: files put into a folder, objects of an S3 bucket, or those that ' +
    'an SQS queue tells of.',
  options: pullOptions,
  create: (options, deps) => new PullSource(options, deps),
})

/** One way of finding objects. `look` gives what is wrong, as a sentence. */
interface Finder {
  look(): Promise<string | undefined>
}

const QUEUE_MS = 20
const RETRY_MS_MIN = 1_000
const RETRY_MS_MAX = 300_000

class PullSource implements Source {
  readonly #options: PullOptions
  readonly #deps: SourceDeps
  #pool: Pool | undefined
  #client: AwsClient | undefined
  #sink: SourceSink | undefined
  #loop: Promise<void> | undefined
  #wake: (() => void) | undefined
  #objectTrouble: string | undefined
  #isStopped = false

  constructor(options: PullOptions, deps: SourceDeps) {
    this.#options = options
    this.#deps = deps
  }

  async start(sink: SourceSink): Promise<void> {
    if (this.#isStopped || this.#pool !== undefined) return
    const pool = new Pool(this.#options, this.#deps, sink)
    pool.onTrouble = (detail) => {
      this.#objectTrouble = detail
      this.#report(undefined)
    }
    this.#sink = sink
    this.#pool = pool
    this.#loop = this.#run(pool, this.#makeFinder(pool, sink))
    await Promise.resolve()
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    this.#pool?.stop()
    this.#client?.close()
    this.#wake?.()
    if (this.#loop !== undefined) await waitForEnd(this.#loop)
  }

  behind(): readonly string[] {
    return this.#pool?.behind() ?? []
  }

  #makeFinder(pool: Pool, sink: SourceSink): Finder {
    const { folder, bucket, queue, aws } = this.#options
    const { baseDir, clock } = this.#deps
    const now = (): number => clock.now()
    if (folder !== undefined) return new FolderPull(folder, { baseDir, pool, now })
    const client = new AwsClient(aws, this.#deps)
    this.#client = client
    const pays = (bucket ?? queue)?.requester_pays === true
    const objects = new S3Objects(client, aws, pays)
    if (bucket !== undefined) {
      const cursor = sink.cursors().get(BucketPull.key)
      return new BucketPull(bucket, { objects, pool, now, cursor })
    }
    if (queue === undefined) {
      const message = `sources.${this.#deps.name}: give one of folder, bucket and queue`
      throw new ProblemError({ code: 'CONFIG_INVALID', message })
    }
    const sqs = new Sqs(client, queue.url)
    const { attempts_max: attemptsMax, retry_first: retryFirstMs } = this.#options
    return new QueuePull(queue, { sqs, objects, pool, sink, attemptsMax, retryFirstMs, now })
  }

  /** Never rejects. */
  async #run(pool: Pool, finder: Finder): Promise<void> {
    let retryMs = RETRY_MS_MIN
    while (!this.#isStopped) {
      // A queue holds the question itself until there is a message.
      let waitMs = this.#options.queue === undefined ? this.#options.poll_interval : QUEUE_MS
      try {
        const trouble = await finder.look()
        retryMs = RETRY_MS_MIN
        if (!this.#isStopped) this.#report(trouble)
      } catch (error) {
        if (this.#isStopped) break
        pool.counters.failed(reasonOf(error))
        this.#report(detailOf(error))
        waitMs = Math.max(waitMs, retryMs)
        retryMs = Math.min(RETRY_MS_MAX, retryMs * 2)
      }
      await this.#sleep(waitMs)
    }
    await pool.settled()
  }

  #report(trouble: string | undefined): void {
    if (trouble !== undefined) this.#sink?.status('down', trouble)
    else if (this.#objectTrouble !== undefined) this.#sink?.status('paused', this.#objectTrouble)
    else this.#sink?.status('connected')
  }

  #sleep(ms: number): Promise<void> {
    if (this.#isStopped) return Promise.resolve()
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms)
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }
}
