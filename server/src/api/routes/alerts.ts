import { z } from 'zod'
import { ProblemError } from '../../base/problems.ts'
import type { Principal } from '../../model/access.ts'
import {
  type AlertFilter,
  countAlerts,
  isAlertVisible,
  listAlerts,
} from '../../state/alert-list.ts'
import { facetAlerts } from '../../state/alert-facets.ts'
import { readAlert, readHistory } from '../../state/alerts.ts'
import type { State } from '../../state/state.ts'
import { Mask, viewOf } from '../mask.ts'
import { type Route, route } from '../route.ts'
import {
  alertSchema,
  countsSchema,
  cursorSchema,
  flagSchema,
  idSchema,
  limitSchema,
  severitySchema,
  timeSchema,
} from '../schemas.ts'

/** Filters of lists, counts and the live stream alike. */
export const alertFilterSchema = z.strictObject({
  severity: severitySchema.optional().describe('At least this severe.'),
  state: z.enum(['provisional', 'final', 'amended', 'retracted']).optional(),
  open: flagSchema.optional(),
  rule: idSchema.optional(),
  suppressed: z
    .enum(['without', 'with', 'only'])
    .optional()
    .describe('Alerts that a planned change explains; without them unless asked for.'),
  from: timeSchema.optional().describe('Episodes that reach into the time from here.'),
  to: timeSchema.optional(),
})

const count = z.int()
const facetsSchema = z.strictObject({
  total: count,
  open: count,
  severity: countsSchema,
  state: z.strictObject({ provisional: count, final: count, amended: count, retracted: count }),
  rules: z
    .array(z.strictObject({ id: z.string(), name: z.string().optional(), count }))
    .describe('The hundred with the most alerts.'),
  moreRules: z.boolean(),
})
const listQuery = alertFilterSchema.extend({ cursor: cursorSchema.optional(), limit: limitSchema })
const READERS = ['admin', 'analyst', 'responder', 'auditor'] as const

export function alertRoutes({ state }: { readonly state: State }): readonly Route[] {
  return [
    route({
      method: 'GET',
      path: '/api/v1/alerts',
      operation: 'listAlerts',
      summary: 'Alerts, the one opened last first.',
      roles: READERS,
      access: 'alert-list',
      query: listQuery,
      response: z.strictObject({ alerts: z.array(alertSchema), cursor: z.string().optional() }),
      handle: async ({ query, principal }) => {
        const { cursor, limit, ...asked } = query
        const page = { limit, ...(cursor !== undefined && { cursor }) }
        const filter = toFilter(asked, principal)
        const found = await state.query((db) => listAlerts(state, db, filter, page))
        const alerts = found.alerts.map((alert) => viewOf(alert, principal))
        const next = found.cursor === undefined ? {} : { cursor: found.cursor }
        return { body: { alerts, ...next }, rows: alerts.length, record: { query: asked } }
      },
    }),
    route({
      method: 'GET',
      path: '/api/v1/alerts/counts',
      operation: 'countAlerts',
      summary: 'How many alerts there are, by severity.',
      roles: READERS,
      access: 'alert-list',
      query: alertFilterSchema,
      response: z.strictObject({ bySeverity: countsSchema }),
      handle: async ({ query, principal }) => {
        const filter = toFilter(query, principal)
        const bySeverity = await state.query((db) => countAlerts(state, db, filter))
        return { body: { bySeverity }, record: { query } }
      },
    }),
    route({
      method: 'GET',
      path: '/api/v1/alerts/facets',
      operation: 'facetAlerts',
      summary: 'How the alerts are spread over severities, states and rules.',
      roles: READERS,
      access: 'alert-list',
      query: alertFilterSchema,
      response: facetsSchema,
      handle: async ({ query, principal }) => {
        const filter = toFilter(query, principal)
        const found = await state.query((db) => facetAlerts(state, db, filter))
        // A rule's name may repeat what is hidden; of a number of alerts it cannot be told which.
        const isNamed = new Mask(principal.masks).isEmpty
        const rules = found.rules.map(({ id, name, count }) => {
          return { id, ...(isNamed && { name }), count }
        })
        return { body: { ...found, rules }, record: { query } }
      },
    }),
    route({
      method: 'GET',
      path: '/api/v1/alerts/:id',
      operation: 'getAlert',
      summary: 'An alert as it stands now, and what was told of it.',
      roles: READERS,
      access: 'alert-read',
      params: z.strictObject({ id: idSchema }),
      response: z.strictObject({
        alert: alertSchema,
        history: z.array(z.strictObject({ kind: z.string(), at: z.string(), alert: alertSchema })),
      }),
      handle: async ({ params, principal }) => {
        const seen = await state.query((db) =>
          isAlertVisible(state, db, params.id, principal.visibility),
        )
        const alert = seen ? await state.query((db) => readAlert(state, db, params.id)) : undefined
        if (alert === undefined) throw unknownAlert()
        const history = await state.query((db) => readHistory(state, db, params.id))
        const told = history.map((entry) => ({
          kind: entry.kind,
          at: new Date(entry.atMs).toISOString(),
          alert: viewOf(entry.alert, principal),
        }))
        return { body: { alert: viewOf(alert, principal), history: told }, rows: 1 }
      },
    }),
  ]
}

/** What was asked, narrowed to what may be seen. */
export function toFilter(
  asked: z.infer<typeof alertFilterSchema>,
  principal: Principal,
): AlertFilter {
  return {
    ...(asked.severity && { severityMin: asked.severity }),
    ...(asked.state && { states: [asked.state] }),
    ...(asked.open !== undefined && { open: asked.open }),
    ...(asked.rule !== undefined && { ruleId: asked.rule }),
    ...(asked.suppressed && { suppressed: asked.suppressed }),
    ...(asked.from !== undefined && { fromMs: Date.parse(asked.from) }),
    ...(asked.to !== undefined && { toMs: Date.parse(asked.to) }),
    ...(principal.visibility && { visibility: principal.visibility }),
  }
}

/** The same whether it does not exist or may not be seen. */
function unknownAlert(): ProblemError {
  return new ProblemError({ code: 'ALERT_UNKNOWN', message: 'There is no alert of this id.' })
}
