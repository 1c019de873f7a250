import { fastify, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { timingSafeEqual } from 'node:crypto'
import { Readable } from 'node:stream'
import { z } from 'zod'
import type { Clock } from '../base/clock.ts'
import { shortId } from '../base/hash.ts'
import type { Logger } from '../base/log.ts'
import type { Metrics } from '../base/metrics.ts'
import { type Problem, ProblemError } from '../base/problems.ts'
import type { Principal } from '../model/access.ts'
import type { Known } from '../people/people.ts'
import { serverTls, type TlsMaterial } from '../vault/tls.ts'
import type { AccessRecorder } from './access-recorder.ts'
import { readCookie } from './cookies.ts'
import type { Once } from './idempotency.ts'
import { refuseBytes } from './client-error.ts'
import { PAGE_TYPE, problemPage } from './page.ts'
import { PROBLEM_TYPE, invalidDetails, knownProblem, problemDetails } from './problem-details.ts'
import type { Answer, Route } from './route.ts'
import { fromOf, isRecorded, record } from './route-record.ts'
import { createTurns } from './turns.ts'

export interface ServerOptions {
  readonly routes: readonly Route[]
  /** Who sent this request; undefined where it does not say, or says it wrongly. */
  readonly authenticate: (
    request: FastifyRequest,
    use: 'use' | 'look',
  ) => Promise<Known | undefined>
  readonly recorder: AccessRecorder
  /**
   * The local socket answers also when the record cannot be written: whoever may open it owns the
   * files anyway, and a full disk is when they need it. The lost record is counted and logged.
   */
  readonly recordOrRefuse: boolean
  readonly clock: Clock
  readonly log: Logger
  readonly metrics: Metrics
  readonly tls?: TlsMaterial
  /** Addresses and networks of proxies whose word counts on who asked; nobody's unless given. */
  readonly trustedProxies?: readonly string[]
  /** Does writes that bring an Idempotency-Key once. */
  readonly once?: Once
}

const BODY_BYTES_MAX = 1024 * 1024
const NOBODY: Principal = { kind: 'user', id: 'anonymous', roles: [] }

const HEADERS: Readonly<Record<string, string>> = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The declaration behind a registered route; a route without one stops the start. */
    readonly declared?: Route
  }
}

/** A Fastify server of declared routes: parse, authorise, record, answer. Not yet listening. */
export function buildServer(options: ServerOptions): FastifyInstance {
  const { log, metrics } = options
  const requests = metrics.counter('picket_api_requests_total', 'Requests by operation and status.')
  const app = fastify({
    logger: false,
    bodyLimit: BODY_BYTES_MAX,
    requestTimeout: 30_000,
    connectionTimeout: 60_000,
    keepAliveTimeout: 65_000,
    routerOptions: { maxParamLength: 256, ignoreTrailingSlash: false },
    trustProxy: trustOf(options.trustedProxies ?? []),
    genReqId: () => crypto.randomUUID(),
    forceCloseConnections: true,
    exposeHeadRoutes: false,
    // What the router refuses before a route is found: bytes that are no UTF-8, names too long.
    frameworkErrors: (error: Error, request: FastifyRequest, reply: FastifyReply) =>
      refuse(log, error, request, reply),
    clientErrorHandler: refuseBytes,
    ajv: { customOptions: { removeAdditional: false, coerceTypes: false } },
    ...(options.tls && { https: serverTls(options.tls) }),
  } as Parameters<typeof fastify>[0]) as unknown as FastifyInstance
  // zod is the one definition; it parses here, and describes the route in openapi.json.
  app.setValidatorCompiler(() => () => true)
  app.addHook('onRoute', (registered) => {
    if (registered.config?.declared === undefined) {
      throw new TypeError(`${String(registered.method)} ${registered.url} declares no role`)
    }
  })
  const turns = createTurns()
  app.addHook('onRequest', async (request) => {
    refuseTwins(request)
    await turns.enter()
  })
  app.addHook('onResponse', async (request, reply) => {
    const operation = request.routeOptions.config.declared?.operation ?? 'none'
    requests.inc({ operation, status: String(reply.statusCode) })
  })
  app.setErrorHandler(async (error, request, reply) => {
    const why = await recordedRefusal(options, error, request)
    await refuse(log, why, request, reply)
  })
  app.setNotFoundHandler(async (request, reply) => {
    const problem: Problem = { code: 'API_UNKNOWN', message: 'There is no route of this name.' }
    await sendProblem(request, reply, problemDetails(problem, request.id))
  })
  for (const route of options.routes) register(app, route, options)
  return app
}

