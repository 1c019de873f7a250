import { z } from 'zod'
import { shortId } from '../../base/hash.ts'
import type { Clock } from '../../base/clock.ts'
import { ProblemError } from '../../base/problems.ts'
import type { HuntDesk, HuntNews, HuntRequest, HuntRules, RunningHunt } from '../../hunt/desk.ts'
import type { HuntSummary } from '../../hunt/hunt.ts'
import type { Principal } from '../../model/access.ts'
import type { AccessRecorder } from '../access-recorder.ts'
import { Mask, viewOf } from '../mask.ts'
import { type Route, route } from '../route.ts'
import { idSchema, timeSchema } from '../schemas.ts'

const HUNTERS = ['admin', 'analyst', 'responder', 'auditor'] as const
const BODY_BYTES_MAX = 16 * 1024 * 1024
const FILES_MAX = 5_000
const QUERY_CHARS_MAX = 65_536
const MEMORY_BYTES_MIN = 64 * 2 ** 20
const CHECKPOINT_CHARS_MAX = 12 * 2 ** 20
const NDJSON = 'application/x-ndjson'
/** While there is news: how often it is asked whether the asker may still listen. */
const KNOWN_MS = 1_000

const fileSchema = z.strictObject({ path: z.string().min(1).max(1_024), text: z.string() })

const rulesSchema = z
  .strictObject({
    files: z
      .array(fileSchema)
      .min(1)
      .max(FILES_MAX)
      .optional()
      .describe('Rule files; the ends of their names tell the language.'),
    eql: z
      .string()
      .max(QUERY_CHARS_MAX)
      .optional()
      .describe('Or one EQL query, its pipes ignored.'),
    kql: z.string().max(QUERY_CHARS_MAX).optional().describe('Or one KQL query.'),
    pipeline: z
      .union([z.enum(['default', 'none']), fileSchema])
      .default('default')
      .describe("Sigma's field mapping, or the text of a processing pipeline."),
    ignore_logsource: z.boolean().default(false),
    matches: z
      .boolean()
      .default(false)
      .describe('Each match by itself, as of a query; else alerts, as of deployed rules.'),
  })
  .refine(
    ({ files, eql, kql }) => [files, eql, kql].filter((one) => one !== undefined).length === 1,
    {
      message: 'one of files, eql and kql',
    },
  )

const huntSchema = z.strictObject({
  rules: rulesSchema,
  against: z
    .union([z.literal('current'), rulesSchema])
    .optional()
    .describe('Rules to compare with, or the running ones of the same ids; the lines are changes.'),
  from: timeSchema,
  to: timeSchema.optional().describe('Now unless given; excluded.'),
  as_of: z.enum(['then', 'now']).default('then').describe('Assets as they were, or as they are.'),
  memory_max: z
    .int()
    .min(MEMORY_BYTES_MIN)
    .optional()
    .describe('Bytes that it may hold; no more than the server allows.'),
  checkpoints: z.boolean().default(false).describe('Tells checkpoints, after whole days.'),
  resume: z
    .base64()
    .max(CHECKPOINT_CHARS_MAX)
    .optional()
    .describe('A checkpoint of a hunt of the same rules, range, context and token.'),
})

type Asked = z.infer<typeof huntSchema>

export interface HuntDeps {
  readonly hunts: HuntDesk | undefined
  readonly clock: Clock
  readonly recorder: AccessRecorder
}

interface Entry {
  readonly owner: string
  readonly end: AbortController
}

/**
 * Hunts as lines of JSON (NDJSON): `hunt` (its id), `problems` of rules that do not run, then
 * `progress`, alerts and `checkpoint`s as they are found, at last `summary`, or `problem` where it did not get there.
 */
export function huntRoutes(deps: HuntDeps): readonly Route[] {
  const under = new Map<string, Entry>()
  return [
    route({
      method: 'POST',
      path: '/api/v1/hunts',
      operation: 'runHunt',
      summary: 'Runs rules over the stored past: one JSON object a line, as it goes (NDJSON).',
      roles: HUNTERS,
      access: 'hunt-run',
      bodyBytesMax: BODY_BYTES_MAX,
      body: huntSchema,
      responseType: NDJSON,
      handle: async ({ body, principal, signal, stillKnown }) => {
        const request = requestOf(body, principal, deps.clock.now())
        const begun = await begin(deps.hunts, { under, request, principal, signal })
        const { id, hunt } = begun
        const listener = { principal, stillKnown, recorder: deps.recorder }
        const stream = tell({ id, hunt }, listener, begun.ended)
        const record = {
          ...{ hunt: id, rules: hunt.rulesHash, against: body.against !== undefined },
          ...{ from: request.fromMs, to: request.toMs, asOf: body.as_of },
        }
        return { stream, type: `${NDJSON}; charset=utf-8`, record }
      },
    }),
    route({
      method: 'DELETE',
      path: '/api/v1/hunts/:id',
      operation: 'endHunt',
      summary: 'Calls a hunt off: ones own, or as an admin any.',
      roles: HUNTERS,
      access: 'hunt-end',
      params: z.strictObject({ id: idSchema }),
      handle: async ({ params, principal }) => {
        const one = under.get(params.id)
        const mine = one?.owner === principal.id || principal.roles.includes('admin')
        if (one === undefined || !mine) {
          throw new ProblemError({ code: 'API_UNKNOWN', message: 'There is no hunt of this id.' })
        }
        one.end.abort()
        return { body: undefined }
      },
    }),
  ]
}

