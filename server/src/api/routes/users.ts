import { z } from 'zod'
import { ProblemError } from '../../base/problems.ts'
import {
  type AccountDeps,
  changeUser,
  createToken,
  createUser,
  deleteUser,
  mustRead,
  resetPassword,
} from '../../people/accounts.ts'
import { type ApiToken, listTokens, readToken, stampToken } from '../../state/sessions.ts'
import { listUsers, NO_PASSWORD, type User } from '../../state/users.ts'
import { type Route, route } from '../route.ts'
import { grantOf, grantSchema, grantView, idSchema, timeSchema } from '../schemas.ts'

const userSchema = z.strictObject({
  id: z.string(),
  name: z.string(),
  ...grantSchema.shape,
  disabled: z.boolean(),
  mustChangePassword: z.boolean(),
  totp: z.boolean(),
  login: z.enum(['password', 'oidc']).describe('`oidc`: has no password here.'),
  created: z.string(),
})
const madeSchema = z.strictObject({
  user: userSchema,
  password: z
    .string()
    .describe('Told once; to be changed at the next login. Empty for a user without one.'),
})
const paramsSchema = z.strictObject({ id: idSchema })
const newPassword = z.string().min(1).max(1_024).optional()

export function userRoutes(deps: AccountDeps): readonly Route[] {
  const { state } = deps
  return [
    route({
      method: 'GET',
      path: '/api/v1/users',
      operation: 'listUsers',
      summary: 'Everyone who may log in.',
      roles: ['admin', 'auditor'],
      access: 'user-list',
      response: z.strictObject({ users: z.array(userSchema) }),
      handle: async () => {
        const users = await state.query((db) => listUsers(state, db))
        return { body: { users: users.map(userView) }, rows: users.length }
      },
    }),
    route({
      method: 'POST',
      path: '/api/v1/users',
      operation: 'createUser',
      summary: 'Makes a user, with a password to be changed at the first login.',
      roles: ['admin'],
      access: 'user-create',
      body: z.strictObject({
        name: z.string().min(1).max(256),
        ...grantSchema.shape,
        password: newPassword,
        oidc: z.boolean().optional().describe('Logs in by the OpenID provider alone.'),
      }),
      response: madeSchema,
      statuses: [201],
      handle: async ({ body }) => {
        const { name, password, oidc } = body
        const given = {
          ...(password !== undefined && { password }),
          ...(oidc !== undefined && { oidc }),
        }
        const wanted = { name, ...grantOf(body), ...given }
        const made = await createUser(deps, wanted)
        const record = { user: made.user.id, roles: body.roles }
        return { body: { user: userView(made.user), password: made.password }, status: 201, record }
      },
    }),
    route({
      method: 'PATCH',
      path: '/api/v1/users/:id',
      operation: 'changeUser',
      summary:
        "Changes roles and scope, disables or enables, drops a lost second factor; ends the user's sessions.",
      roles: ['admin'],
      access: 'user-change',
      params: paramsSchema,
      body: z.strictObject({
        grant: grantSchema.optional(),
        disabled: z.boolean().optional(),
        dropTotp: z.boolean().optional(),
      }),
      response: userSchema,
      handle: async ({ params, body }) => {
        const change = {
          ...(body.grant && { grant: grantOf(body.grant) }),
          ...(body.disabled !== undefined && { disabled: body.disabled }),
          ...(body.dropTotp !== undefined && { dropTotp: body.dropTotp }),
        }
        const user = await changeUser(deps, params.id, change)
        return { body: userView(user), record: { change } }
      },
    }),
    route({
      method: 'POST',
      path: '/api/v1/users/:id/password',
      operation: 'resetPassword',
      summary:
        "Gives a user a new password, to be changed at the next login; ends the user's sessions.",
      roles: ['admin'],
      access: 'user-password',
      params: paramsSchema,
      body: z.strictObject({ password: newPassword }),
      response: madeSchema,
      handle: async ({ params, body }) => {
        const made = await resetPassword(deps, params.id, body.password)
        return { body: { user: userView(made.user), password: made.password } }
      },
    }),
    route({
      method: 'DELETE',
      path: '/api/v1/users/:id',
      operation: 'deleteUser',
      summary: 'Removes a user, with sessions; tokens that the user made end too.',
      roles: ['admin'],
      access: 'user-delete',
      params: paramsSchema,
      handle: async ({ params }) => {
        await deleteUser(deps, params.id)
        return { body: undefined }
      },
    }),
    ...tokenRoutes(deps),
  ]
}