/** Two of these, and what stands in front may have read the other one (RFC 9112, 3.2). */
const ONCE_ONLY = new Set(['host', 'authorization', 'cookie', 'x-csrf-token', 'origin'])

function refuseTwins({ raw }: FastifyRequest): void {
  const seen = new Set<string>()
  for (let at = 0; at < raw.rawHeaders.length; at += 2) {
    const name = raw.rawHeaders[at]?.toLowerCase() ?? ''
    if (ONCE_ONLY.has(name) && seen.has(name)) {
      const message = `The header ${name} stands twice.`
      throw new ProblemError({ code: 'API_INVALID', message })
    }
    seen.add(name)
  }
}

function register(app: FastifyInstance, route: Route, options: ServerOptions): void {
  app.route({
    method: route.method,
    url: route.path,
    config: { declared: route },
    ...(route.bodyBytesMax !== undefined && { bodyLimit: route.bodyBytesMax }),
    // Before the body is read: who may not ask is not listened to.
    onRequest: async (request, reply) => {
      await admit(route, options, request, reply)
    },
    handler: (request, reply) => answer(route, options, request, reply),
  })
}

const knowns = new WeakMap<FastifyRequest, Known>()

async function admit(
  route: Route,
  options: ServerOptions,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<void> {
  if ('public' in route) return
  const known = await options.authenticate(request, 'use')
  const problem = objection(route, known, request)
  if (problem === undefined && known !== undefined) {
    knowns.set(request, known)
    return
  }
  const refused: Problem = problem ?? { code: 'API_UNAUTHENTICATED', message: 'Say who you are.' }
  await record(route, options, request, {
    actor: (known?.principal ?? NOBODY).id,
    outcome: 'failure',
    detail: { code: refused.code },
  })
  if (known === undefined) void reply.header('www-authenticate', 'Bearer')
  throw new ProblemError(refused)
}

/** What stands between whoever asks and a route that is not public. */
function objection(
  route: Exclude<Route, { readonly public: string }>,
  known: Known | undefined,
  request: FastifyRequest,
): Problem | undefined {
  if (known === undefined) {
    const message = 'Say who you are: a session or a bearer token.'
    return { code: 'API_UNAUTHENTICATED', message }
  }
  if (known.session !== undefined && route.method !== 'GET' && !isOwnForm(request, known.session)) {
    return { code: 'LOGIN_CSRF', message: 'The header x-csrf-token is missing or wrong.' }
  }
  if (known.mustChange && route.beforeChange !== true) {
    return { code: 'PASSWORD_CHANGE', message: 'Change your password first.' }
  }
  if (known.principal.roles.some((role) => route.roles.includes(role))) return undefined
  return { code: 'API_FORBIDDEN', message: `This needs one of: ${route.roles.join(', ')}.` }
}

/** Sent by a page of ours: it could read the session's token, and comes from our origin. */
function isOwnForm(request: FastifyRequest, session: { readonly csrf: string }): boolean {
  const given = Buffer.from(headerOf(request, 'x-csrf-token') ?? '')
  const wanted = Buffer.from(session.csrf)
  if (given.length !== wanted.length || !timingSafeEqual(given, wanted)) return false
  const origin = headerOf(request, 'origin')
  return origin === undefined || hostOf(origin) === headerOf(request, 'host')
}

function hostOf(origin: string): string | undefined {
  try {
    return new URL(origin).host
  } catch {
    return undefined
  }
}

async function answer(
  route: Route,
  options: ServerOptions,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const known = knowns.get(request)
  const principal = known?.principal ?? NOBODY
  const parts: { params?: unknown; query?: unknown; body?: unknown } = {}
  for (const [name, schema, value] of [
    ['params', route.params, request.params],
    ['query', route.query ?? NOTHING, request.query],
    ['body', route.body, request.body],
  ] as const) {
    if (schema === undefined) continue
    const parsed = schema.safeParse(value)
    if (!parsed.success) {
      const detail = { code: 'API_INVALID' }
      await record(route, options, request, { actor: principal.id, outcome: 'failure', detail })
      return sendProblem(request, reply, invalidDetails(parsed.error, name, request.id))
    }
    parts[name] = parsed.data
  }
  const abort = new AbortController()
  // The request's own 'close' comes as soon as its body is read; only the reply's tells of a caller
  // that went away.
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished) abort.abort()
  })
  const context = {
    params: parts.params,
    query: parts.query,
    body: parts.body,
    principal,
    session: known?.session,
    stillKnown: async () => (await options.authenticate(request, 'look')) !== undefined,
    cookie: (name: string) => readCookie(request.headers.cookie, name),
    secure: request.protocol === 'https',
    lastEventId: headerOf(request, 'last-event-id'),
    ifMatch: headerOf(request, 'if-match'),
    from: fromOf(request),
    signal: abort.signal,
  }
  let given: Answer<unknown>
  try {
    const key = route.method === 'GET' ? undefined : headerOf(request, 'idempotency-key')
    // A login or a change of a password is not to be answered from what was kept.
    const isOnce = key !== undefined && options.once !== undefined && route.beforeChange !== true
    given =
      isOnce && !('public' in route)
        ? await options.once({ actor: principal.id, key, request: requestText(request) }, () =>
            route.handle(context),
          )
        : await route.handle(context)
  } catch (error) {
    const detail = { code: knownProblem(error)?.code ?? 'API_INTERNAL' }
    await record(route, options, request, { actor: principal.id, outcome: 'failure', detail })
    throw error
  }
  // Nothing is shown before it is recorded that it was.
  const detail = { ...given.record, ...(given.rows !== undefined && { rows: given.rows }) }
  const actor = given.actor ?? principal.id
  await record(route, options, request, { actor, outcome: 'success', detail })
  return send(route, given, request, reply)
}

