import type { Clock } from '../base/clock.ts'
import type { Logger } from '../base/log.ts'
import type { Metrics } from '../base/metrics.ts'
import type { Keyring } from '../vault/keyring.ts'
import { Inbox } from './inbox.ts'
import { joinWriter, startWriterHere, startWriterThread } from './link.ts'
import { type JournalShare, LmdbJournal } from './lmdb-journal.ts'
import type { WriterSettings } from './protocol.ts'
import { SharedView } from './shared-view.ts'

export interface JournalOptions {
  /** Folder of the journal, below the data directory; made where there is none. */
  readonly dir: string
  readonly keyring: Keyring
  /** Bytes of entries that the journal holds at most, reserved ones included. */
  readonly bytesMax: number
  /** Age of the oldest entry at which no more data is taken. */
  readonly ageMaxMs: number
  /** Of `bytesMax`, and once more on the disk: room for control records, alerts and audit entries. */
  readonly reservedBytes: number
  readonly metrics: Metrics
  readonly log: Logger
  readonly clock: Clock
  /** A key seals at most so much, or so long, before the next one. 256 MiB and an hour unless set. */
  readonly epochBytes?: number
  readonly epochMs?: number
  /** Where writing happens; `thread` unless the program runs from source. */
  readonly writer?: 'thread' | 'here'
}

export interface JoinOptions {
  readonly share: JournalShare
  readonly keyring: Keyring
  readonly metrics: Metrics
  readonly log: Logger
  readonly clock: Clock
}

/**
 * Opens a journal for the first time in this process. The data directory's lock must be held. Rejects
 * with ProblemError JOURNAL_DISK, JOURNAL_CORRUPT or DATA_NEWER.
 */
export async function openJournal(options: JournalOptions): Promise<LmdbJournal> {
  const settings: WriterSettings = {
    dir: options.dir,
    bytesMax: options.bytesMax,
    ageMaxMs: options.ageMaxMs,
    reservedBytes: options.reservedBytes,
    epochBytes: options.epochBytes ?? 256 * 1024 * 1024,
    epochMs: options.epochMs ?? 3_600_000,
    openedMs: options.clock.now(),
  }
  const view = new SharedView()
  const { keyring, log } = options
  const compiled = import.meta.url.endsWith('.js')
  const start =
    (options.writer ?? (compiled ? 'thread' : 'here')) === 'thread'
      ? startWriterThread
      : startWriterHere
  const inbox = new Inbox()
  const link = start({ settings, keyring, view, log, receive: (message) => inbox.take(message) })
  link.hold(true)
  await inbox.ready(link)
  link.hold(false)
  const journal = new LmdbJournal({ ...options, settings, view, link, inbox, owner: true })
  await journal.sweepSnapshots()
  return journal
}

/** The same journal in another thread of this process. */
export async function joinJournal(options: JoinOptions): Promise<LmdbJournal> {
  const { settings, view, port } = options.share
  const inbox = new Inbox()
  const link = joinWriter(port, (message) => inbox.take(message))
  const shared = new SharedView(view)
  return new LmdbJournal({ ...options, settings, view: shared, link, inbox, owner: false })
}
