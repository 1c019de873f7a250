import { shortId } from '../../../base/hash.ts'
import type { SourceSink } from '../../../model/source.ts'
import { ObjectFault } from '../faults.ts'
import type { QueueOptions } from '../options.ts'
import { detailOf, type Pool, type PoolEnd, reasonOf } from '../pool.ts'
import { type Notice, type NoticedObject, readNotice } from './notice.ts'
import { objectId, type S3Objects } from './objects.ts'
import type { QueueMessage, Sqs } from './sqs.ts'

const RETRY_S_MAX = 900

/**
 * Reads the objects that a queue tells of. A message is deleted once all its objects are durable, or are
 * dead letters; until then it is kept ours, and given back where an object is to be tried again.
 */
export class QueuePull {
  readonly #options: QueueOptions
  readonly #sqs: Sqs
  readonly #objects: S3Objects
  readonly #pool: Pool
  readonly #sink: SourceSink
  readonly #attemptsMax: number
  readonly #retryFirstMs: number
  readonly #held = new Map<QueueMessage, NodeJS.Timeout>()
  readonly #now: () => number

  constructor(
    options: QueueOptions,
    of: {
      sqs: Sqs
      objects: S3Objects
      pool: Pool
      sink: SourceSink
      attemptsMax: number
      retryFirstMs: number
      now: () => number
    },
  ) {
    this.#options = options
    this.#sqs = of.sqs
    this.#objects = of.objects
    this.#pool = of.pool
    this.#sink = of.sink
    this.#attemptsMax = of.attemptsMax
    this.#retryFirstMs = of.retryFirstMs
    this.#now = of.now
    of.pool.mayForget = true
  }

  /** Asks once, and reads what it was given.  */
  async look(): Promise<string | undefined> {
    const messages = await this.#sqs.receive(this.#options)
    for (const message of messages) this.#hold(message)
    try {
      await Promise.all(messages.map((message) => this.#take(message)))
      await this.#pool.settled()
    } finally {
      await this.#giveBack()
    }
    return undefined
  }

  /** What is still ours on leaving can be given to another at once. */
  async #giveBack(): Promise<void> {
    const held = [...this.#held.keys()]
    for (const message of held) this.#release(message)
    await Promise.all(held.map((message) => this.#sqs.giveBack(message).catch(() => undefined)))
  }

  #hold(message: QueueMessage): void {
    const seconds = Math.ceil(this.#options.visibility / 1_000)
    const extend = (): void => {
      this.#sqs.hide(message, seconds).catch((error: unknown) => {
        this.#pool.counters.failed(reasonOf(error))
      })
    }
    this.#held.set(message, setInterval(extend, this.#options.visibility / 3))
  }

  #release(message: QueueMessage): void {
    clearInterval(this.#held.get(message))
    this.#held.delete(message)
  }

  /** Never rejects. What was stopped stays held. */
  async #take(message: QueueMessage): Promise<void> {
    const notice = readNotice(message.body)
    if (notice.kind === 'unknown') {
      const end = await this.#refuse(message, notice)
      if (end === 'stopped') return
    }
    if (notice.kind === 'objects' && notice.others > 0) {
      this.#sink.dropped('not_created', notice.others)
    }
    const ends: PoolEnd[] = []
    for (const object of notice.kind === 'objects' ? notice.objects : []) {
      const end = await this.#read(object, message)
      if (end === 'stopped') return
      ends.push(end)
    }
    if (!this.#pool.isStopped) await this.#finish(message, ends)
  }

  async #finish(message: QueueMessage, ends: readonly PoolEnd[]): Promise<void> {
    try {
      if (ends.includes('later')) {
        const again = 2 ** Math.min(message.receives - 1, 20)
        const waitS = Math.min(RETRY_S_MAX, Math.ceil((this.#retryFirstMs / 1_000) * again))
        this.#release(message)
        await this.#sqs.hide(message, waitS)
        return
      }
      await this.#sqs.remove(message)
      this.#release(message)
    } catch (error) {
      // Its objects are remembered: when it comes again, it is only deleted.
      this.#release(message)
      this.#pool.counters.failed(reasonOf(error))
    }
  }

  async #read(noticed: NoticedObject, message: QueueMessage): Promise<PoolEnd> {
    const { bucket, key } = noticed
    try {
      const {
        etag = '',
        writtenMs = this.#now(),
        region,
      } = noticed.etag === undefined ? await this.#headOf(bucket, key) : noticed
      const object = { bucket, key, etag, writtenMs, ...(region !== undefined && { region }) }
      if (this.#pool.remembered.isDone(objectId(object))) return 'done'
      const begun = await this.#pool.begin(this.#objects.toPull(object, message.receives))
      if (begun === undefined) return this.#pool.isStopped ? 'stopped' : 'later'
      return await begun.end
    } catch (error) {
      if (this.#pool.isStopped) return 'stopped'
      const isFinal =
        error instanceof ObjectFault &&
        (error.reason !== 'refused' || message.receives >= this.#attemptsMax)
      if (isFinal) return this.#pool.refuse(blind(noticed), error)
      this.#pool.counters.failed(reasonOf(error))
      this.#pool.onTrouble(`s3://${bucket}/${key}: ${detailOf(error)}`)
      return 'later'
    }
  }

  async #headOf(bucket: string, key: string): Promise<NoticedObject> {
    return this.#objects.head(bucket, key)
  }

  #refuse(message: QueueMessage, notice: Extract<Notice, { kind: 'unknown' }>): Promise<PoolEnd> {
    const id = shortId('message', message.id)
    const object = {
      ...{ id, name: `message:${message.id}`, writtenMs: this.#now() },
      place: `message ${message.id}: ${message.body.slice(0, 4_096)}`,
      facts: { queue: this.#options.url },
    }
    return this.#pool.refuse(object, new ObjectFault('format', notice.detail))
  }
}

/** An object of which only the name is known. */
function blind({ bucket, key }: NoticedObject) {
  const place = `s3://${bucket}/${key}`
  const facts = { path: place, bucket, key }
  const id = objectId({ bucket, key, etag: '' })
  return { id, name: `${bucket}/${key}@`, place, writtenMs: 0, facts }
}
