import { ANEW } from '../../base/anew.ts'
import type { DecodeSink, Draft, StateChange } from '../../model/decoder.ts'
import type { EcsDoc } from '../../model/event.ts'
import { KeptMap } from '../kept-map.ts'
import { takerOf } from '../network/takeover.ts'
import { compact, isObject } from '../document/values.ts'
import { addressOf, principalOf } from './identity.ts'
import { type Certainty, matchPieces, type Verdict } from './match.ts'
import {
  type Actor,
  clustersOf,
  countOf,
  type DocumentPiece,
  type Group,
  isGroup,
  type LogPiece,
  NO_PIECES,
  type PublishPiece,
  receiptOf,
  sizeOf,
} from './pieces.ts'

const GROUPS_MAX = 5_000
const PIECES_MAX = 256
const HELD_CHARACTERS_MAX = 33_554_432
const SESSIONS_MAX = 100_000
const SESSIONS_EACH_MAX = 4
/** Pieces farther apart than this in event time never belong together. */
const GAP_MS = 8_000
const RELATED_MAX = 16

const ITEMS_MAX = 100_000

/** An input of which pieces wait, and whether it has ended in something already. */
interface Waiting {
  readonly pending: number
  readonly told: boolean
}

interface Session {
  readonly principal?: string | undefined
  readonly ip?: string | undefined
  readonly port?: number | undefined
  readonly sinceMs: number
}

/**
 * Names who changed a shadow. Documents and `UpdateThingShadow` entries wait until `windowMs` after
 * their receipt, whatever the order in which the pieces come, and are then told with the publisher
 * that fits. Bounded: what must make room is told at once with what is known by then.
 */
export class ShadowJoin {
  readonly #windowMs: number
  readonly #groups: KeptMap<Group>
  readonly #sessions = new KeptMap<readonly Session[]>('c:', SESSIONS_MAX)
  readonly #items = new KeptMap<Waiting>('i:', ITEMS_MAX)
  readonly #evicted: Group[] = []
  #characters = 0

