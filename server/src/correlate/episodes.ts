import { ANEW } from '../base/anew.ts'
import { shortId } from '../base/hash.ts'
import type { AlertState } from '../model/alert.ts'
import { CORRELATOR_LIMITS, type Hit } from './correlator.ts'
import { insertEntry } from './entries.ts'
import { addBlock, blockOf, reachOf, type Block, type Episode } from './episode.ts'
import { type EpisodeRow, fromRow, toRow } from './episode-row.ts'
import { KeyTable } from './key-table.ts'

/** The key that collects the hits of new keys when a rule has too many episodes open. */
export const OVERFLOW_KEY = '"overflow"'

/** An episode ends at this length and continues in a linked one. */
export const EPISODE_MAX_MS = 24 * 3_600_000
/** A growing episode is reported again when its count has doubled, or after this much event time. */
const SAY_EVERY_MS = 10_000
/** Provisional hits of one episode; beyond, further ones are taken as certain and counted. */
const PENDING_MAX = 5_000

export type Matched = Readonly<Record<string, readonly string[]>>

/** What an episode is reported to. `merged` names the episode that took its hits over. */
export interface EpisodeSink {
  said(key: string, episode: Episode, say: Said): void
}

export interface Said {
  readonly state: AlertState
  readonly open: boolean
  readonly merged?: string
}

export interface EpisodeOptions {
  readonly ruleId: string
  /** An episode ends after this long without a hit. */
  readonly gapMs: number
  readonly keysMax?: number
  readonly sink: EpisodeSink
}

/** Where a hit comes from: the journal position that ids are minted of, and why it fired. */
export interface Occasion {
  readonly position: string
  readonly watermarkMs: number
  readonly matched?: () => Matched
  readonly late?: boolean
}

/** Folds the hits of one rule into episodes, key by key. */
export class Episodes {
  readonly table: KeyTable<Episode[]>
  /** Hits that found too many keys open and went to the overflow episode. */
  overflowed = 0
  readonly #options: EpisodeOptions
  #minted = 0

  constructor(options: EpisodeOptions) {
    this.#options = options
    this.table = new KeyTable({
      keysMax: options.keysMax ?? CORRELATOR_LIMITS.keysMax,
      codec: { encode: (episodes) => episodes.map(toRow), decode: (row) => this.#fromRows(row) },
    })
  }

  hit(hit: Hit, certainty: 'provisional' | 'final', occasion: Occasion): void {
    let key = hit.key
    let episodes = this.table.get(key)
    if (episodes === undefined && !this.table.admit()) {
      key = OVERFLOW_KEY
      this.overflowed += 1
      episodes = this.table.get(key)
    }
    episodes ??= []
    if (!this.#join(key, episodes, { hit, certainty, occasion })) {
      const added: Piece = {
        block: blockOf(hit),
        owner: undefined,
        ...(certainty === 'provisional' && { hit }),
      }
      episodes = this.#rebuild(key, [...piecesOf(episodes), added], { episodes, occasion, added })
    }
    this.#put(key, episodes)
  }

  /** Further events of a hit that was certain before. */
  more(hit: Hit): void {
    for (const key of [hit.key, OVERFLOW_KEY]) {
      const episodes = this.table.get(key) ?? []
      for (const { settled } of episodes) {
        if (settled === undefined) continue
        if (hit.time < settled.firstHitMs || hit.time > settled.lastHitMs) continue
        addBlock(settled, { ...blockOf(hit), count: 0 })
        return this.#put(key, episodes)
      }
    }
  }

  /** The provisional hit is certain now; `hit.events` are those no earlier final hit had. */
  final(hit: Hit): void {
    const { key, episodes, episode, at } = this.#find(hit)
    if (episode === undefined) return
    episode.pending.splice(at, 1)
    if (episode.settled === undefined) episode.settled = blockOf(hit)
    else addBlock(episode.settled, blockOf(hit))
    this.#sayIfNews(key, episode)
    this.#put(key, episodes)
  }

  retract(hit: Hit, occasion: Occasion): void {
    const { key, episodes, episode, at } = this.#find(hit)
    if (episode === undefined) return
    const gone = episode.pending[at]
    episode.changed = true
    const pieces = piecesOf(episodes).filter((piece) => piece.hit !== gone)
    this.#put(key, this.#rebuild(key, pieces, { episodes, occasion }))
  }

  /** Closes what the watermark has left behind. */
  advance(watermarkMs: number): void {
    for (;;) {
      const key = this.table.nextDue(watermarkMs)
      if (key === undefined) return
      const open: Episode[] = []
      for (const episode of this.table.get(key)!) {
        if (this.#endMs(episode) < watermarkMs && episode.pending.length === 0) {
          this.#say(key, episode, { state: stateOf(episode), open: false })
          continue
        }
        // The count of an episode that has gone quiet is told, not kept until the episode ends.
        if (this.#owedMs(episode) < watermarkMs) {
          this.#say(key, episode, { state: stateOf(episode), open: true })
        }
        open.push(episode)
      }
      this.#put(key, open)
    }
  }

  /** Closes everything: the input is complete, or the rule is gone. */
  close(): void {
    for (const key of this.table.keys()) {
      for (const episode of this.table.get(key)!) {
        this.#say(key, episode, { state: stateOf(episode), open: false })
      }
      this.table.delete(key)
    }
  }

  /** The usual case: the hit joins the latest episode and nothing has to be rearranged. */
  #join(
    key: string,
    episodes: readonly Episode[],
    one: {
      readonly hit: Hit
      readonly certainty: 'provisional' | 'final'
      readonly occasion: Occasion
    },
  ): boolean {
    const { hit, certainty } = one
    const last = episodes.at(-1)
    if (last === undefined) return false
    const { firstHitMs, lastHitMs } = reachOf(last)
    const near = hit.time - lastHitMs <= this.#options.gapMs
    if (!near || hit.time < firstHitMs || hit.time - firstHitMs >= EPISODE_MAX_MS) return false
    if (certainty === 'provisional' && last.pending.length < PENDING_MAX) {
      insertEntry(last.pending, hit)
    } else {
      if (certainty === 'provisional') this.table.losses.trimmed += 1
      if (last.settled === undefined) last.settled = blockOf(hit)
      else addBlock(last.settled, blockOf(hit))
    }
    this.#noteLate(last, one.occasion)
    this.#sayIfNews(key, last)
    return true
  }

