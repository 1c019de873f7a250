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
  const source = batch.source
  for (const [index, event] of (batch.events ?? []).entries()) {
    if (present?.has(eventKey(offset, index, event.id)) === true) continue
    const place = { ...lane, offset, index, ingestedMs: batch.ingestedMs }
    each({ kind: 'event', place, source, event })
  }
  for (const [index, rollup] of (batch.rollups ?? []).entries()) {
    if (present?.has(rollupKey(offset, index)) === true) continue
    const place = { ...lane, offset, index, ingestedMs: batch.ingestedMs }
    each({ kind: 'rollup', place, source, rollup })
  }
}

const BLOCK_ROWS_MAX = 2_000

/** Rows on their way into the store: encoded as they come, so that the documents can be let go. */
export class RowBatch {
  readonly #events: EventBlock
  readonly #rollups: RollupBlock
  readonly eventBlocks: Buffer[] = []
  readonly rollupBlocks: Buffer[] = []
  readonly letters: DeadLetter[] = []
  events = 0
  rollups = 0
  #sealedBytes = 0

  constructor(tenant: string) {
    this.#events = new EventBlock(tenant)
    this.#rollups = new RollupBlock(tenant)
  }

  get rows(): number {
    return this.events + this.rollups
  }

  get bytes(): number {
    return this.#sealedBytes + this.#events.bytes
  }

  add(row: Row): void {
    if (row.kind === 'rollup') {
      this.#rollups.add(row.rollup, row.place)
      this.rollups++
      if (this.#rollups.rows >= BLOCK_ROWS_MAX) this.seal()
      return
    }
    const refusal = this.#events.add(row.event, row.place)
    if (refusal !== undefined) {
      this.letters.push(letterOf(row, refusal))
      return
    }
    this.events++
    if (this.#events.rows >= BLOCK_ROWS_MAX) this.seal()
  }

  /** Closes the open blocks. */
  seal(): void {
    if (this.#events.rows > 0) this.#keep(this.eventBlocks, this.#events.take())
    if (this.#rollups.rows > 0) this.#keep(this.rollupBlocks, this.#rollups.take())
  }

  #keep(blocks: Buffer[], block: Buffer): void {
    blocks.push(block)
    this.#sealedBytes += block.length
  }
}

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