  constructor(windowMs: number) {
    this.#windowMs = windowMs
    this.#groups = new KeptMap<Group>('g:', GROUPS_MAX, (_key, group) => {
      this.#evicted.push(group)
    })
  }

  document(shadow: string, piece: DocumentPiece): void {
    const group = this.#group(shadow)
    this.#put(shadow, { ...group, documents: [...group.documents, piece] })
  }

  log(shadow: string, piece: LogPiece): void {
    const group = this.#group(shadow)
    this.#put(shadow, { ...group, logs: [...group.logs, piece] })
  }

  publish(shadow: string, piece: PublishPiece): void {
    const group = this.#group(shadow)
    this.#put(shadow, { ...group, publishes: [...group.publishes, piece] })
  }

  /** Pieces of an input wait: it ends in their events, or as routine where others tell of them. */
  waits(itemKey: string, pending: number, told: boolean): void {
    const before = this.#items.get(itemKey)
    const sum = pending + (before?.pending ?? 0)
    this.#items.set(itemKey, { pending: sum, told: told || before?.told === true })
  }

  /** A client was seen to connect. */
  connected(clientId: string, session: Session): void {
    if (session.ip === undefined) return
    const before = this.#sessions.get(clientId)
    const known = Array.isArray(before) ? (before as readonly Session[]) : []
    const { sinceMs, ip, port } = session
    const same = known.some((one) => one.sinceMs === sinceMs && one.ip === ip && one.port === port)
    if (same) return
    const all = [...known, session].sort((a, b) => a.sinceMs - b.sinceMs)
    this.#sessions.set(clientId, all.slice(-SESSIONS_EACH_MAX))
  }

  /** The connection that took a client id from `loser`, where its connect was seen before. */
  takerOf(clientId: string, loser: Actor, endedMs: number): Actor | undefined {
    const known = this.#sessions.get(clientId)
    if (!Array.isArray(known)) return undefined
    const all = (known as readonly Session[]).map((session) => ({
      ...session,
      address: session.ip,
      user: session.principal,
    }))
    const { ip, port, principal } = loser
    return takerOf(all, { address: ip, port, user: principal }, endedMs)
  }

  /** Tells what has waited long enough, in the shadow at hand and in the ones that are quiet. */
  tellDue(shadows: Iterable<string>, nowMs: number, out: DecodeSink): void {
    const dueMs = nowMs - this.#windowMs
    for (const shadow of shadows) this.#tellDueOf(shadow, dueMs, out)
    for (;;) {
      const oldest = this.#groups.oldestKey
      if (oldest === undefined) break
      const over = this.#characters > HELD_CHARACTERS_MAX
      const group = this.#group(oldest)
      if (!over && newestReceipt(group) > dueMs) break
      this.#tellAll(oldest, group, out)
    }
    for (const group of this.#evicted.splice(0)) {
      if (!isGroup(group)) continue
      this.#characters -= sizeOf(group)
      this.#tell(group, out)
    }
  }

  /** Event time of the oldest piece that is to be an event. */
  waitsSinceMs(): number | undefined {
    let oldestMs = Number.POSITIVE_INFINITY
    for (const [, group] of this.#groups) {
      if (!isGroup(group)) continue
      for (const { atMs } of group.documents) oldestMs = Math.min(oldestMs, atMs)
      for (const { atMs } of group.logs) oldestMs = Math.min(oldestMs, atMs)
    }
    return Number.isFinite(oldestMs) ? oldestMs : undefined
  }

  settle(out: DecodeSink): void {
    for (const [shadow, group] of this.#groups) {
      this.#tellAll(shadow, isGroup(group) ? group : NO_PIECES, out)
    }
  }

  takeChanges(): StateChange[] {
    const changes: StateChange[] = []
    this.#groups.takeChanges(changes)
    this.#sessions.takeChanges(changes)
    this.#items.takeChanges(changes)
    return changes
  }

  restore(entries: readonly (readonly [string, string])[]): void {
    this.#groups.restore(entries)
    this.#sessions.restore(entries)
    this.#items.restore(entries)
    this.#characters = 0
    for (const [, group] of this.#groups) if (isGroup(group)) this.#characters += sizeOf(group)
  }

  stats(): Readonly<Record<string, number>> {
    return {
      shadows: this.#groups.size,
      shadows_evicted: this.#groups.evicted,
      sessions: this.#sessions.size,
      sessions_evicted: this.#sessions.evicted,
      held_characters: this.#characters,
    }
  }

  #group(shadow: string): Group {
    const group = this.#groups.get(shadow)
    return isGroup(group) ? group : NO_PIECES
  }

  #put(shadow: string, group: Group): void {
    this.#characters += sizeOf(group) - sizeOf(this.#group(shadow))
    this.#groups.set(shadow, group)
  }

  #tellDueOf(shadow: string, dueMs: number, out: DecodeSink): void {
    const group = this.#group(shadow)
    if (countOf(group) > PIECES_MAX) return this.#tellAll(shadow, group, out)
    const pieces = [...group.documents, ...group.logs, ...group.publishes]
    if (pieces.every((piece) => receiptOf(piece) > dueMs)) return
    let rest = NO_PIECES
    for (const cluster of clustersOf(group, GAP_MS)) {
      const all = [...cluster.documents, ...cluster.logs, ...cluster.publishes]
      if (all.some((piece) => receiptOf(piece) <= dueMs)) this.#tell(cluster, out)
      else rest = joinGroups(rest, cluster)
    }
    this.#characters += sizeOf(rest) - sizeOf(group)
    if (countOf(rest) === 0) this.#groups.delete(shadow)
    else this.#groups.set(shadow, rest)
  }

  #tellAll(shadow: string, group: Group, out: DecodeSink): void {
    this.#groups.delete(shadow)
    this.#characters -= sizeOf(group)
    for (const cluster of clustersOf(group, GAP_MS)) this.#tell(cluster, out)
  }

  #tell(cluster: Group, out: DecodeSink): void {
    const told = new Set<object>()
    for (const verdict of matchPieces(cluster)) {
      const piece = verdict.document ?? verdict.log
      const draft = this.#draftOf(verdict)
      if (draft === undefined || piece === undefined) continue
      told.add(piece)
      out.event(draft)
    }
    for (const piece of [...cluster.documents, ...cluster.logs]) {
      this.#release(piece.place.key, told.has(piece), out)
    }
  }

  #release(itemKey: string, told: boolean, out: DecodeSink): void {
    const waiting = this.#items.get(itemKey)
    if (waiting === undefined) return
    const now = { pending: waiting.pending - 1, told: waiting.told || told }
    if (now.pending > 0) this.#items.set(itemKey, now)
    else {
      this.#items.delete(itemKey)
      if (!now.told) out.routine('shadow-update-joined')
    }
  }

  #draftOf(verdict: Verdict): Draft | undefined {
    const { document, log, update } = verdict
    const piece = document ?? log
    if (piece === undefined) return undefined
    const { actor, certainty } = this.#withAddress(update, verdict.certainty)
    const { user, credential } = principalOf(actor.principal)
    const unknown = [
      ...(actor.principal === undefined ? ['principal'] : []),
      ...(actor.ip === undefined ? ['address'] : []),
      ...(document === undefined ? ['fields'] : []),
      ...(objectIn(piece.doc, 'device') === undefined ? ['thing'] : []),
    ]
    const base = { ...ANEW, ...log?.doc, ...document?.doc }
    const iot = { ...ANEW, ...objectIn(log?.doc, 'iot'), ...objectIn(document?.doc, 'iot') }
    const shadow = { ...ANEW, ...objectIn(iot, 'shadow'), identity: certainty }
    const mqtt = compact({ ...ANEW, ...objectIn(iot, 'mqtt'), client_id: actor.clientId })
    const doc = compact({
      ...ANEW,
      ...base,
      user,
      source: addressOf(actor.ip, actor.port),
      trace: update?.traceId === undefined ? undefined : { id: update.traceId },
      related: relatedOf(verdict.candidates),
      iot: compact({
        ...ANEW,
        ...iot,
        mqtt: Object.keys(mqtt).length === 0 ? undefined : mqtt,
        credential,
        shadow: unknown.length === 0 ? shadow : { ...ANEW, ...shadow, unknown },
      }),
    })
    const originals = [document?.original, log?.original, update?.publish?.original]
    const { part, ...origin } = piece.place
    return {
      timeMs: piece.timeMs,
      action: 'shadow-update',
      doc,
      part,
      origin: { ...origin, text: '' },
      original: originals.filter((text) => text !== undefined).join('\n'),
    }
  }

  /** The address of a publisher that the log left out: that of its client's session at the time. */
  #withAddress(
    update: Verdict['update'],
    certainty: Certainty,
  ): { readonly actor: Actor; readonly certainty: Certainty } {
    if (update === undefined) return { actor: {}, certainty }
    const { actor, atMs } = update
    if (actor.ip !== undefined || actor.clientId === undefined) return { actor, certainty }
    const known = this.#sessions.get(actor.clientId)
    if (!Array.isArray(known)) return { actor, certainty }
    const fits = (known as readonly Session[]).filter(
      ({ sinceMs, principal }) =>
        sinceMs <= atMs + GAP_MS &&
        (principal === undefined || actor.principal === undefined || principal === actor.principal),
    )
    const session = fits.at(-1)
    if (session === undefined) return { actor, certainty }
    const principal = actor.principal ?? session.principal
    return {
      actor: { ...ANEW, ...actor, principal, ip: session.ip },
      certainty: principal === undefined ? 'unknown' : 'inferred',
    }
  }
}

function joinGroups(a: Group, b: Group): Group {
  return {
    documents: [...a.documents, ...b.documents],
    logs: [...a.logs, ...b.logs],
    publishes: [...a.publishes, ...b.publishes],
  }
}

function newestReceipt(group: Group): number {
  let newest = Number.NEGATIVE_INFINITY
  for (const piece of [...group.documents, ...group.logs, ...group.publishes]) {
    newest = Math.max(newest, receiptOf(piece))
  }
  return newest
}

function relatedOf(candidates: readonly Actor[]): EcsDoc | undefined {
  const users = new Set<string>()
  const ips = new Set<string>()
  for (const { principal, ip } of candidates) {
    if (principal !== undefined && users.size < RELATED_MAX) users.add(principal)
    if (ip !== undefined && ips.size < RELATED_MAX) ips.add(ip)
  }
  if (users.size === 0 && ips.size === 0) return undefined
  return compact({
    user: users.size === 0 ? undefined : [...users].sort(),
    ip: ips.size === 0 ? undefined : [...ips].sort(),
  })
}

function objectIn(doc: EcsDoc | undefined, key: string): EcsDoc | undefined {
  const value = doc?.[key]
  return isObject(value) ? value : undefined
}
