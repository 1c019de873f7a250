import type { StateChange } from '../../model/decoder.ts'
import type { Commit, Journal, JournalBatch, JournalEntry } from '../../model/journal.ts'

/** A journal in memory, for tests of its readers: what was appended and saved counts as durable. */
export class MemoryJournal implements Journal {
  entries: JournalEntry[] = []
  readonly readers = new Map<string, number>()
  readonly #cursors = new Map<string, Map<string, string>>()
  readonly #state = new Map<string, readonly StateChange[]>()
  readonly #listeners = new Set<() => void>()

  append(batch: JournalBatch, commit?: Commit): Promise<number> {
    const offset = this.lastOffset() + 1
    // As a real journal does: readers get a copy, and only what can be written.
    this.entries.push({ offset, batch: structuredClone(batch) })
    if (commit?.cursor !== undefined) {
      const { source, key, value } = commit.cursor
      const cursors = this.#cursors.get(source) ?? new Map<string, string>()
      this.#cursors.set(source, cursors.set(key, value))
    }
    if (commit?.decoderState !== undefined) {
      this.#state.set(commit.decoderState.source, commit.decoderState.changes)
    }
    if (commit?.reader !== undefined) this.readers.set(commit.reader.name, commit.reader.offset)
    for (const listener of this.#listeners) listener()
    return Promise.resolve(offset)
  }

  saveReader(name: string, offset: number): Promise<void> {
    this.readers.set(name, offset)
    return Promise.resolve()
  }

  read(after: number, bytesMax: number): readonly JournalEntry[] {
    const found: JournalEntry[] = []
    let bytes = 0
    for (let at = Math.max(0, after + 1 - this.firstOffset()); at < this.entries.length; at++) {
      const entry = this.entries[at]
      if (entry === undefined || (found.length > 0 && bytes >= bytesMax)) break
      found.push(entry)
      bytes += (entry.batch.events?.length ?? 0) * 500 + 100
    }
    return found
  }

  readerOffset(name: string): number {
    return this.readers.get(name) ?? 0
  }

  lastOffset(): number {
    return this.entries.at(-1)?.offset ?? 0
  }

  firstOffset(): number {
    return this.entries[0]?.offset ?? 1
  }

  trim(before: number): void {
    this.entries = this.entries.filter((entry) => entry.offset >= before)
  }

  cursors(source: string): ReadonlyMap<string, string> {
    return this.#cursors.get(source) ?? new Map()
  }

  decoderState(): Iterable<readonly [string, string]> {
    return []
  }

  onAppend(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  stats(): { bytes: number; entries: number; bytesMax: number } {
    return { bytes: 0, entries: this.entries.length, bytesMax: Number.MAX_SAFE_INTEGER }
  }
}
