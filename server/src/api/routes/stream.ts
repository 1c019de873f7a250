import { ProblemError } from '../../base/problems.ts'
import type { Principal } from '../../model/access.ts'
import { type AlertFilter, alertsSince, lastAlertPlace } from '../../state/alert-list.ts'
import type { State } from '../../state/state.ts'
import type { AccessRecorder } from '../access-recorder.ts'
import { type AlertFeed, createAlertFeed, type News, newsText, type Place } from '../alert-feed.ts'
import { viewOf } from '../mask.ts'
import { type Route, route } from '../route.ts'
import { alertFilterSchema, toFilter } from './alerts.ts'

const STREAMS_MAX = 500
const BATCH_MAX = 100
/** Proxies drop what is silent. */
const BEAT_MS = 5_000
/** While there is news: how often it is asked whether the asker may still listen; else at each beat. */
const KNOWN_MS = 1_000

export interface StreamDeps {
  readonly state: State
  readonly recorder: AccessRecorder
  /** Called after new alert revisions were written; else they are looked for at every beat. */
  readonly onAlerts: ((listener: () => void) => () => void) | undefined
  /** Called when something was changed: then it is asked at once who may still listen. */
  readonly onChange: ((listener: () => void) => () => void) | undefined
  /** How many are served at once; fewer only in tests. */
  readonly streamsMax?: number
}

/** Server-sent events (WHATWG HTML, 9.2): `event: alert`, with the place in the journal as id. */
export function streamRoutes(deps: StreamDeps): readonly Route[] {
  const { state, onAlerts, streamsMax = STREAMS_MAX } = deps
  const streams = new Set<object>()
  const last = (): Promise<Place> => state.query((db) => lastAlertPlace(state, db))
  const feed = createAlertFeed({ state, onAlerts, last })
  return [
    route({
      method: 'GET',
      path: '/api/v1/alerts/stream',
      operation: 'followAlerts',
      summary:
        'Alert revisions as they come (text/event-stream); Last-Event-ID goes on from there.',
      roles: ['admin', 'analyst', 'responder', 'auditor'],
      access: 'alert-stream',
      query: alertFilterSchema,
      responseType: 'text/event-stream',
      handle: async ({ query, principal, lastEventId, signal, stillKnown }) => {
        if (streams.size >= streamsMax) throw tooMany(streamsMax)
        const start = parseEventId(lastEventId) ?? (await last())
        const follow = { filter: toFilter(query, principal), start, principal, signal, stillKnown }
        const stream = followAlerts({ ...deps, feed, streams, streamsMax }, follow)
        return { stream, type: 'text/event-stream; charset=utf-8', record: { query } }
      },
    }),
  ]
}

function tooMany(streamsMax: number): ProblemError {
  const message = `At most ${streamsMax} streams are served at once.`
  return new ProblemError({ code: 'API_UNAVAILABLE', message })
}

interface Following extends StreamDeps {
  readonly feed: AlertFeed
  readonly streams: Set<object>
  readonly streamsMax: number
}

interface Follow {
  readonly filter: AlertFilter
  readonly start: Place
  readonly principal: Principal
  readonly signal: AbortSignal
  readonly stillKnown: () => Promise<boolean>
}

/** Counted once it is read: an answer that nobody takes never begins, and never ends. */
async function* followAlerts(deps: Following, follow: Follow): AsyncGenerator<string> {
  const { recorder, feed, streams } = deps
  if (streams.size >= deps.streamsMax || follow.signal.aborted) return
  streams.add(follow)
  const { principal, signal } = follow
  const bell = createBell(signal)
  let place = follow.start
  let rows = 0
  let askedMs = Number.NEGATIVE_INFINITY
  let leave: (() => void) | undefined
  const forget = deps.onChange?.(() => {
    askedMs = Number.NEGATIVE_INFINITY
    bell.ring()
  })
  try {
    const channel = await feed.join(follow, bell.ring)
    leave = () => channel.leave()
    yield ': following\n\n'
    while (!signal.aborted) {
      if (performance.now() - askedMs >= KNOWN_MS) {
        if (!(await follow.stillKnown())) break
        askedMs = performance.now()
      }
      const news = channel.after(place) ?? (await newsSince(deps.state, follow, place))
      const newest = news.at(-1)
      if (newest !== undefined) {
        place = { offset: newest.offset, index: newest.index }
        rows += news.length
        yield news.map(({ text }) => text).join('')
        continue
      }
      if (await bell.wait(BEAT_MS)) continue
      askedMs = Number.NEGATIVE_INFINITY
      await channel.look()
      yield ': beat\n\n'
    }
  } finally {
    forget?.()
    leave?.()
    streams.delete(follow)
    const entry = { actor: principal.id, action: 'alert-stream', outcome: 'success' } as const
    await recorder.record({ ...entry, detail: { ended: true, rows } }).catch(() => undefined)
  }
}

/** For a stream that goes on where another broke, or that could not keep up. */
async function newsSince(state: State, follow: Follow, place: Place): Promise<readonly News[]> {
  const after = { ...place, limit: BATCH_MAX }
  const found = await state.query((db) => alertsSince(state, db, follow.filter, after))
  return found.map(({ offset, index, alert }) => {
    const shown = JSON.stringify(viewOf(alert, follow.principal))
    return { offset, index, text: newsText({ offset, index }, shown) }
  })
}

/** Waits for a ring, also one that came before the wait. */
function createBell(signal: AbortSignal): {
  ring: () => void
  wait: (ms: number) => Promise<boolean>
} {
  let rung = false
  let wake: (() => void) | undefined
  const ring = (): void => {
    rung = true
    wake?.()
  }
  signal.addEventListener('abort', ring, { once: true })
  return {
    ring,
    wait: async (ms) => {
      if (!rung) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, ms)
          wake = () => {
            clearTimeout(timer)
            resolve()
          }
        })
      }
      wake = undefined
      const was = rung
      rung = false
      return was
    },
  }
}

function parseEventId(text: string | undefined): Place | undefined {
  const found = /^(\d{1,15})-(\d{1,15})$/.exec(text ?? '')
  return found === null ? undefined : { offset: Number(found[1]), index: Number(found[2]) }
}
