import { z } from 'zod'
import { ProblemError } from '../../base/problems.ts'
import type { Oidc } from '../../people/oidc/oidc.ts'
import { CALLBACK_PATH } from '../../people/oidc/settings.ts'
import type { People } from '../../people/people.ts'
import { cookieNames, passageCookie, sessionCookie } from '../cookies.ts'
import { onwardPage, PAGE_TYPE } from '../page.ts'
import { type Route, route } from '../route.ts'

const START_PATH = '/api/v1/session/oidc'
/** A path of ours: one slash, and nothing that a browser reads as another host or as a line end. */
const returnPath = z
  .string()
  .max(512)
  .regex(/^\/(?![/\\])[\x21-\x7e]*$/)
  .refine((path) => !path.includes('\\'))
const parameter = z.string().max(4_096).optional()

export interface OidcDeps {
  /** Absent where none is configured. */
  readonly oidc: Oidc | undefined
  readonly people: People
}

export function oidcRoutes({ oidc, people }: OidcDeps): readonly Route[] {
  return [
    route({
      method: 'GET',
      path: '/api/v1/session/ways',
      operation: 'listLoginWays',
      summary: 'How one can log in here.',
      public: 'The login page shows it.',
      response: z.strictObject({
        ways: z.array(
          z.strictObject({
            kind: z.enum(['password', 'oidc']),
            label: z.string(),
            start: z.string().describe('Where to post the password, or to send the browser.'),
          }),
        ),
      }),
      handle: async () => {
        const password = { kind: 'password' as const, label: 'Password', start: '/api/v1/session' }
        const other =
          oidc === undefined
            ? []
            : [{ kind: 'oidc' as const, label: oidc.label, start: START_PATH }]
        return { body: { ways: [password, ...other] } }
      },
    }),
    route({
      method: 'GET',
      path: START_PATH,
      operation: 'beginOidcLogin',
      summary: 'Sends the browser to the OpenID provider.',
      public: 'Logging in is how one becomes known.',
      page: true,
      query: z.strictObject({
        return_to: returnPath.default('/').describe('Path of Picket to show afterwards.'),
      }),
      responseType: 'text/html',
      statuses: [302],
      handle: async ({ query, secure }) => {
        const { location, sealed } = await configured(oidc).begin(query.return_to)
        const headers = { location, 'set-cookie': passageCookie(sealed, secure) }
        return { status: 302, text: '', type: PAGE_TYPE, headers }
      },
    }),
    route({
      method: 'GET',
      path: CALLBACK_PATH,
      operation: 'endOidcLogin',
      summary: 'Where the OpenID provider sends the browser back to; begins the session.',
      public: 'Logging in is how one becomes known.',
      access: 'login',
      page: true,
      // Providers add parameters of their own; they are left alone.
      query: z.object({
        state: parameter,
        code: parameter,
        iss: parameter,
        error: parameter,
      }),
      responseType: 'text/html',
      handle: async ({ query, cookie, secure, from }) => {
        const names = cookieNames(secure)
        const given = Object.entries(query).filter(([, value]) => value !== undefined)
        const { user, secret, returnTo } = await configured(oidc).end({
          parameters: new URLSearchParams(given as [string, string][]),
          sealed: cookie(names.passage),
          from,
        })
        await people.replaced(cookie(names.session))
        const cookies = [sessionCookie(secret, secure), passageCookie('', secure)]
        return {
          text: onwardPage(returnTo),
          type: PAGE_TYPE,
          actor: user.id,
          record: { way: 'oidc' },
          headers: { 'set-cookie': cookies },
        }
      },
    }),
  ]
}

function configured(oidc: Oidc | undefined): Oidc {
  if (oidc !== undefined) return oidc
  throw new ProblemError({ code: 'OIDC_OFF', message: 'No OpenID provider is configured here.' })
}
