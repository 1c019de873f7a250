import { ANEW } from '../base/anew.ts'
import { ALERT_EVENTS_MAX } from '../model/alert.ts'
import type { EventRef, Hit } from './correlator.ts'
import { addOrigins } from './origin.ts'

/** Hits taken together: the settled ones of an episode, or a single one. */
export interface Block {
  count: number
  /** Event times of the earliest and latest hit. */
  firstHitMs: number
  lastHitMs: number
  /** Event times of the earliest and latest event. */
  firstMs: number
  lastMs: number
  /** The oldest ALERT_EVENTS_MAX events, sorted by (time, order). */
  events: EventRef[]
  eventsTotal: number
  /** Distinct origins of all events, those that `events` has no room for included. */
  origins: string[]
}

/** A run of hits of one rule on one key: what becomes an alert. */
export interface Episode {
  readonly id: string
  /** Counts up over all episodes of a rule: where two turn out to be one, the older stays. */
  readonly minted: number
  revision: number
  /** Hits that cannot change any more. */
  settled: Block | undefined
  /** Provisional hits, sorted by time. */
  pending: Hit[]
  /** Something that was said of it was taken back. */
  changed: boolean
  /** Hits of events that came later than the lateness. */
  late: number
  /** Not closed before the watermark is past this, whatever the hits say; for late hits. */
  openUntilMs: number
  /** As last reported. */
  saidCount: number
  saidTimeMs: number
  saidState: string
  readonly continues: string | undefined
  readonly matched: Readonly<Record<string, readonly string[]>> | undefined
}

/** One hit. Its first and last are those of its events; of the hit itself where it has none. */
export function blockOf(hit: Hit): Block {
  const [first] = hit.events
  let firstMs = first?.time ?? hit.time
  let lastMs = firstMs
  for (const event of hit.events) {
    if (event.time < firstMs) firstMs = event.time
    if (event.time > lastMs) lastMs = event.time
  }
  const origins: string[] = []
  addOrigins(
    origins,
    hit.events.map((event) => event.from),
  )
  const events = distinct(hit.events)
  return {
    origins,
    count: 1,
    firstHitMs: hit.time,
    lastHitMs: hit.time,
    firstMs,
    lastMs,
    events: events.slice(0, ALERT_EVENTS_MAX),
    eventsTotal: events.length,
  }
}

/**
 * In their order, each once: the hits of a chain bring the events of several windows, and two
 * correlations that feed one may have been made of the same events.
 */
function distinct(events: readonly EventRef[]): EventRef[] {
  const sorted = events.toSorted(compareEvents)
  return sorted.filter((event, at) => at === 0 || compareEvents(sorted[at - 1]!, event) !== 0)
}

/**
 * Adds the hits of `more` to `block`. An event of both is listed and counted once; beyond the
 * oldest that are listed it cannot be told, and is counted for each.
 */
export function addBlock(block: Block, more: Block): void {
  block.count += more.count
  block.firstHitMs = Math.min(block.firstHitMs, more.firstHitMs)
  block.lastHitMs = Math.max(block.lastHitMs, more.lastHitMs)
  block.firstMs = Math.min(block.firstMs, more.firstMs)
  block.lastMs = Math.max(block.lastMs, more.lastMs)
  block.eventsTotal += more.eventsTotal - addEvents(block.events, more.events)
  addOrigins(block.origins, more.origins)
}

/** Keeps the oldest ALERT_EVENTS_MAX of both lists in `events`; gives how many were there before. */
function addEvents(events: EventRef[], more: readonly EventRef[]): number {
  let known = 0
  for (const event of more) {
    const last = events.at(-1)
    if (last === undefined || compareEvents(last, event) < 0) {
      if (events.length < ALERT_EVENTS_MAX) events.push(event)
      continue
    }
    let at = events.length
    while (at > 0 && compareEvents(events[at - 1]!, event) > 0) at -= 1
    if (at > 0 && compareEvents(events[at - 1]!, event) === 0) {
      known += 1
      continue
    }
    events.splice(at, 0, event)
    if (events.length > ALERT_EVENTS_MAX) events.pop()
  }
  return known
}

export function compareEvents(a: EventRef, b: EventRef): number {
  return a.time - b.time || a.order - b.order
}

/** All hits of an episode, settled and provisional, without counting an event twice. */
export function wholeOf(episode: Episode): Block {
  const whole: Block =
    episode.settled === undefined
      ? emptyBlock()
      : {
          ...ANEW,
          ...episode.settled,
          events: episode.settled.events.slice(),
          origins: episode.settled.origins.slice(),
        }
  if (episode.pending.length === 0) return whole
  const seen = new Set(whole.events.map((event) => event.id))
  for (const hit of episode.pending) {
    const fresh = hit.events.filter((event) => !seen.has(event.id))
    for (const event of fresh) seen.add(event.id)
    const block = blockOf(hit)
    addBlock(whole, {
      ...ANEW,
      ...block,
      events: fresh.slice(0, ALERT_EVENTS_MAX),
      eventsTotal: fresh.length,
    })
  }
  return whole
}

function emptyBlock(): Block {
  return {
    count: 0,
    firstHitMs: Number.POSITIVE_INFINITY,
    lastHitMs: Number.NEGATIVE_INFINITY,
    firstMs: Number.POSITIVE_INFINITY,
    lastMs: Number.NEGATIVE_INFINITY,
    events: [],
    eventsTotal: 0,
    origins: [],
  }
}

/** Event times of an episode's earliest and latest hit. */
export function reachOf(episode: Episode): { firstHitMs: number; lastHitMs: number } {
  const pending = episode.pending
  const first = pending[0]?.time ?? Number.POSITIVE_INFINITY
  const last = pending.at(-1)?.time ?? Number.NEGATIVE_INFINITY
  return {
    firstHitMs: Math.min(first, episode.settled?.firstHitMs ?? Number.POSITIVE_INFINITY),
    lastHitMs: Math.max(last, episode.settled?.lastHitMs ?? Number.NEGATIVE_INFINITY),
  }
}
