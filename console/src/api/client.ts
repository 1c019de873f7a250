import createFetchClient, { type Client, type Middleware } from 'openapi-fetch'
import type { components, paths } from './generated/api.ts'

export type Problem = components['schemas']['Problem']

export interface ApiClient extends Client<paths> {
  /** What the server said when the last login or `whoAmI` was answered; sent with each change. */
  readonly csrf: () => string | undefined
}

export interface ClientOptions {
  /** The address of the server without a path, as in `https://picket.example:8600`. */
  readonly baseUrl: string
  /** An API token; without one the client has a session by cookie. */
  readonly token?: string
  /** Needed outside a browser, which keeps cookies itself: holds the session's cookie. */
  readonly keepCookie?: boolean
  readonly fetch?: (request: Request) => Promise<Response>
}

const CSRF = 'x-csrf-token'
const SESSION_PATH = '/api/v1/session'

/**
 * A client of the server's HTTP interface, typed by its own description (openapi.json). Calls give
 * `{ data }` or `{ error }` with problem details (RFC 9457); only the network rejects.
 */
export function createApiClient(options: ClientOptions): ApiClient {
  let csrf: string | undefined
  let cookie: string | undefined
  const client = createFetchClient<paths>({
    baseUrl: options.baseUrl,
    credentials: 'same-origin',
    ...(options.fetch && { fetch: options.fetch }),
  })
  const session: Middleware = {
    onRequest({ request }) {
      if (options.token !== undefined) {
        request.headers.set('authorization', `Bearer ${options.token}`)
      }
      if (csrf !== undefined && request.method !== 'GET') request.headers.set(CSRF, csrf)
      if (cookie !== undefined) request.headers.set('cookie', cookie)
      return request
    },
    async onResponse({ request, response }) {
      if (options.keepCookie === true) {
        for (const line of response.headers.getSetCookie()) {
          const pair = line.split(';', 1)[0] ?? ''
          cookie = pair.endsWith('=') ? undefined : pair
        }
      }
      if (!response.ok || new URL(request.url).pathname !== SESSION_PATH) return undefined
      if (request.method === 'DELETE') csrf = undefined
      else csrf = ((await response.clone().json()) as { csrf?: string }).csrf
      return undefined
    },
  }
  client.use(session)
  return Object.assign(client, { csrf: () => csrf })
}
