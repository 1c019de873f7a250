import type { Commit, Journal, JournalBatch, JournalEntry } from '../../model/journal.ts'

/** A journal in memory, for tests of its readers; one entry a read, to be the harder case. */
export class MemoryJournal implements Journal {
  readonly entries: JournalEntry[] = []
  readonly readers = new Map<string, number>()
  readonly #listeners = new Set<() => void>()
  trimmedTo = 0

  append(batch: JournalBatch, commit?: Commit): Promise<number> {
    const offset = this.lastOffset() + 1
    this.entries.push({ offset, batch })
    if (commit?.reader !== undefined) this.readers.set(commit.reader.name, commit.reader.offset)
    for (const listener of this.#listeners) listener()
    return Promise.resolve(offset)
  }
  saveReader(name: string, offset: number): Promise<void> {
    this.readers.set(name, offset)
    return Promise.resolve()
  }
  read(after: number): readonly JournalEntry[] {
    const from = Math.max(after, this.trimmedTo)
    return this.entries.filter((entry) => entry.offset > from).slice(0, 1)
  }
  readerOffset(name: string): number {
    return this.readers.get(name) ?? 0
  }
  lastOffset(): number {
    return this.entries.at(-1)?.offset ?? 0
  }
  firstOffset(): number {
    return this.trimmedTo + 1
  }
  cursors(): ReadonlyMap<string, string> {
    return new Map()
  }
  decoderState(): Iterable<readonly [string, string]> {
    return []
  }
  onAppend(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }
  stats(): { bytes: number; entries: number; bytesMax: number } {
    return { bytes: 0, entries: this.entries.length, bytesMax: 1 }
  }
}
