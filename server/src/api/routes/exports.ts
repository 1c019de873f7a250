import { z } from 'zod'
import { ProblemError } from '../../base/problems.ts'
import type { Principal } from '../../model/access.ts'
import { ALERT_PAGE_MAX, type AlertFilter, listAlerts } from '../../state/alert-list.ts'
import type { State } from '../../state/state.ts'
import type { AccessRecorder } from '../access-recorder.ts'
import { findingOf, viewOf } from '../mask.ts'
import { type Route, route } from '../route.ts'
import { NDJSON } from '../schemas.ts'
import { alertFilterSchema, toFilter } from './alerts.ts'

/** Each holds one page of alerts in memory. */
const EXPORTS_MAX = 4

/** All alerts of a filter, one JSON object a line, as far as the reader takes them. */
export function exportRoutes(deps: {
  readonly state: State
  readonly recorder: AccessRecorder
}): readonly Route[] {
  const running = new Set<object>()
  return [
    route({
      method: 'GET',
      path: '/api/v1/alerts/export',
      operation: 'exportAlerts',
      summary: 'All alerts of a filter, the one opened last first, one JSON object a line.',
      roles: ['admin', 'analyst', 'responder', 'auditor'],
      access: 'alert-export',
      query: alertFilterSchema.extend({
        format: z
          .enum(['json', 'ocsf'])
          .default('json')
          .describe('`ocsf`: Detection Findings (class 2004) of OCSF 1.8.'),
      }),
      responseType: NDJSON,
      handle: async ({ query, principal, signal }) => {
        if (running.size >= EXPORTS_MAX) throw new ProblemError(TOO_MANY)
        const { format, ...asked } = query
        const filter = toFilter(asked, principal)
        const stream = exported({ ...deps, running }, { filter, principal, signal, format })
        return { stream, type: `${NDJSON}; charset=utf-8`, record: { query } }
      },
    }),
  ]
}

const TOO_MANY = {
  code: 'API_UNAVAILABLE',
  message: `At most ${EXPORTS_MAX} exports run at once.`,
} as const

interface Export {
  readonly filter: AlertFilter
  readonly principal: Principal
  readonly signal: AbortSignal
  readonly format: 'json' | 'ocsf'
}

/** Counted once it is read. What goes wrong on the way breaks the answer off, so that it does not look whole. */
async function* exported(
  deps: {
    readonly state: State
    readonly recorder: AccessRecorder
    readonly running: Set<object>
  },
  of: Export,
): AsyncGenerator<string> {
  const { state, recorder, running } = deps
  const { filter, principal, signal, format } = of
  if (running.size >= EXPORTS_MAX) throw new ProblemError(TOO_MANY)
  running.add(of)
  let rows = 0
  let isWhole = false
  try {
    for (let cursor: string | undefined; !signal.aborted;) {
      const page = { limit: ALERT_PAGE_MAX, ...(cursor !== undefined && { cursor }) }
      const found = await state.query((db) => listAlerts(state, db, filter, page))
      rows += found.alerts.length
      const shown = format === 'ocsf' ? findingOf : viewOf
      const lines = found.alerts.map(
        (alert) => `${JSON.stringify(shown(alert, principal))}
`,
      )
      if (lines.length > 0) yield lines.join('')
      cursor = found.cursor
      isWhole = cursor === undefined
      if (isWhole) break
    }
  } finally {
    running.delete(of)
    const outcome = isWhole ? ('success' as const) : ('failure' as const)
    const entry = { actor: principal.id, action: 'alert-export', outcome } as const
    await recorder.record({ ...entry, detail: { ended: true, rows } }).catch(() => undefined)
  }
}
