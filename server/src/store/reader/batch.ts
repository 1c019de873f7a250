import { shortId } from '../../base/hash.ts'
import type { SecurityEvent } from '../../model/event.ts'
import type { DeadLetter, JournalEntry, Rollup } from '../../model/journal.ts'
import { EventBlock, REFUSALS } from '../write/event-block.ts'
import type { Refusal } from '../write/event-block.ts'
import type { RowPlace } from '../write/position-columns.ts'
import { RollupBlock } from '../write/rollup-block.ts'
import type { Present } from './read-back.ts'
import { eventKey, rollupKey } from './read-back.ts'

/** One row to be, with what a dead letter of it needs. */
export type Row =
  | {
      readonly kind: 'event'
      readonly place: RowPlace
      readonly source: string
      readonly event: SecurityEvent
    }
  | {
      readonly kind: 'rollup'
      readonly place: RowPlace
      readonly source: string
      readonly rollup: Rollup
    }

export interface Lane {
  readonly partition: number
  readonly epoch: number
}

/** Calls `each` for every row of an entry that the store does not have yet, in order. */
export function rowsOf(
  entry: JournalEntry,
  lane: Lane,
  present: Present | undefined,
  each: (row: Row) => void,
): void {
  const { offset, batch } = entry
  const { source, ingestedMs, events = [], rollups = [] } = batch
  const { partition, epoch } = lane
  for (let index = 0; index < events.length; index++) {
    const event = events[index]
    if (event === undefined) continue
    if (present?.has(eventKey(offset, index, event.id)) === true) continue
    const place = { partition, epoch, offset, index, ingestedMs }
    each({ kind: 'event', place, source, event })
  }
  for (let index = 0; index < rollups.length; index++) {
    const rollup = rollups[index]
    if (rollup === undefined || present?.has(rollupKey(offset, index)) === true) continue
    const place = { partition, epoch, offset, index, ingestedMs }
    each({ kind: 'rollup', place, source, rollup })
  }
}

/** Blocks that are not in use. Their memory is grown once, and not given to the collector. */
export class BlockPool {
  readonly #tenant: string
  readonly #free: { readonly events: EventBlock; readonly rollups: RollupBlock }[] = []

  constructor(tenant: string) {
    this.#tenant = tenant
  }

  take(): { readonly events: EventBlock; readonly rollups: RollupBlock } {
    const free = this.#free.pop()
    return free ?? { events: new EventBlock(this.#tenant), rollups: new RollupBlock(this.#tenant) }
  }

  /** Only empty blocks. */
  give(blocks: { readonly events: EventBlock; readonly rollups: RollupBlock }): void {
    if (this.#free.length < FREE_MAX) this.#free.push(blocks)
  }
}

const FREE_MAX = 2

const BLOCK_ROWS_MAX = 2_000

/** Rows on their way into the store: encoded as they come, so that the documents can be let go. */
export class RowBatch {
  readonly #pool: BlockPool
  #blocks: ReturnType<BlockPool['take']>
  readonly eventBlocks: Buffer[] = []
  readonly rollupBlocks: Buffer[] = []
  readonly letters: DeadLetter[] = []
  events = 0
  rollups = 0
  #sealedBytes = 0

  constructor(pool: BlockPool) {
    this.#pool = pool
    this.#blocks = pool.take()
  }

  get rows(): number {
    return this.events + this.rollups
  }

  get bytes(): number {
    return this.#sealedBytes + this.#blocks.events.bytes
  }

  add(row: Row): void {
    if (row.kind === 'rollup') {
      this.#blocks.rollups.add(row.rollup, row.place, row.source)
      this.rollups++
      if (this.#blocks.rollups.rows >= BLOCK_ROWS_MAX) this.seal()
      return
    }
    const refusal = this.#blocks.events.add(row.event, row.place)
    if (refusal !== undefined) {
      this.letters.push(letterOf(row, refusal))
      return
    }
    this.events++
    if (this.#blocks.events.rows >= BLOCK_ROWS_MAX) this.seal()
  }

  /** Closes the open blocks for good: nothing is added after it. */
  end(): void {
    this.seal()
    this.#pool.give(this.#blocks)
    this.#blocks = EMPTY
  }

  /** Closes the open blocks. */
  seal(): void {
    if (this.#blocks.events.rows > 0) this.#keep(this.eventBlocks, this.#blocks.events.take())
    if (this.#blocks.rollups.rows > 0) this.#keep(this.rollupBlocks, this.#blocks.rollups.take())
  }

  #keep(blocks: Buffer[], block: Buffer): void {
    blocks.push(block)
    this.#sealedBytes += block.length
  }
}

const EMPTY = new BlockPool('').take()

const RAW_CHARACTERS_MAX = 1024 * 1024

/** A row that cannot be stored, kept whole where that is possible. */
export function letterOf(row: Row, refusal: Refusal, detail = ''): DeadLetter {
  const { offset, index, ingestedMs } = row.place
  const id = row.kind === 'event' ? row.event.id : row.rollup.device
  return {
    id: shortId('store', row.kind, String(offset), String(index), id),
    source: row.source,
    decoder: 'store',
    code: 'STORE_REFUSED',
    message: `Not stored: ${REFUSALS[refusal]}${detail}.`,
    receivedMs: ingestedMs,
    raw: rawOf(row),
    rawEncoding: 'utf8',
  }
}

function rawOf(row: Row): string {
  try {
    return JSON.stringify(row.kind === 'event' ? row.event.doc : row.rollup).slice(
      0,
      RAW_CHARACTERS_MAX,
    )
  } catch {
    return ''
  }
}