/**
 * What is refused before its handler is reached (a body that is too large, or no JSON) is recorded like
 * what the handler refuses. What to answer with: the error, or that there is no record of it.
 */
async function recordedRefusal(
  options: ServerOptions,
  error: unknown,
  request: FastifyRequest,
): Promise<unknown> {
  const route = request.routeOptions.config.declared
  if (route === undefined || isRecorded(request)) return error
  const detail = { code: knownProblem(error)?.code ?? 'API_INTERNAL' }
  const actor = (knowns.get(request)?.principal ?? NOBODY).id
  try {
    await record(route, options, request, { actor, outcome: 'failure', detail })
    return error
  } catch (unrecorded) {
    return unrecorded
  }
}

/** False, not an empty list: that would mean to look at the headers and believe nobody. */
const trustOf = (proxies: readonly string[]): false | string[] =>
  proxies.length === 0 ? false : [...proxies]

function requestText(request: FastifyRequest): string {
  return `${request.method} ${request.url}\n${JSON.stringify(request.body ?? null)}`
}

const NOTHING = z.strictObject({})

function send(
  route: Route,
  given: Answer<unknown>,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  void reply.headers({ ...HEADERS, ...given.headers })
  if ('stream' in given) {
    return reply.type(given.type).send(Readable.from(given.stream, { objectMode: false }))
  }
  if ('text' in given)
    return reply
      .code(given.status ?? 200)
      .type(given.type)
      .send(given.text)
  if (given.body === undefined) return reply.code(given.status ?? 204).send()
  const text = JSON.stringify(given.body)
  if (route.method === 'GET') {
    const own = given.headers?.['etag']
    const etag = typeof own === 'string' ? own : `"${shortId(text)}"`
    void reply.header('etag', etag)
    if (headerOf(request, 'if-none-match')?.split(/,\s*/).includes(etag))
      return reply.code(304).send()
  }
  return reply
    .code(given.status ?? 200)
    .type('application/json; charset=utf-8')
    .send(text)
}

async function refuse(
  log: Logger,
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<void> {
  const known = knownProblem(error)
  if (known === undefined) {
    const fields = { requestId: request.id, why: messageOf(error), stack: stackOf(error) }
    log.error(fields, 'A request failed by a fault of our own.')
  }
  const problem: Problem = known ?? {
    code: 'API_INTERNAL',
    message: 'Picket failed; its log says why.',
  }
  await sendProblem(request, reply, problemDetails(problem, request.id))
}

function sendProblem(
  request: FastifyRequest,
  reply: FastifyReply,
  details: ReturnType<typeof problemDetails>,
): FastifyReply {
  void reply.code(details.status).headers(HEADERS)
  const isPage = request.routeOptions.config.declared?.page === true
  if (isPage && headerOf(request, 'accept')?.includes('text/html') === true) {
    return reply.type(PAGE_TYPE).send(problemPage(details))
  }
  return reply.type(PROBLEM_TYPE).send(JSON.stringify(details))
}

function headerOf(request: FastifyRequest, name: string): string | undefined {
  const value = request.headers[name]
  return Array.isArray(value) ? value[0] : value
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : 'unknown')
const stackOf = (error: unknown): string | undefined =>
  error instanceof Error ? error.stack : undefined
