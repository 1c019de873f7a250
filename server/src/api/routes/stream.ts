import { ProblemError } from '../../base/problems.ts'
import type { Principal } from '../../model/access.ts'
import { type AlertFilter, alertsSince, lastAlertPlace } from '../../state/alert-list.ts'
import type { State } from '../../state/state.ts'
import type { AccessRecorder } from '../access-recorder.ts'
import { type Route, route } from '../route.ts'
import { alertFilterSchema, toFilter, viewOf } from './alerts.ts'

const STREAMS_MAX = 500
const BATCH_MAX = 100
/** Proxies drop what is silent; and as often it is asked whether the asker may still listen. */
const BEAT_MS = 15_000

export interface StreamDeps {
  readonly state: State
  readonly recorder: AccessRecorder
  /** Called after new alert revisions were written; else they are looked for at every beat. */
  readonly onAlerts: ((listener: () => void) => () => void) | undefined
}

/** Server-sent events (WHATWG HTML, 9.2): `event: alert`, with the place in the journal as id. */
export function streamRoutes(deps: StreamDeps): readonly Route[] {
  let streams = 0
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
        if (streams >= STREAMS_MAX) {
          const message = `At most ${STREAMS_MAX} streams are served at once.`
          throw new ProblemError({ code: 'API_UNAVAILABLE', message })
        }
        const { state } = deps
        const start =
          parseEventId(lastEventId) ?? (await state.query((db) => lastAlertPlace(state, db)))
        const follow = { filter: toFilter(query, principal), start, principal, signal, stillKnown }
        streams += 1
        const stream = followAlerts(deps, follow, () => {
          streams -= 1
        })
        return { stream, type: 'text/event-stream; charset=utf-8', record: { query } }
      },
    }),
  ]
}

interface Follow {
  readonly filter: AlertFilter
  readonly start: { readonly offset: number; readonly index: number }
  readonly principal: Principal
  readonly signal: AbortSignal
  readonly stillKnown: () => Promise<boolean>
}

async function* followAlerts(
  deps: StreamDeps,
  follow: Follow,
  ended: () => void,
): AsyncGenerator<string> {
  const { state, recorder } = deps
  const { filter, principal, signal } = follow
  const bell = createBell(signal)
  const unsubscribe = deps.onAlerts?.(bell.ring)
  let place = follow.start
  let rows = 0
  try {
    yield ': following\n\n'
    while (!signal.aborted && (await follow.stillKnown())) {
      const after = { ...place, limit: BATCH_MAX }
      const found = await state.query((db) => alertsSince(state, db, filter, after))
      for (const { offset, index, alert } of found) {
        place = { offset, index }
        rows += 1
        const text = JSON.stringify(viewOf(alert, principal))
        yield `event: alert\nid: ${offset}-${index}\ndata: ${text}\n\n`
      }
      if (found.length > 0) continue
      if (!(await bell.wait(BEAT_MS))) yield ': beat\n\n'
    }
  } finally {
    unsubscribe?.()
    ended()
    const entry = { actor: principal.id, action: 'alert-stream', outcome: 'success' } as const
    await recorder.record({ ...entry, detail: { ended: true, rows } }).catch(() => undefined)
  }
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

function parseEventId(text: string | undefined): { offset: number; index: number } | undefined {
  const found = /^(\d{1,15})-(\d{1,15})$/.exec(text ?? '')
  return found === null ? undefined : { offset: Number(found[1]), index: Number(found[2]) }
}
