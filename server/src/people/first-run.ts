import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { listUsers } from '../state/users.ts'
import { writeFileDurably } from '../vault/durable.ts'
import { type AccountDeps, createUser } from './accounts.ts'
import { makePassword } from './password.ts'

export interface FirstRun {
  readonly url: string
  readonly user: string
  readonly password: string
}

const FILE = 'first-run.json'
const NAME = 'admin'

/**
 * Where there is no user yet, makes the first admin and writes `first-run.json` (0600) with what to
 * log in with. Undefined where there are users. The file comes first: a crash between the two leaves a
 * file that the next run replaces, never an admin whom nobody knows the password of.
 */
export async function ensureFirstUser(
  options: AccountDeps & { readonly dataDir: string; readonly url: string },
): Promise<FirstRun | undefined> {
  const { state, dataDir, url } = options
  const users = await state.query((db) => listUsers(state, db))
  if (users.length > 0) return undefined
  const first: FirstRun = { url, user: NAME, password: makePassword(NAME) }
  writeFileDurably(join(dataDir, FILE), `${JSON.stringify(first)}\n`)
  await createUser(options, { name: NAME, roles: ['admin'], password: first.password })
  return first
}

/** The first password was changed: the file says nothing true any more. */
export function forgetFirstRun(dataDir: string): void {
  rmSync(join(dataDir, FILE), { force: true })
}