  /** Cuts all hits of a key into episodes anew, keeping the ids of those that go on. */
  #rebuild(
    key: string,
    pieces: Piece[],
    was: {
      readonly episodes: readonly Episode[]
      readonly occasion: Occasion
      readonly added?: Piece
    },
  ): Episode[] {
    pieces.sort((a, b) => a.block.firstHitMs - b.block.firstHitMs || oldest(a) - oldest(b))
    const taken = new Set<Episode>()
    const made: Episode[] = []
    const notes: [Episode, string][] = []
    let previous: { episode: Episode; lastHitMs: number } | undefined
    for (const run of this.#cut(pieces)) {
      const owners = new Set<Episode>()
      for (const { owner } of run) if (owner !== undefined && !taken.has(owner)) owners.add(owner)
      const owner = [...owners].sort((a, b) => a.minted - b.minted)[0]
      const near =
        previous !== undefined &&
        run[0]!.block.firstHitMs - previous.lastHitMs <= this.#options.gapMs
      const link = near ? previous!.episode.id : undefined
      const episode = owner ?? this.#mint(key, run[0]!, { occasion: was.occasion, link })
      taken.add(episode)
      for (const other of owners) if (other !== owner) notes.push([other, episode.id])
      fill(episode, run)
      made.push(episode)
      previous = { episode, lastHitMs: reachOf(episode).lastHitMs }
      if (was.added !== undefined && run.includes(was.added)) {
        this.#noteLate(episode, was.occasion)
      }
      this.#sayIfNews(key, episode)
    }
    for (const gone of was.episodes) {
      if (made.includes(gone)) continue
      const merged = notes.find(([episode]) => episode === gone)?.[1]
      const say: Said = { state: 'retracted', open: false }
      this.#say(key, gone, merged === undefined ? say : { ...ANEW, ...say, merged })
    }
    return made
  }

  #cut(pieces: readonly Piece[]): Piece[][] {
    const runs: Piece[][] = []
    let startMs = 0
    let lastMs = Number.NEGATIVE_INFINITY
    for (const piece of pieces) {
      const { firstHitMs, lastHitMs } = piece.block
      const run = runs.at(-1)
      const joins = firstHitMs - lastMs <= this.#options.gapMs
      if (run === undefined || !joins || firstHitMs - startMs >= EPISODE_MAX_MS) {
        runs.push([piece])
        startMs = firstHitMs
        lastMs = lastHitMs
      } else {
        run.push(piece)
        lastMs = Math.max(lastMs, lastHitMs)
      }
    }
    return runs
  }

  #mint(
    key: string,
    piece: Piece,
    from: { readonly occasion: Occasion; readonly link: string | undefined },
  ): Episode {
    this.#minted += 1
    const opening = `${piece.block.firstHitMs}/${piece.hit?.name ?? ''}`
    const { position, matched } = from.occasion
    return {
      id: shortId(this.#options.ruleId, key, position, opening),
      minted: this.#minted,
      revision: 0,
      settled: undefined,
      pending: [],
      changed: false,
      late: 0,
      openUntilMs: Number.NEGATIVE_INFINITY,
      saidCount: 0,
      saidTimeMs: 0,
      saidState: '',
      continues: from.link,
      matched: matched?.(),
    }
  }

  #noteLate(episode: Episode, occasion: Occasion): void {
    if (occasion.late !== true) return
    episode.late += 1
    episode.openUntilMs = occasion.watermarkMs + this.#options.gapMs
  }

  #find(hit: Hit): { key: string; episodes: Episode[]; episode: Episode | undefined; at: number } {
    for (const key of [hit.key, OVERFLOW_KEY]) {
      const episodes = this.table.get(key) ?? []
      for (const episode of episodes) {
        const at = episode.pending.findIndex(
          (one) => one.name === hit.name && one.key === hit.key && one.time === hit.time,
        )
        if (at >= 0) return { key, episodes, episode, at }
      }
    }
    return { key: hit.key, episodes: [], episode: undefined, at: -1 }
  }

  #sayIfNews(key: string, episode: Episode): void {
    const state = stateOf(episode)
    const count = countOf(episode)
    const doubled = count >= 2 * episode.saidCount || count < episode.saidCount
    const { lastHitMs } = reachOf(episode)
    const due = count !== episode.saidCount && lastHitMs - episode.saidTimeMs >= SAY_EVERY_MS
    if (episode.revision === 0 || state !== episode.saidState || doubled || due) {
      this.#say(key, episode, { state, open: true })
    }
  }

  #say(key: string, episode: Episode, say: Said): void {
    episode.revision += 1
    episode.saidState = say.state
    episode.saidCount = countOf(episode)
    episode.saidTimeMs = reachOf(episode).lastHitMs
    this.#options.sink.said(key, episode, say)
  }

  #endMs(episode: Episode): number {
    return Math.max(reachOf(episode).lastHitMs + this.#options.gapMs, episode.openUntilMs)
  }

  /** When the watermark passes this, hits that were not told of are. */
  #owedMs(episode: Episode): number {
    if (countOf(episode) === episode.saidCount) return Number.POSITIVE_INFINITY
    return episode.saidTimeMs + SAY_EVERY_MS
  }

  #put(key: string, episodes: Episode[]): void {
    if (episodes.length === 0) return this.table.delete(key)
    let dueMs = Number.POSITIVE_INFINITY
    for (const episode of episodes) {
      dueMs = Math.min(dueMs, this.#endMs(episode), this.#owedMs(episode))
    }
    this.table.put(key, episodes, { hold: 'held', dueMs })
  }

  #fromRows(row: unknown): Episode[] {
    const episodes = (row as EpisodeRow[]).map(fromRow)
    for (const episode of episodes) this.#minted = Math.max(this.#minted, episode.minted)
    return episodes
  }
}

