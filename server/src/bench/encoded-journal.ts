import { decodeBatch, encodeBatch } from '../journal/codec.ts'
import type { Commit, Journal, JournalBatch, JournalEntry } from '../model/journal.ts'

/** Entries as the real journal keeps them, encoded, without its disk: reading costs what it costs. */
export class EncodedJournal implements Journal {
  readonly #encoded: readonly Buffer[]
  readonly #readers = new Map<string, number>()
  #round = -1

  constructor(batches: readonly JournalBatch[]) {
    this.#encoded = batches.map((batch) => Buffer.from(encodeBatch(batch)))
  }
  /** The same entries at higher offsets. */
  again(): void {
    this.#round += 1
  }
  append(_batch: JournalBatch, _commit?: Commit): Promise<number> {
    return Promise.reject(new Error('read only'))
  }
  saveReader(name: string, offset: number): Promise<void> {
    this.#readers.set(name, offset)
    return Promise.resolve()
  }
  read(after: number, bytesMax: number): readonly JournalEntry[] {
    const entries: JournalEntry[] = []
    let bytes = 0
    for (let offset = after + 1; offset <= this.lastOffset() && bytes < bytesMax; offset += 1) {
      const one = this.#encoded[(offset - 1) % this.#encoded.length]
      if (one === undefined) break
      entries.push({ offset, batch: decodeBatch(one) })
      bytes += one.length
    }
    return entries
  }
  readerOffset(name: string): number {
    return this.#readers.get(name) ?? 0
  }
  lastOffset(): number {
    return this.#encoded.length * (this.#round + 1)
  }
  firstOffset(): number {
    return 1
  }
  cursors(): ReadonlyMap<string, string> {
    return new Map()
  }
  decoderState(): Iterable<readonly [string, string]> {
    return []
  }
  onAppend(): () => void {
    return () => undefined
  }
  stats(): { bytes: number; entries: number; bytesMax: number } {
    return { bytes: 0, entries: this.#encoded.length, bytesMax: 0 }
  }
}
