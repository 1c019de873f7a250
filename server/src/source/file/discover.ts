import { type ByteFile, type FileStat, openByteFile } from './byte-file.ts'
import type { FileOptions } from './options.ts'
import { type FileRecord, LAST_BYTES } from './record.ts'
import type { Records } from './records.ts'
import { Tail, type WorkSpace } from './tail.ts'

/** What a file that is not followed turned out to be. */
export type Decision =
  /** Its content was read, or is none of ours. */
  | { readonly kind: 'ignore' }
  /** It cannot be told yet: being copied or compressed, or its original is still followed. */
  | { readonly kind: 'later' }
  /** It holds what a record stands for: reading goes on there. */
  | { readonly kind: 'resume'; readonly tail: Tail; readonly file: ByteFile }
  /** A followed file was replaced by a new one that continues it (as rsync and editors do). */
  | { readonly kind: 'replacement'; readonly tail: Tail; readonly file: ByteFile }
  /** It begins with what was read, but ends before the position: an earlier copy. */
  | { readonly kind: 'shorter'; readonly record: FileRecord }
  | { readonly kind: 'new'; readonly file: ByteFile }

export interface Candidate {
  readonly path: string
  readonly stat: FileStat
  /** A pattern names it; otherwise only its likeness to a followed file's name does. */
  readonly matched: boolean
}

export interface DiscoverContext {
  readonly options: FileOptions
  readonly records: Records
  readonly space: WorkSpace
  readonly nowMs: number
  /** The tail that follows this content now. */
  live(id: string): Tail | undefined
}

/** A compressed file that did not grow for so long and has no proper end is damaged. */
export const GZIP_PATIENCE_MS = 60_000

/** Finds out what a file is. Errors of the file system are thrown. */
export async function decide(candidate: Candidate, context: DiscoverContext): Promise<Decision> {
  const { records } = context
  const { stat, path } = candidate
  const known = records.byKey(stat.key)
  if (known?.done !== undefined && isUnchanged(known, stat)) return { kind: 'ignore' }
  if (known === undefined && !candidate.matched) {
    // A stranger beside a followed file is opened only where its name says that it belongs to it.
    const isNear = records.related(path).length > 0 || records.isSuccessor(path, stat.mtimeMs)
    if (!isNear || stat.size === 0) return { kind: 'ignore' }
  }
  const file = await openByteFile(path)
  let decision: Decision = { kind: 'ignore' }
  try {
    decision = await decideOpened(candidate, file, context)
  } finally {
    if (!('file' in decision)) await file.close()
  }
  return decision
}

function isUnchanged(known: FileRecord, stat: FileStat): boolean {
  return known.size === stat.size && known.mtimeMs === stat.mtimeMs
}

async function decideOpened(
  candidate: Candidate,
  file: ByteFile,
  context: DiscoverContext,
): Promise<Decision> {
  const { path, stat } = candidate
  if ((await file.stat()).key !== stat.key) return { kind: 'later' }
  const known = context.records.byKey(stat.key)
  const others = context.records.related(path).filter((record) => record !== known)
  // Where nothing was read under this inode it tells nothing: it may have been used again.
  const first = known === undefined || known.next === 0 ? [] : [known]
  const last = known?.next === 0 ? [known] : []
  for (const record of [...first, ...others, ...last]) {
    if (record !== known && record.path === path && record.next < SAME_BYTES_MIN) continue
    const live = context.live(record.id)
    if (live !== undefined) {
      const likeness = await likenessToLive(candidate, file, live, context)
      if (likeness === 'replacement') return { kind: 'replacement', tail: live, file }
      if (likeness === 'copy') return { kind: 'later' }
      continue
    }
    const tail = new Tail(record.id, { path, key: stat.key }, context.options)
    const outcome = await tail.resume(record, file, context.space)
    if (outcome === 'resumed') return { kind: 'resume', tail, file }
    if (outcome === 'shorter') return isBroken(file) ? unfinished(stat, context) : shorter(record)
  }
  if (isBroken(file)) return unfinished(stat, context)
  const isOurs = candidate.matched || context.records.isSuccessor(path, stat.mtimeMs)
  return isOurs ? { kind: 'new', file } : { kind: 'ignore' }
}

function shorter(record: FileRecord): Decision {
  return { kind: 'shorter', record }
}

function isBroken(file: ByteFile): boolean {
  return file.state === 'broken'
}

/** What can be read of a damaged file is read once it is clear that no one writes it any more. */
function unfinished(stat: FileStat, context: DiscoverContext): Decision {
  const isWritten = context.nowMs - stat.mtimeMs < GZIP_PATIENCE_MS
  return isWritten ? { kind: 'later' } : { kind: 'ignore' }
}

/**
 * Whether a file repeats a content that is still followed elsewhere. `copy`: all of it stands there too,
 * or the followed file was just replaced, or only the start can be compared.
 */
async function likenessToLive(
  candidate: Candidate,
  file: ByteFile,
  live: Tail,
  context: DiscoverContext,
): Promise<'copy' | 'replacement' | 'none'> {
  const { options, space } = context
  const original = live.file
  const isSamePath = candidate.path === live.path
  // Where the followed file still has a name, what came under its old name is another file.
  if (isSamePath && original !== undefined && (await original.stat()).links > 0) return 'none'
  const probe = new Tail(live.id, live, options)
  const outcome = await probe.resume(live.toRecord(), file, space)
  if (outcome === 'different') return 'none'
  if (isSamePath && !live.present) return outcome === 'resumed' ? 'replacement' : 'copy'
  if (file.compressed || original === undefined || original.compressed) return 'copy'
  // The followed file is asked last: had it been replaced before, its content would be gone.
  const { size } = await file.stat()
  const end = Buffer.alloc(Math.min(LAST_BYTES, size))
  await file.readAt(end, size - end.length)
  const there = Buffer.alloc(end.length)
  const got = await original.readAt(there, size - end.length)
  const still = new Tail(live.id, live, options)
  if ((await still.resume(live.toRecord(), original, space)) !== 'resumed') return 'copy'
  return got === end.length && there.equals(end) ? 'copy' : 'none'
}

/** Fewer bytes than these do not tell that a new file under an old name continues the old one. */
const SAME_BYTES_MIN = 256
