import type { Principal } from '../model/access.ts'
import { type AlertFilter, alertsSince } from '../state/alert-list.ts'
import type { State } from '../state/state.ts'
import { viewOf } from './mask.ts'

/** How often at most the state is asked for news, whatever the number of streams. */
const PACE_MS = 100
const READ_MAX = 200
/** News that a channel keeps for streams that are a little behind. */
const KEPT_MAX = 1_000

export interface Place {
  readonly offset: number
  readonly index: number
}

/** An alert revision as a server-sent event, ready to be sent. */
export interface News extends Place {
  readonly text: string
}

/** News for those who may see the same: read, opened and written out once for all of them. */
export interface Channel {
  /**
   * What came after a place; undefined where it is not known any more, or not yet: then the state has to
   * be asked.
   */
  after(place: Place): readonly News[] | undefined
  /** Looks for news now, where nobody rings. */
  look(): Promise<void>
  leave(): void
}

export interface AlertFeed {
  join(who: FeedAsker, ring: () => void): Promise<Channel>
}

export interface FeedAsker {
  readonly filter: AlertFilter
  readonly principal: Principal
}

export interface FeedOptions {
  readonly state: State
  /** Called after new alert revisions were written. */
  readonly onAlerts: ((listener: () => void) => () => void) | undefined
  /** Where the state stands now. */
  readonly last: () => Promise<Place>
  readonly paceMs?: number
}

export function createAlertFeed(options: FeedOptions): AlertFeed {
  const channels = new Map<string, SharedChannel>()
  return {
    join: async (who, ring) => {
      // All that decides what is shown: asked for, allowed, hidden.
      const key = JSON.stringify([who.filter, who.principal.masks ?? []])
      let channel = channels.get(key)
      if (channel === undefined) {
        const made = new SharedChannel(options, who, () => {
          if (channels.get(key) === made) channels.delete(key)
        })
        channels.set(key, made)
        channel = made
      }
      return channel.join(ring)
    },
  }
}

class SharedChannel {
  readonly #options: FeedOptions
  readonly #who: FeedAsker
  readonly #emptied: () => void
  readonly #rings = new Set<() => void>()
  readonly #begun: Promise<void>
  readonly #unsubscribe: (() => void) | undefined
  #news: News[] = []
  /** All news after this place is in `news`. */
  #floor: Place | undefined
  #last: Place = { offset: 0, index: 0 }
  #looking: Promise<void> | undefined
  #timer: NodeJS.Timeout | undefined
  #lookedMs = Number.NEGATIVE_INFINITY
  #rung = false

  constructor(options: FeedOptions, who: FeedAsker, emptied: () => void) {
    this.#options = options
    this.#who = who
    this.#emptied = emptied
    this.#unsubscribe = options.onAlerts?.(() => this.#ring())
    this.#begun = this.#begin()
  }

  async join(ring: () => void): Promise<Channel> {
    this.#rings.add(ring)
    const leave = (): void => {
      this.#rings.delete(ring)
      if (this.#rings.size > 0) return
      this.#unsubscribe?.()
      clearTimeout(this.#timer)
      this.#emptied()
    }
    try {
      await this.#begun
    } catch (error) {
      leave()
      throw error
    }
    return { after: (place) => this.#after(place), look: () => this.#look(), leave }
  }

  async #begin(): Promise<void> {
    this.#last = await this.#options.last()
    this.#floor = this.#last
  }

  #after(place: Place): readonly News[] | undefined {
    if (this.#floor === undefined || isBefore(place, this.#floor)) return undefined
    let from = this.#news.length
    while (from > 0 && isBefore(place, this.#news[from - 1]!)) from -= 1
    return this.#news.slice(from)
  }

  #ring(): void {
    this.#rung = true
    if (this.#timer !== undefined || this.#looking !== undefined) return
    const waitMs = this.#lookedMs + (this.#options.paceMs ?? PACE_MS) - performance.now()
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined
        void this.#look()
      },
      Math.max(0, waitMs),
    )
  }

  #look(): Promise<void> {
    this.#looking ??= this.#read()
      .catch(() => {
        // The state refused: what is kept ends here, and each stream asks for itself, and says so.
        this.#floor = undefined
        this.#news = []
        this.#tell()
      })
      .finally(() => {
        this.#looking = undefined
        if (this.#rung && this.#rings.size > 0) this.#ring()
      })
    return this.#looking
  }

  async #read(): Promise<void> {
    this.#rung = false
    this.#lookedMs = performance.now()
    if (this.#floor === undefined) {
      // After a failure: from now on.
      await this.#begin()
      this.#tell()
      return
    }
    const { state } = this.#options
    const { filter, principal } = this.#who
    for (;;) {
      const after = { ...this.#last, limit: READ_MAX }
      const found = await state.query((db) => alertsSince(state, db, filter, after))
      for (const { offset, index, alert } of found) {
        const shown = JSON.stringify(viewOf(alert, principal))
        this.#last = { offset, index }
        this.#news.push({ ...this.#last, text: newsText(this.#last, shown) })
      }
      if (found.length > 0) this.#tell()
      if (found.length === 0) break
    }
    const extra = this.#news.length - KEPT_MAX
    if (extra <= 0) return
    const gone = this.#news.splice(0, extra).at(-1)
    if (gone !== undefined) this.#floor = { offset: gone.offset, index: gone.index }
  }

  #tell(): void {
    for (const ring of this.#rings) ring()
  }
}

export function newsText({ offset, index }: Place, shown: string): string {
  return `event: alert\nid: ${offset}-${index}\ndata: ${shown}\n\n`
}

function isBefore(a: Place, b: Place): boolean {
  return a.offset < b.offset || (a.offset === b.offset && a.index < b.index)
}
