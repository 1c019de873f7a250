import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { SILENT } from '../base/log.ts'
import { ProblemError } from '../base/problems.ts'
import { loadConfig } from '../config/config.ts'
import { knownStatePlace } from '../config/state-place.ts'
import { openJournal } from '../journal/journal.ts'
import type { AccessAction, Role, Visibility } from '../model/access.ts'
import type { Journal } from '../model/journal.ts'
import {
  changeUser,
  createToken,
  createUser,
  deleteUser,
  resetPassword,
  type UserChange,
} from '../people/accounts.ts'
import { listTokens, readToken, stampToken } from '../state/sessions.ts'
import { controlSocket } from '../state/location.ts'
import { openState, type State } from '../state/state.ts'
import { type Grant, listUsers, NO_PASSWORD } from '../state/users.ts'
import { openDataDir } from '../vault/directory.ts'
import { openKeyring } from '../vault/keyring.ts'
import { createSealer } from '../vault/sealer.ts'
import type { CliContext } from './context.ts'
import type { DeskOptions } from './desk.ts'
import { masterKeySource } from './master-key.ts'
import { createSocketClient, isServed, type SocketClient } from './socket-client.ts'

export interface UserLine {
  readonly id: string
  readonly name: string
  readonly roles: readonly Role[]
  readonly visibility?: Visibility
  readonly masks?: readonly string[]
  readonly disabled: boolean
  readonly mustChangePassword: boolean
  readonly totp: boolean
  readonly login: 'password' | 'oidc'
}

export interface TokenLine {
  readonly id: string
  readonly name: string
  readonly roles: readonly Role[]
  readonly visibility?: Visibility
  readonly createdBy: string
  readonly expires?: string
  readonly lastUsed?: string
  readonly revoked?: string
}

/** Administration of people: by a running server, or, where none runs, on its files. */
export interface Office {
  users(): Promise<readonly UserLine[]>
  addUser(
    user: Grant & { readonly name: string; readonly oidc?: boolean },
  ): Promise<{ readonly password: string }>
  changeUser(id: string, change: UserChange): Promise<void>
  resetPassword(id: string): Promise<{ readonly password: string }>
  removeUser(id: string): Promise<void>
  tokens(): Promise<readonly TokenLine[]>
  addToken(
    token: Grant & { readonly name: string; readonly expiresMs?: number },
  ): Promise<{ readonly text: string }>
  revokeToken(id: string): Promise<void>
  close(): Promise<void>
}

/**
 * The way in for whoever owns the host, also when every password is lost. What is done is recorded in
 * the journal either way. Rejects with ProblemError.
 */
export async function openOffice(options: DeskOptions, context: CliContext): Promise<Office> {
  const loaded = await loadConfig(options.config)
  if (!loaded.ok) throw new ProblemError(loaded.problem)
  const config = loaded.value
  const data = options.data ?? config.data
  const socket = controlSocket(data)
  if (existsSync(socket) && (await isServed(socket))) {
    return serverOffice(createSocketClient(socket))
  }
  const place = await knownStatePlace(config, data, context.env)
  if (!place.ok) throw new ProblemError(place.problem)
  const dataDir = await openDataDir(data)
  const { clock, env, metrics } = context
  const keyring = await openKeyring({
    dataDir,
    masterKey: masterKeySource(config.master_key),
    env,
    log: SILENT,
  })
  const journal = await openJournal({
    dir: join(data, 'journal'),
    keyring,
    bytesMax: config.journal.bytes_max,
    ageMaxMs: config.journal.age_max,
    reservedBytes: Math.min(64 * 2 ** 20, Math.floor(config.journal.bytes_max / 8)),
    writer: 'here',
    metrics,
    log: SILENT,
    clock,
  })
  const sealer = createSealer(keyring, 'state', clock)
  const opened = await openState({ at: place.value, sealer, log: SILENT })
  if (!opened.ok) {
    await journal.close()
    dataDir.release()
    throw new ProblemError(opened.problem)
  }
  const state = opened.value
  const close = async (): Promise<void> => {
    await state.close()
    await journal.close()
    dataDir.release()
  }
  return fileOffice({ state, journal, context }, close)
}

