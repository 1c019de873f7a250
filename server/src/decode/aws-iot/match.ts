import { ANEW } from '../../base/anew.ts'
import type { Actor, DocumentPiece, Group, LogPiece, PublishPiece } from './pieces.ts'

/** How sure the principal of an update is. */
export type Certainty = 'exact' | 'inferred' | 'unknown'

/** One update of a shadow, of which the log told. */
export interface Update {
  readonly atMs: number
  readonly actor: Actor
  readonly traceId: string | undefined
  readonly log: LogPiece | undefined
  readonly publish: PublishPiece | undefined
}

/** One event to be told: a document, a log entry, or both, and who did it. */
export interface Verdict {
  readonly document: DocumentPiece | undefined
  readonly log: LogPiece | undefined
  readonly update: Update | undefined
  readonly certainty: Certainty
  /** Who it may have been, where it is unknown. */
  readonly candidates: readonly Actor[]
}

/** A document is stamped in whole seconds; the log's clock may be apart by some more. */
const BEFORE_MS = 3_000
const AFTER_MS = 4_000
const PAIR_MS = 3_000

/**
 * Who made which document. The pieces came in any order; the result does not depend on it.
 * `exact`: all updates of the time around the document are one actor's, and there are as many as
 * documents. `inferred`: several actors, paired in order, or fewer updates than documents.
 */
export function matchPieces(cluster: Group): readonly Verdict[] {
  const documents = distinctDocuments(cluster.documents)
  const failed = cluster.logs.filter((log) => log.failed)
  const updates = updatesOf(
    cluster.logs.filter((log) => !log.failed),
    cluster.publishes,
    failed,
  )
  const verdicts: Verdict[] = []
  const used = new Set<Update>()
  documents.forEach((document, index) => {
    const verdict = judge(document, index, updates, documents.length)
    if (verdict.update !== undefined) used.add(verdict.update)
    verdicts.push(verdict)
  })
  let spare = updates.filter(({ log }) => log !== undefined).length - documents.length
  for (const update of updates) {
    if (spare <= 0) break
    if (update.log === undefined || used.has(update)) continue
    spare -= 1
    verdicts.push(alone(update, update.log))
  }
  for (const log of failed) {
    const publish = cluster.publishes.find((one) => belongs(log, one))
    verdicts.push(alone(updateOf(log, publish), log))
  }
  return verdicts
}

function judge(
  document: DocumentPiece,
  index: number,
  updates: readonly Update[],
  documents: number,
): Verdict {
  const near = updates.filter(
    ({ atMs }) => atMs >= document.atMs - BEFORE_MS && atMs < document.atMs + AFTER_MS,
  )
  const one = new Set(near.map(({ actor }) => nameOf(actor))).size === 1
  const paired = updates.length === documents ? updates[index] : undefined
  const own = paired !== undefined && near.includes(paired) ? paired : undefined
  const update = own ?? (one ? nearest(near, document.atMs) : undefined)
  const made = { document, log: update?.log, update, candidates: [] }
  if (update?.actor.principal !== undefined) {
    const sure = one && updates.length >= documents
    return { ...ANEW, ...made, certainty: sure ? 'exact' : 'inferred' }
  }
  const candidates = near.map(({ actor }) => actor).filter((actor) => nameOf(actor) !== '\n\n')
  return {
    ...ANEW,
    ...made,
    certainty: 'unknown',
    candidates: update === undefined ? candidates : [],
  }
}

function alone(update: Update, log: LogPiece): Verdict {
  const certainty =
    update.actor.principal === undefined
      ? 'unknown'
      : update.publish === undefined || update.publish.traceId === log.traceId
        ? 'exact'
        : 'inferred'
  return { document: undefined, log, update, certainty, candidates: [] }
}

/** One document a version: `documents` tells more than `accepted`, that more than `delta`. */
function distinctDocuments(pieces: readonly DocumentPiece[]): readonly DocumentPiece[] {
  const rank = { documents: 0, accepted: 1 } as Readonly<Record<string, number>>
  const rankOf = (piece: DocumentPiece): number => rank[piece.kind] ?? 2
  const sorted = [...pieces].sort(
    (a, b) => rankOf(a) - rankOf(b) || a.atMs - b.atMs || (a.original < b.original ? -1 : 1),
  )
  const kept: DocumentPiece[] = []
  for (const piece of sorted) {
    const { version } = piece
    if (version === undefined || kept.every((other) => other.version !== version)) kept.push(piece)
  }
  return kept.sort((a, b) => (a.version ?? 0) - (b.version ?? 0) || a.atMs - b.atMs)
}

/** Joins entries of the log: by trace, else in order of time. */
function updatesOf(
  logs: readonly LogPiece[],
  publishes: readonly PublishPiece[],
  failed: readonly LogPiece[],
): readonly Update[] {
  const free = new Set([...publishes].sort(byTime))
  for (const log of failed) {
    const traced = [...free].find((one) => sameTrace(log, one))
    if (traced !== undefined) free.delete(traced)
  }
  const updates: Update[] = []
  const rest: LogPiece[] = []
  for (const log of [...logs].sort(byTime)) {
    const traced = [...free].find((one) => sameTrace(log, one))
    if (traced === undefined) rest.push(log)
    else {
      free.delete(traced)
      updates.push(updateOf(log, traced))
    }
  }
  for (const log of rest) {
    const publish = [...free].find((one) => belongs(log, one))
    if (publish !== undefined) free.delete(publish)
    updates.push(updateOf(log, publish))
  }
  for (const publish of free) updates.push(updateOf(undefined, publish))
  return updates.sort(byTime)
}

function updateOf(log: LogPiece | undefined, publish: PublishPiece | undefined): Update {
  const actor = publish?.actor ?? log?.actor ?? {}
  return {
    atMs: publish?.atMs ?? log?.atMs ?? 0,
    actor: actor.principal === undefined ? { ...ANEW, ...actor, ...log?.actor } : actor,
    traceId: log?.traceId ?? publish?.traceId,
    log,
    publish,
  }
}

const sameTrace = (log: LogPiece, publish: PublishPiece): boolean =>
  log.traceId !== undefined && log.traceId === publish.traceId

/** Two traces that differ are two updates. */
function belongs(log: LogPiece, publish: PublishPiece): boolean {
  if (sameTrace(log, publish)) return true
  if (log.traceId !== undefined && publish.traceId !== undefined) return false
  return Math.abs(log.atMs - publish.atMs) <= PAIR_MS
}

function byTime(
  a: { readonly atMs: number; readonly traceId?: string | undefined; readonly actor: Actor },
  b: { readonly atMs: number; readonly traceId?: string | undefined; readonly actor: Actor },
): number {
  const [x, y] = [`${a.traceId}\n${nameOf(a.actor)}`, `${b.traceId}\n${nameOf(b.actor)}`]
  return a.atMs - b.atMs || (x < y ? -1 : x > y ? 1 : 0)
}

const nameOf = ({ principal, ip, clientId }: Actor): string =>
  `${principal ?? ''}\n${ip ?? ''}\n${clientId ?? ''}`

function nearest(updates: readonly Update[], atMs: number): Update | undefined {
  let best: Update | undefined
  for (const update of updates) {
    const closer = best === undefined || Math.abs(update.atMs - atMs) < Math.abs(best.atMs - atMs)
    if (closer) best = update
  }
  return best
}
