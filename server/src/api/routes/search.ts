import { z } from 'zod'
import type { Clock } from '../../base/clock.ts'
import { ProblemError } from '../../base/problems.ts'
import type { Search, SearchAnswer } from '../../model/search.ts'
import { Mask, maskRows } from '../mask.ts'
import { type Route, route, type RouteContext } from '../route.ts'
import { idSchema, NDJSON, timeSchema } from '../schemas.ts'

const DAY_MS = 86_400_000
const ROWS_MAX = 10_000
const READERS = ['admin', 'analyst', 'responder', 'auditor'] as const

const templateSchema = z.strictObject({
  name: z.string(),
  summary: z.string(),
  parameters: z.array(
    z.strictObject({
      name: z.string(),
      summary: z.string(),
      required: z.boolean(),
      field: z.string().optional(),
    }),
  ),
})

const answerSchema = z.strictObject({
  columns: z.array(z.string()),
  rows: z.array(z.array(z.unknown())),
  truncated: z.boolean(),
})

const runSchema = z.strictObject({
  values: z.record(z.string().max(64), z.string().max(1_024)).default({}),
  from: timeSchema.optional().describe('A day before `to` unless given.'),
  to: timeSchema.optional().describe('Now unless given; excluded.'),
  limit: z.int().min(1).max(ROWS_MAX).default(100),
})

export function searchRoutes(deps: {
  readonly search: Search | undefined
  readonly clock: Clock
}): readonly Route[] {
  return [
    route({
      method: 'GET',
      path: '/api/v1/search/templates',
      operation: 'listSearchTemplates',
      summary: 'The searches that can be run, and the values they take.',
      roles: READERS,
      access: 'search-templates',
      response: z.strictObject({ templates: z.array(templateSchema) }),
      handle: async () => {
        const templates = searchOf(deps).templates()
        const shown = templates.map((one) => ({ ...one, parameters: [...one.parameters] }))
        return { body: { templates: shown } }
      },
    }),
    route({
      method: 'POST',
      path: '/api/v1/search/templates/:name',
      operation: 'runSearchTemplate',
      summary: 'Runs a search over the stored events.',
      roles: READERS,
      access: 'search-run',
      params: z.strictObject({ name: idSchema }),
      body: runSchema,
      response: answerSchema,
      handle: async (asked) => {
        const { answer, record } = await run(deps, asked)
        return { body: answer, rows: answer.rows.length, record }
      },
    }),
    route({
      method: 'POST',
      path: '/api/v1/search/templates/:name/export',
      operation: 'exportSearchTemplate',
      summary:
        'The rows of a search, one JSON object a line; the header x-picket-truncated says whether there are more.',
      roles: READERS,
      access: 'search-export',
      params: z.strictObject({ name: idSchema }),
      body: runSchema,
      responseType: NDJSON,
      handle: async (asked) => {
        const { answer, record } = await run(deps, asked)
        const { columns, rows, truncated } = answer
        const lines = rows.map((row) => {
          const shown = Object.fromEntries(columns.map((column, at) => [column, row[at]]))
          return `${JSON.stringify(shown)}\n`
        })
        const headers = { 'x-picket-truncated': String(truncated) }
        const type = `${NDJSON}; charset=utf-8`
        return { text: lines.join(''), type, headers, rows: rows.length, record }
      },
    }),
  ]
}

async function run(
  deps: { readonly search: Search | undefined; readonly clock: Clock },
  asked: Pick<
    RouteContext<{ readonly name: string }, unknown, z.output<typeof runSchema>>,
    'params' | 'body' | 'principal' | 'signal'
  >,
): Promise<{
  readonly answer: z.infer<typeof answerSchema>
  readonly record: Readonly<Record<string, unknown>>
}> {
  const { params, body, principal, signal } = asked
  const search = searchOf(deps)
  refuseGuesses(search, params.name, body.values, principal.masks)
  const toMs = body.to === undefined ? deps.clock.now() : Date.parse(body.to)
  const fromMs = body.from === undefined ? toMs - DAY_MS : Date.parse(body.from)
  const span = { fromMs, toMs, limit: body.limit }
  const { visibility } = principal
  const request = { template: params.name, values: body.values, ...span }
  const found = await search.run({ ...request, ...(visibility && { visibility }) }, signal)
  if (!found.ok) throw new ProblemError(found.problem)
  const answer = maskAnswer(found.value, principal.masks)
  return { answer, record: { values: body.values, ...span } }
}

function searchOf({ search }: { readonly search: Search | undefined }): Search {
  if (search !== undefined) return search
  throw new ProblemError({ code: 'API_UNAVAILABLE', message: 'No event store is running.' })
}

/** Finding or not finding a value tells as much as showing it. */
function refuseGuesses(
  search: Search,
  name: string,
  values: Readonly<Record<string, string>>,
  masks: readonly string[] | undefined,
): void {
  const mask = new Mask(masks)
  if (mask.isEmpty) return
  const template = search.templates().find((one) => one.name === name)
  const guess = template?.parameters.find(
    (one) => one.field !== undefined && Object.hasOwn(values, one.name) && mask.hides(one.field),
  )
  if (guess === undefined) return
  const message = `The value "${guess.name}" is of a field that is hidden from you.`
  throw new ProblemError({ code: 'API_FORBIDDEN', message })
}

/** Columns are dotted ECS fields; the whole document is shown only to those without masks. */
function maskAnswer(
  answer: SearchAnswer,
  masks: readonly string[] | undefined,
): z.infer<typeof answerSchema> {
  const rows = maskRows(answer.columns, answer.rows, masks)
  return { columns: [...answer.columns], rows, truncated: answer.truncated }
}