function serverOffice(server: SocketClient): Office {
  const at = (path: string, id: string): string => `/api/v1/${path}/${encodeURIComponent(id)}`
  return {
    users: async () => ((await server.get('/api/v1/users')) as { users: UserLine[] }).users,
    addUser: async (user) => (await server.post('/api/v1/users', user)) as { password: string },
    changeUser: async (id, change) => {
      await server.send('PATCH', at('users', id), change)
    },
    resetPassword: async (id) =>
      (await server.post(`${at('users', id)}/password`, {})) as { password: string },
    removeUser: async (id) => {
      await server.send('DELETE', at('users', id))
    },
    tokens: async () => ((await server.get('/api/v1/tokens')) as { tokens: TokenLine[] }).tokens,
    addToken: async ({ expiresMs, ...token }) => {
      const expiry = expiresMs === undefined ? {} : { expires: new Date(expiresMs).toISOString() }
      return (await server.post('/api/v1/tokens', { ...token, ...expiry })) as { text: string }
    },
    revokeToken: async (id) => {
      await server.send('DELETE', at('tokens', id))
    },
    close: async () => undefined,
  }
}

interface Files {
  readonly state: State
  readonly journal: Pick<Journal, 'append'>
  readonly context: CliContext
}

function fileOffice(files: Files, close: () => Promise<void>): Office {
  const { state, context } = files
  const deps = { state, clock: context.clock }
  const act = <T>(action: AccessAction, detail: object, work: () => Promise<T>): Promise<T> =>
    recorded(files, { action, detail }, work)
  return {
    users: () =>
      act('user-list', {}, async () => {
        const users = await state.query((db) => listUsers(state, db))
        return users.map(({ totp, mustChange, password, totpStep: _step, ...rest }) => ({
          ...rest,
          mustChangePassword: mustChange,
          totp: totp !== undefined,
          login: password === NO_PASSWORD ? ('oidc' as const) : ('password' as const),
        }))
      }),
    addUser: (user) => act('user-create', { roles: user.roles }, () => createUser(deps, user)),
    changeUser: (id, change) =>
      act('user-change', { id, change }, async () => {
        await changeUser(deps, id, change)
      }),
    resetPassword: (id) => act('user-password', { id }, () => resetPassword(deps, id)),
    removeUser: (id) => act('user-delete', { id }, () => deleteUser(deps, id)),
    tokens: () =>
      act('token-list', {}, async () => {
        const tokens = await state.query((db) => listTokens(state, db))
        return tokens.map(({ expiresMs, lastUsedMs, revokedMs, secretHash: _hash, ...rest }) => ({
          ...rest,
          ...(expiresMs !== undefined && { expires: new Date(expiresMs).toISOString() }),
          ...(lastUsedMs !== undefined && { lastUsed: new Date(lastUsedMs).toISOString() }),
          ...(revokedMs !== undefined && { revoked: new Date(revokedMs).toISOString() }),
        }))
      }),
    addToken: (token) =>
      act('token-create', { roles: token.roles }, () => createToken(deps, token, 'local')),
    revokeToken: (id) =>
      act('token-revoke', { id }, () =>
        state.transact(async (db) => {
          if ((await readToken(state, db, id)) === undefined) {
            const message = 'There is no token of this id.'
            throw new ProblemError({ code: 'TOKEN_UNKNOWN', message })
          }
          await stampToken(state, db, id, { revoked_ms: context.clock.now() })
        }),
      ),
    close,
  }
}

/** Written before it is done, and again where it failed: an act without a record cannot be. */
async function recorded<T>(
  { journal, context }: Files,
  entry: { readonly action: AccessAction; readonly detail: object },
  work: () => Promise<T>,
): Promise<T> {
  const append = (outcome: 'success' | 'failure'): Promise<number> => {
    const atMs = context.clock.now()
    const { action } = entry
    const detail = { ...entry.detail, by: 'command line', server: 'not running' }
    const audit = [{ atMs, actor: 'local', action, outcome, detail }]
    return journal.append({ source: 'cli', ingestedMs: atMs, audit })
  }
  await append('success')
  try {
    return await work()
  } catch (error) {
    await append('failure')
    throw error
  }
}
