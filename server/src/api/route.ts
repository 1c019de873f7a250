import type { z } from 'zod'
import type { AccessAction, Principal, Role } from '../model/access.ts'
import type { Known } from '../people/people.ts'

/**
 * Who may call a route, and how the call is recorded. One of the two must be said, or the route does
 * not compile; what is public is listed in `PUBLIC_ROUTES` as well, and a test compares them.
 */
export type Guard =
  | { readonly roles: readonly [Role, ...Role[]]; readonly access: AccessAction }
  | { readonly public: string; readonly access?: AccessAction }

export interface RouteContext<P, Q, B> {
  readonly principal: Principal
  /** Of a session: see People. */
  readonly session: Known['session']
  /** Whether the asker still is who they were; for what goes on for long. */
  readonly stillKnown: () => Promise<boolean>
  /** The value of a cookie that was sent once. */
  readonly cookie: (name: string) => string | undefined
  /** The request came over TLS. */
  readonly secure: boolean
  readonly params: P
  readonly query: Q
  readonly body: B
  /** Header of a stream that goes on where it broke. */
  readonly lastEventId: string | undefined
  /** Header that names the version of a thing that a change is meant for. */
  readonly ifMatch: string | undefined
  /** Who asked, on the network; absent on the control socket. */
  readonly from: string | undefined
  /** Aborted when the asker went away. */
  readonly signal: AbortSignal
}

/** What a route answers: JSON of its response schema, other text, or a stream of text. */
export type Answer<R> =
  | ({ readonly body: R } & AnswerFacts)
  | ({ readonly text: string; readonly type: string } & AnswerFacts)
  | ({ readonly stream: AsyncIterable<string>; readonly type: string } & AnswerFacts)

export interface AnswerFacts {
  readonly status?: number
  /** Rows shown, for the access record. */
  readonly rows?: number
  /** Whom the record names, where the request itself tells it: a login. */
  readonly actor?: string
  /** What was asked, for the access record; never a secret or a person's name. */
  readonly record?: Readonly<Record<string, unknown>>
  readonly headers?: Readonly<Record<string, string | string[]>>
}

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

export type RouteSpec<P, Q, B, R> = Guard & {
  readonly method: Method
  /** With `:name` for each of `params`. */
  readonly path: string
  /** Unique; the name of the operation in openapi.json. */
  readonly operation: string
  readonly summary: string
  readonly params?: z.ZodType<P>
  readonly query?: z.ZodType<Q>
  readonly body?: z.ZodType<B>
  /** Absent where the answer is not JSON. */
  readonly response?: z.ZodType<R>
  /** Media type of an answer that is not JSON. */
  readonly responseType?: string
  /** The codes under which `response` is given; 200 unless said. */
  readonly statuses?: readonly number[]
  readonly bodyBytesMax?: number
  /** Open also to those who must change their password first. */
  readonly beforeChange?: boolean
  /** A browser comes here by itself: problems are shown as a page to who takes HTML. */
  readonly page?: boolean
  readonly handle: (context: RouteContext<P, Q, B>) => Promise<Answer<R>>
}

/** A route whose types were checked where it was written. */
export type Route = Guard & {
  readonly method: Method
  readonly path: string
  readonly operation: string
  readonly summary: string
  readonly params?: z.ZodType
  readonly query?: z.ZodType
  readonly body?: z.ZodType
  readonly response?: z.ZodType
  readonly responseType?: string
  /** The codes under which `response` is given; 200 unless said. */
  readonly statuses?: readonly number[]
  readonly bodyBytesMax?: number
  /** Open also to those who must change their password first. */
  readonly beforeChange?: boolean
  /** A browser comes here by itself: problems are shown as a page to who takes HTML. */
  readonly page?: boolean
  readonly handle: (context: RouteContext<unknown, unknown, unknown>) => Promise<Answer<unknown>>
}

/** Declares a route. The schemas are what the handler's argument is parsed by. */
export function route<P = undefined, Q = undefined, B = undefined, R = undefined>(
  spec: RouteSpec<P, Q, B, R>,
): Route {
  return spec as unknown as Route
}

/** Every route that may be called by anyone, and why. */
export const PUBLIC_ROUTES: Readonly<Record<string, string>> = {
  'GET /': 'A fixed page without data, for whoever opens the address in a browser.',
  'GET /healthz': 'Says only that the process answers; orchestrators ask it.',
  'GET /readyz': 'Says what is wrong, in words without data; orchestrators ask it.',
  'GET /metrics': 'Counts without data, for Prometheus.',
  'POST /api/v1/session': 'Logging in is how one becomes known.',
  'GET /api/v1/session/ways': 'The login page shows it.',
  'GET /api/v1/session/oidc': 'Logging in is how one becomes known.',
  'GET /api/v1/session/oidc/callback': 'Logging in is how one becomes known.',
  'GET /api/v1/openapi.json': 'The description of the API is the same for everyone.',
}

export const routeName = (route: { readonly method: string; readonly path: string }): string =>
  `${route.method} ${route.path}`
