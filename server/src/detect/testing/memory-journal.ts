import { ProblemError } from '../../base/problems.ts'
import type { Commit, Journal, JournalBatch, JournalEntry } from '../../model/journal.ts'

/** A journal in memory that can refuse, for tests; batches and commits are copied as text. */
export class MemoryJournal implements Journal {
  readonly entries: string[] = []
  readonly #readers = new Map<string, number>()
  readonly #state = new Map<string, Map<string, string>>()
  readonly #listeners = new Set<() => void>()
  /** Appends that fail before one succeeds. */
  refusals = 0
  /** Called at each append before it is durable; may throw to crash there. */
  onWrite: ((batch: JournalBatch, commit: Commit) => void) | undefined

  async append(batch: JournalBatch, commit: Commit = {}): Promise<number> {
    await Promise.resolve()
    if (this.refusals > 0) {
      this.refusals -= 1
      throw new ProblemError({ code: 'INPUT_UNREADABLE', message: 'full' })
    }
    this.onWrite?.(batch, commit)
    this.entries.push(JSON.stringify(batch))
    const { reader, decoderState } = commit
    if (reader !== undefined) this.#readers.set(reader.name, reader.offset)
    if (decoderState !== undefined) {
      const state = this.#state.get(decoderState.source) ?? new Map<string, string>()
      this.#state.set(decoderState.source, state)
      for (const { key, value } of decoderState.changes) {
        if (value === undefined) state.delete(key)
        else state.set(key, value)
      }
    }
    for (const listener of this.#listeners) listener()
    return this.entries.length
  }

  saveReader(name: string, offset: number): Promise<void> {
    this.#readers.set(name, offset)
    return Promise.resolve()
  }

  read(after: number, bytesMax: number): readonly JournalEntry[] {
    const found: JournalEntry[] = []
    let bytes = 0
    for (let at = after; at < this.entries.length && (bytes < bytesMax || at === after); at += 1) {
      const text = this.entries[at]!
      bytes += text.length
      found.push({ offset: at + 1, batch: JSON.parse(text) as JournalBatch })
    }
    return found
  }

  readerOffset(name: string): number {
    return this.#readers.get(name) ?? 0
  }

  lastOffset(): number {
    return this.entries.length
  }

  firstOffset(): number {
    return 1
  }

  cursors(): ReadonlyMap<string, string> {
    return new Map()
  }

  decoderState(source: string): Iterable<readonly [string, string]> {
    return this.#state.get(source) ?? []
  }

  onAppend(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  stats(): { bytes: number; entries: number; bytesMax: number } {
    return { bytes: 0, entries: this.entries.length, bytesMax: 0 }
  }
}