const tokenSchema = z.strictObject({
  id: z.string(),
  name: z.string(),
  ...grantSchema.shape,
  createdBy: z.string(),
  created: z.string(),
  expires: z.string().optional(),
  lastUsed: z.string().optional(),
  revoked: z.string().optional(),
})

function tokenRoutes(deps: AccountDeps): readonly Route[] {
  const { state, clock } = deps
  return [
    route({
      method: 'GET',
      path: '/api/v1/tokens',
      operation: 'listTokens',
      summary: 'API tokens, without their secrets.',
      roles: ['admin', 'auditor'],
      access: 'token-list',
      response: z.strictObject({ tokens: z.array(tokenSchema) }),
      handle: async () => {
        const tokens = await state.query((db) => listTokens(state, db))
        return { body: { tokens: tokens.map(tokenView) }, rows: tokens.length }
      },
    }),
    route({
      method: 'POST',
      path: '/api/v1/tokens',
      operation: 'createToken',
      summary: 'Makes an API token; its text is told once.',
      roles: ['admin'],
      access: 'token-create',
      body: z.strictObject({
        name: z.string().min(1).max(128),
        ...grantSchema.shape,
        expires: timeSchema.optional(),
      }),
      response: z.strictObject({ token: tokenSchema, text: z.string() }),
      statuses: [201],
      handle: async ({ body, principal }) => {
        const { name, expires } = body
        const expiry = expires === undefined ? {} : { expiresMs: Date.parse(expires) }
        const wanted = { name, ...grantOf(body), ...expiry }
        const made = await createToken(deps, wanted, await makerOf(deps, principal))
        const record = { token: made.token.id, roles: body.roles }
        return { body: { token: tokenView(made.token), text: made.text }, status: 201, record }
      },
    }),
    route({
      method: 'DELETE',
      path: '/api/v1/tokens/:id',
      operation: 'revokeToken',
      summary: 'Revokes an API token at once.',
      roles: ['admin'],
      access: 'token-revoke',
      params: paramsSchema,
      handle: async ({ params }) => {
        await state.transact(async (db) => {
          if ((await readToken(state, db, params.id)) === undefined) throw unknownToken()
          await stampToken(state, db, params.id, { revoked_ms: clock.now() })
        })
        return { body: undefined }
      },
    }),
  ]
}

/** A token made by a token stands behind the same user. */
async function makerOf(
  deps: AccountDeps,
  principal: { kind: string; id: string },
): Promise<string> {
  const { state } = deps
  if (principal.kind === 'local') return 'local'
  if (principal.kind === 'user') {
    return (await state.query((db) => mustRead(state, db, principal.id))).id
  }
  const token = await state.query((db) => readToken(state, db, principal.id))
  if (token === undefined) throw unknownToken()
  return token.createdBy
}

function unknownToken(): ProblemError {
  return new ProblemError({ code: 'TOKEN_UNKNOWN', message: 'There is no token of this id.' })
}

function userView(user: User): z.infer<typeof userSchema> {
  return {
    id: user.id,
    name: user.name,
    ...grantView(user),
    disabled: user.disabled,
    mustChangePassword: user.mustChange,
    totp: user.totp !== undefined,
    login: user.password === NO_PASSWORD ? 'oidc' : 'password',
    created: new Date(user.createdMs).toISOString(),
  }
}

function tokenView(token: ApiToken): z.infer<typeof tokenSchema> {
  const { expiresMs, lastUsedMs, revokedMs } = token
  return {
    id: token.id,
    name: token.name,
    ...grantView(token),
    createdBy: token.createdBy,
    created: new Date(token.createdMs).toISOString(),
    ...(expiresMs !== undefined && { expires: new Date(expiresMs).toISOString() }),
    ...(lastUsedMs !== undefined && { lastUsed: new Date(lastUsedMs).toISOString() }),
    ...(revokedMs !== undefined && { revoked: new Date(revokedMs).toISOString() }),
  }
}
