import type { EcsDoc } from '../../model/event.ts'
import { isObject } from '../document/values.ts'

/** What the join of a shadow update remembers; plain JSON, never changed in place. */

/** Where a piece came from, so that its event has the item's id, facts and receipt. */
export interface Place {
  readonly key: string
  readonly receivedMs: number
  readonly facts?: Readonly<Record<string, string>>
  readonly part: number
}

/** Who published, or updated by other means. */
export interface Actor {
  readonly principal?: string | undefined
  readonly ip?: string | undefined
  readonly port?: number | undefined
  readonly clientId?: string | undefined
}

interface Timed {
  /** Event time, or receipt. */
  readonly atMs: number
  readonly timeMs?: number | undefined
  readonly original: string
}

/** A state that the shadow came to. */
export interface DocumentPiece extends Timed {
  readonly place: Place
  readonly kind: string
  readonly version?: number | undefined
  readonly doc: EcsDoc
}

/** An `UpdateThingShadow` entry of the log. */
export interface LogPiece extends Timed {
  readonly place: Place
  readonly traceId?: string | undefined
  readonly failed: boolean
  readonly actor: Actor
  readonly doc: EcsDoc
}

/** A `Publish-In` entry on the shadow's update topic; its own event was told already. */
export interface PublishPiece extends Timed {
  readonly receivedMs: number
  readonly traceId?: string | undefined
  readonly actor: Actor
}

/** All that waits of one shadow. */
export interface Group {
  readonly documents: readonly DocumentPiece[]
  readonly logs: readonly LogPiece[]
  readonly publishes: readonly PublishPiece[]
}

export const NO_PIECES: Group = { documents: [], logs: [], publishes: [] }

/** Saved memory may be of another making. */
export function isGroup(value: unknown): value is Group {
  return (
    isObject(value) &&
    Array.isArray(value['documents']) &&
    Array.isArray(value['logs']) &&
    Array.isArray(value['publishes'])
  )
}

export function sizeOf(group: Group): number {
  let size = 0
  for (const { original } of group.documents) size += original.length * 2
  for (const { original } of group.logs) size += original.length * 2
  for (const { original } of group.publishes) size += original.length
  return size
}

export function countOf(group: Group): number {
  return group.documents.length + group.logs.length + group.publishes.length
}

export const receiptOf = (piece: DocumentPiece | LogPiece | PublishPiece): number =>
  'place' in piece ? piece.place.receivedMs : piece.receivedMs

/** Pieces that lie so close in event time that they may belong together. */
export function clustersOf(group: Group, gapMs: number): readonly Group[] {
  const all = [
    ...group.documents.map((piece) => ({ atMs: piece.atMs, documents: [piece] })),
    ...group.logs.map((piece) => ({ atMs: piece.atMs, logs: [piece] })),
    ...group.publishes.map((piece) => ({ atMs: piece.atMs, publishes: [piece] })),
  ].sort((a, b) => a.atMs - b.atMs)
  const clusters: Group[] = []
  let open: { documents: DocumentPiece[]; logs: LogPiece[]; publishes: PublishPiece[] } | undefined
  let lastMs = Number.NEGATIVE_INFINITY
  for (const one of all) {
    if (open === undefined || one.atMs - lastMs > gapMs) {
      open = { documents: [], logs: [], publishes: [] }
      clusters.push(open)
    }
    lastMs = one.atMs
    if ('documents' in one) open.documents.push(...one.documents)
    else if ('logs' in one) open.logs.push(...one.logs)
    else open.publishes.push(...one.publishes)
  }
  return clusters
}