function requestOf(body: Asked, principal: Principal, nowMs: number): HuntRequest {
  const fromMs = Date.parse(body.from)
  const toMs = body.to === undefined ? nowMs : Date.parse(body.to)
  if (fromMs >= toMs) {
    const message = 'The range ends before it begins.'
    throw new ProblemError({ code: 'API_INVALID', message, at: { field: 'from' } })
  }
  const { visibility, masks } = principal
  const { against, resume, memory_max } = body
  if (body.as_of === 'now' && (visibility !== undefined || !new Mask(masks).isEmpty)) {
    // Today's table of assets tells of devices that are elsewhere now, and of fields that are hidden.
    const message = 'A hunt as of now is for those who may see everything.'
    throw new ProblemError({ code: 'API_FORBIDDEN', message, hint: 'hunt as of then' })
  }
  return {
    rules: rulesOf(body.rules),
    ...(against !== undefined && { against: against === 'current' ? against : rulesOf(against) }),
    ...{ fromMs, toMs, asOf: body.as_of, owner: principal.id, keep: body.checkpoints },
    ...(resume !== undefined && { resume }),
    ...(memory_max !== undefined && { memoryBytesMax: memory_max }),
    ...(visibility !== undefined && { visibility }),
  }
}

function rulesOf(given: Asked['rules']): HuntRules {
  const { files, eql, kql, pipeline, matches, ignore_logsource: ignoreLogsource } = given
  return {
    ...{ pipeline, ignoreLogsource, adHoc: matches },
    ...(files !== undefined && { files }),
    ...(eql !== undefined && { eql }),
    ...(kql !== undefined && { kql }),
  }
}

interface Begun {
  readonly id: string
  readonly hunt: RunningHunt
  readonly ended: () => void
}

async function begin(
  desk: HuntDesk | undefined,
  one: {
    readonly under: Map<string, Entry>
    readonly request: HuntRequest
    readonly principal: Principal
    readonly signal: AbortSignal
  },
): Promise<Begun> {
  if (desk === undefined) {
    throw new ProblemError({ code: 'API_UNAVAILABLE', message: 'No event store is running.' })
  }
  const { under, request, principal, signal } = one
  const owner = principal.id
  if (under.size >= desk.atOnce || [...under.values()].some((each) => each.owner === owner)) {
    const message =
      under.size >= desk.atOnce
        ? `At most ${desk.atOnce} hunts run at once.`
        : 'A hunt of yours is running; one runs at a time.'
    throw new ProblemError({ code: 'HUNT_BUSY', message })
  }
  const id = shortId(crypto.randomUUID())
  const end = new AbortController()
  const ended = (): void => {
    under.delete(id)
    end.abort()
    signal.removeEventListener('abort', ended)
  }
  under.set(id, { owner, end })
  signal.addEventListener('abort', ended)
  try {
    const hunt = await desk.start(request, end.signal)
    refuseGuesses(hunt, principal.masks)
    if (signal.aborted) ended()
    return { id, hunt, ended }
  } catch (error) {
    ended()
    throw error
  }
}

/** Finding or not finding a value tells as much as showing it. */
function refuseGuesses({ need }: RunningHunt, masks: readonly string[] | undefined): void {
  const mask = new Mask(masks)
  if (mask.isEmpty) return
  const field = need.fields.find((one) => mask.hides(one))
  if (field === undefined && !need.whole) return
  const message =
    field === undefined
      ? 'A rule looks for a word in any field, and some fields are hidden from you.'
      : `A rule looks at "${field}", which is hidden from you.`
  throw new ProblemError({ code: 'API_FORBIDDEN', message })
}

async function* tell(
  of: { readonly id: string; readonly hunt: RunningHunt },
  listener: {
    readonly principal: Principal
    readonly stillKnown: () => Promise<boolean>
    readonly recorder: AccessRecorder
  },
  ended: () => void,
): AsyncGenerator<string> {
  const { principal, stillKnown, recorder } = listener
  const { id, hunt } = of
  let rows = 0
  let askedMs = performance.now()
  try {
    yield line({ hunt: { id } })
    if (hunt.problems.length > 0) yield line({ problems: hunt.problems })
    for await (const news of hunt.news()) {
      if (performance.now() - askedMs >= KNOWN_MS) {
        if (!(await stillKnown())) return
        askedMs = performance.now()
      }
      if (news.kind === 'alerts') rows += news.alerts.length
      if (news.kind === 'changes') rows += news.changes.length
      const text = linesOf(news, principal)
      if (text !== '') yield text
    }
  } finally {
    ended()
    const entry = { actor: principal.id, action: 'hunt-run', outcome: 'success' } as const
    await recorder
      .record({ ...entry, detail: { ended: true, hunt: id, rows } })
      .catch(() => undefined)
  }
}

const line = (value: unknown): string => `${JSON.stringify(value)}\n`

function linesOf(news: HuntNews, principal: Principal): string {
  switch (news.kind) {
    case 'alerts':
      return news.alerts.map((alert) => line({ alert: viewOf(alert, principal) })).join('')
    case 'changes':
      return news.changes
        .map(({ change, alert }) => line({ change, alert: viewOf(alert, principal) }))
        .join('')
    case 'progress': {
      const { events, total, timeMs } = news
      return line({ progress: { events, total, at: new Date(timeMs).toISOString() } })
    }
    case 'checkpoint':
      return line({ checkpoint: Buffer.from(news.checkpoint).toString('base64') })
    case 'done':
      return line({ summary: { ...summaryOf(news.summary), ...news.changes } })
    case 'failed':
      return line({ problem: news.problem })
    case 'beat':
      return line({ beat: true })
  }
}

function summaryOf({ readFromMs, readToMs, ...rest }: HuntSummary): Record<string, unknown> {
  const [from, to] = [readFromMs, readToMs].map((ms) => new Date(ms).toISOString())
  return { ...rest, read: { from, to } }
}