/** One settled block or one provisional hit, with the episode it has been part of. */
interface Piece {
  readonly block: Block
  readonly hit?: Hit
  readonly owner: Episode | undefined
}

function piecesOf(episodes: readonly Episode[]): Piece[] {
  const pieces: Piece[] = []
  for (const owner of episodes) {
    if (owner.settled !== undefined) pieces.push({ block: owner.settled, owner })
    for (const hit of owner.pending) pieces.push({ block: blockOf(hit), hit, owner })
  }
  return pieces
}

function oldest(piece: Piece): number {
  return piece.owner?.minted ?? Number.POSITIVE_INFINITY
}

function fill(episode: Episode, run: readonly Piece[]): void {
  let settled: Block | undefined
  episode.pending = []
  for (const { block, hit, owner } of run) {
    if (owner !== undefined && owner !== episode) {
      episode.changed = true
      episode.late += owner.late
      episode.openUntilMs = Math.max(episode.openUntilMs, owner.openUntilMs)
      owner.late = 0
    }
    if (hit !== undefined) episode.pending.push(hit)
    else if (settled === undefined)
      settled = { ...ANEW, ...block, events: block.events.slice(), origins: block.origins.slice() }
    else addBlock(settled, block)
  }
  episode.pending.sort((a, b) => a.time - b.time || a.order - b.order)
  episode.settled = settled
}

function countOf(episode: Episode): number {
  return (episode.settled?.count ?? 0) + episode.pending.length
}

function stateOf(episode: Episode): AlertState {
  if (episode.pending.length > 0) return 'provisional'
  return episode.changed ? 'amended' : 'final'
}
