import { z } from 'zod'
import { ProblemError } from '../../base/problems.ts'
import { ROLES } from '../../model/access.ts'
import { mustRead } from '../../people/accounts.ts'
import type { Oidc } from '../../people/oidc/oidc.ts'
import { hashOf } from '../../people/api-token.ts'
import type { People } from '../../people/people.ts'
import { makeTotpSecret, totpUri } from '../../people/totp.ts'
import type { State } from '../../state/state.ts'
import { NO_PASSWORD, type User } from '../../state/users.ts'
import { clearedCookie, cookieNames, sessionCookie } from '../cookies.ts'
import { type Route, route } from '../route.ts'
import { grantSchema, grantView } from '../schemas.ts'

const password = z.string().min(1).max(1_024)
const meSchema = z.strictObject({
  id: z.string(),
  name: z.string().optional(),
  ...grantSchema.shape,
  mustChangePassword: z.boolean(),
  totp: z.boolean(),
  csrf: z.string().optional().describe('To be sent in x-csrf-token by what changes something.'),
  endSession: z
    .string()
    .optional()
    .describe('After logging out here: where the browser ends the session of the OpenID provider.'),
})

export interface SessionDeps {
  readonly state: State
  readonly people: People
  readonly oidc?: Oidc | undefined
  /** The first admin's password was changed. */
  readonly onPasswordChanged: () => void
}

export function sessionRoutes(deps: SessionDeps): readonly Route[] {
  const { state, people } = deps
  return [
    route({
      method: 'POST',
      path: '/api/v1/session',
      operation: 'login',
      summary: 'Logs in by name and password, and one-time code where one is set up.',
      public: 'Logging in is how one becomes known.',
      access: 'login',
      bodyBytesMax: 8_192,
      body: z.strictObject({
        user: z.string().min(1).max(256),
        password,
        code: z
          .string()
          .regex(/^\d{6}$/)
          .optional(),
      }),
      response: meSchema,
      handle: async ({ body, from, secure, cookie }) => {
        const { user, secret } = await people.login({
          name: body.user,
          password: body.password,
          ...(body.code !== undefined && { code: body.code }),
          ...(from !== undefined && { from }),
        })
        await people.replaced(cookie(cookieNames(secure).session))
        const me = meOf(user, hashOf(`csrf ${secret}`))
        return {
          body: me,
          actor: user.id,
          headers: { 'set-cookie': sessionCookie(secret, secure) },
        }
      },
    }),
    route({
      method: 'GET',
      path: '/api/v1/session',
      operation: 'whoAmI',
      summary: 'Who asks, what they may do, and the token that their forms must send.',
      roles: ROLES,
      access: 'session-read',
      beforeChange: true,
      response: meSchema,
      handle: async ({ principal, session }) => {
        if (session !== undefined) {
          const user = await state.query((db) => mustRead(state, db, session.userId))
          const at = user.password === NO_PASSWORD ? deps.oidc?.endSessionUrl() : undefined
          return {
            body: { ...meOf(user, session.csrf), ...(at !== undefined && { endSession: at }) },
          }
        }
        const { id } = principal
        return { body: { id, ...grantView(principal), mustChangePassword: false, totp: false } }
      },
    }),
    route({
      method: 'DELETE',
      path: '/api/v1/session',
      operation: 'logout',
      summary: 'Ends the session.',
      roles: ROLES,
      access: 'logout',
      beforeChange: true,
      handle: async ({ session, secure }) => {
        if (session !== undefined) await people.logout(session.idHash)
        return { body: undefined, headers: { 'set-cookie': clearedCookie(secure) } }
      },
    }),
    route({
      method: 'POST',
      path: '/api/v1/session/password',
      operation: 'changePassword',
      summary: "Changes one's own password; all other sessions of the user end.",
      roles: ROLES,
      access: 'password-change',
      beforeChange: true,
      bodyBytesMax: 8_192,
      body: z.strictObject({ old: password, new: password }),
      handle: async ({ session, body, from }) => {
        const { userId, idHash: keepHash } = ownSession(session)
        const who = { userId, password: body.old, from }
        await people.own.changePassword(who, { password: body.new, keepHash })
        deps.onPasswordChanged()
        return { body: undefined }
      },
    }),
    ...totpRoutes(deps),
  ]
}

function totpRoutes({ state, people }: SessionDeps): readonly Route[] {
  return [
    route({
      method: 'GET',
      path: '/api/v1/session/totp',
      operation: 'proposeTotp',
      summary: 'A new secret for a second factor; nothing is set up until a code of it is sent.',
      roles: ROLES,
      access: 'totp-change',
      response: z.strictObject({ secret: z.string(), uri: z.string() }),
      handle: async ({ session }) => {
        const { userId } = ownSession(session)
        const user = await state.query((db) => mustRead(state, db, userId))
        const secret = makeTotpSecret()
        return { body: { secret, uri: totpUri(secret, user.name) } }
      },
    }),
    route({
      method: 'PUT',
      path: '/api/v1/session/totp',
      operation: 'setTotp',
      summary: 'Sets up a second factor; needs the password and a code of the new secret.',
      roles: ROLES,
      access: 'totp-change',
      bodyBytesMax: 8_192,
      body: z.strictObject({
        password,
        secret: z.string().regex(/^[A-Z2-7]{32}$/),
        code: z.string().regex(/^\d{6}$/),
      }),
      handle: async ({ session, body: { password: given, ...totp }, from }) => {
        const who = { userId: ownSession(session).userId, password: given, from }
        await people.own.setTotp(who, totp)
        return { body: undefined, record: { totp: 'set' } }
      },
    }),
    route({
      method: 'POST',
      path: '/api/v1/session/totp/remove',
      operation: 'removeTotp',
      summary: 'Takes the second factor away; needs the password.',
      roles: ROLES,
      access: 'totp-change',
      bodyBytesMax: 8_192,
      body: z.strictObject({ password }),
      handle: async ({ session, body, from }) => {
        const { userId } = ownSession(session)
        await people.own.removeTotp({ userId, password: body.password, from })
        return { body: undefined, record: { totp: 'removed' } }
      },
    }),
  ]
}

function ownSession<T>(session: T | undefined): T {
  if (session !== undefined) return session
  const message = 'Only a logged-in user has a password.'
  throw new ProblemError({ code: 'API_FORBIDDEN', message })
}

function meOf(user: User, csrf: string): z.infer<typeof meSchema> {
  return {
    id: user.id,
    name: user.name,
    ...grantView(user),
    mustChangePassword: user.mustChange,
    totp: user.totp !== undefined,
    csrf,
  }
}
