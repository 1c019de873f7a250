import { z } from 'zod'
import { shortId } from '../../../base/hash.ts'
import type { BucketOptions } from '../options.ts'
import type { Pool } from '../pool.ts'
import { objectId, type S3Object, type S3Objects } from './objects.ts'
import { expandPrefix } from './prefixes.ts'

const KEY = 'listing'

const savedSchema = z.object({
  v: z.literal(1),
  /** When the last look began that read everything. */
  wholeMs: z.number(),
  /** By hash of the prefix: objects up to this key are not listed any more. */
  floors: z.record(z.string(), z.string()),
})

interface Seen {
  readonly key: string
  readonly writtenMs: number
  readonly id: string
}

/**
 * Finds objects by listing. Whatever appears within the look-back window is found, wherever its key sorts:
 * prefixes with a time are listed from the window's beginning, the others from the last key before
 * which everything was written earlier than the window.
 */
export class BucketPull {
  readonly #options: BucketOptions
  readonly #objects: S3Objects
  readonly #pool: Pool
  readonly #now: () => number
  #wholeMs = 0
  #floors: Record<string, string> = {}
  #savedText = ''
  /** Objects below the floors, to be forgotten once these are saved. */
  #below: string[] = []

  constructor(
    options: BucketOptions,
    of: { objects: S3Objects; pool: Pool; now: () => number; cursor: string | undefined },
  ) {
    this.#options = options
    this.#objects = of.objects
    this.#pool = of.pool
    this.#now = of.now
    this.#restore(of.cursor)
  }

  static readonly key = KEY

  async look(): Promise<string | undefined> {
    const startMs = this.#now()
    // After an outage the window begins where the last whole look was.
    const fromMs = Math.min(startMs, this.#wholeMs || startMs) - this.#options.look_back
    let isWhole = true
    let trouble: string | undefined
    const floors: Record<string, string> = {}
    for (const template of this.#options.prefixes) {
      for (const prefix of expandPrefix(template, fromMs, startMs)) {
        const isTimed = prefix !== template
        const end = await this.#list(prefix, { isTimed, startMs })
        if (this.#pool.isStopped) return undefined
        if (end.floor !== undefined && !isTimed) floors[hashOf(prefix)] = end.floor
        isWhole &&= end.isWhole
        if (end.isFull) trouble = FULL
      }
    }
    await this.#pool.settled()
    if (this.#pool.isStopped) return undefined
    this.#floors = floors
    if (isWhole) {
      this.#wholeMs = startMs
      this.#pool.round += 1
      this.#pool.waiting(undefined)
    }
    if (await this.#save()) for (const id of this.#below) this.#pool.remembered.forget(id)
    this.#below = []
    return trouble
  }

  async #list(
    prefix: string,
    of: { isTimed: boolean; startMs: number },
  ): Promise<{ isWhole: boolean; isFull: boolean; floor: string | undefined }> {
    const before = of.isTimed
      ? undefined
      : (this.#floors[hashOf(prefix)] ?? this.#options.start_after)
    const seen: Seen[] = []
    let token: string | undefined
    let isWhole = true
    let isFull = false
    do {
      const page = await this.#objects.list(this.#options.name, {
        prefix,
        startAfter: before,
        token,
      })
      for (const object of page.objects) {
        const begun = await this.#consider(object)
        if (this.#pool.isStopped) return { isWhole: false, isFull, floor: before }
        isWhole &&= begun !== 'later' && begun !== 'full'
        isFull = begun === 'full'
        if (isFull) break
        if (!of.isTimed) seen.push({ ...object, id: objectId(object) })
      }
      token = page.next
    } while (token !== undefined && !isFull)
    await this.#pool.settled()
    // Memory is full: the floor rises over what was read, though some of it is in the window.
    const oldMs = isFull ? Number.POSITIVE_INFINITY : of.startMs - this.#options.look_back
    const floor = this.#floorOf(seen, oldMs) ?? before
    if (isFull) this.#pool.counters.failed('look_back_short')
    const isRead = isWhole && seen.every(({ id }) => this.#pool.remembered.isDone(id))
    return { isWhole: isRead, isFull: isFull && floor === before, floor }
  }

  async #consider(object: S3Object): Promise<'known' | 'begun' | 'later' | 'full'> {
    const id = objectId(object)
    this.#pool.remembered.sight(id, this.#pool.round)
    if (this.#pool.remembered.isDone(id)) return 'known'
    if (this.#pool.isWaiting(id)) return 'later'
    this.#pool.waiting(object.writtenMs)
    const begun = await this.#pool.begin(this.#objects.toPull(object))
    return begun === undefined ? 'full' : 'begun'
  }

  /** The last key of the run of read, old objects at the beginning. */
  #floorOf(seen: readonly Seen[], oldMs: number): string | undefined {
    let floor: string | undefined
    for (const { key, writtenMs, id } of seen) {
      if (writtenMs >= oldMs || !this.#pool.remembered.isDone(id)) break
      floor = key
      this.#below.push(id)
    }
    return floor
  }

  async #save(): Promise<boolean> {
    const value = JSON.stringify({ v: 1, wholeMs: this.#wholeMs, floors: this.#floors })
    // The time alone is worth saving now and then: it only widens the window after an outage.
    const text = JSON.stringify([Math.floor(this.#wholeMs / 600_000), this.#floors])
    if (text === this.#savedText) return true
    this.#savedText = text
    return this.#pool.save(KEY, value)
  }

  #restore(cursor: string | undefined): void {
    if (cursor === undefined) return
    try {
      const { wholeMs, floors } = savedSchema.parse(JSON.parse(cursor))
      this.#wholeMs = wholeMs
      this.#floors = floors
    } catch {
      this.#pool.counters.failed('cursor_unreadable')
    }
  }
}

const FULL =
  'more objects within look_back than are remembered: raise objects_remembered_max or shorten look_back'

function hashOf(prefix: string): string {
  return shortId('prefix', prefix).slice(0, 12)
}
