import type { Command } from 'commander'
import { ROLES, type Role } from '../model/access.ts'
import type { Grant } from '../state/users.ts'
import { withDesk } from './alert.ts'
import { parseChoice, parseWhen, usage } from './arguments.ts'
import type { CliContext, RegisterCommand } from './context.ts'
import { type Office, openOffice, type TokenLine, type UserLine } from './office.ts'
import { renderTable } from './table.ts'

interface Where {
  readonly data?: string
  readonly config?: string
  readonly json?: boolean
}

interface GrantFlags extends Where {
  readonly role: readonly string[]
  readonly site: readonly string[]
  readonly deviceType: readonly string[]
  readonly dataset: readonly string[]
  readonly mask: readonly string[]
}

interface TokenFlags extends GrantFlags {
  readonly expires?: string
}

const collect = (value: string, before: readonly string[]): readonly string[] => [...before, value]

function withGrant(command: Command): Command {
  return withDesk(command)
    .option('--role <role>', `one of: ${ROLES.join(', ')}; may be repeated`, collect, [])
    .option('--site <name>', 'sees only this site; may be repeated', collect, [])
    .option('--device-type <name>', 'sees only this type; may be repeated', collect, [])
    .option('--dataset <name>', 'sees only this dataset; may be repeated', collect, [])
    .option('--mask <field>', 'does not see this field; may be repeated', collect, [])
}

/** `picket user list|add|grant|reset|disable|enable|remove`; works without a server too. */
export const registerUser: RegisterCommand = (program, context) => {
  const user = program.command('user').description('Administer who may log in.')
  withDesk(user.command('list'))
    .description('Everyone who may log in.')
    .action((flags: Where) =>
      inOffice(flags, context, async (office) => {
        print(await office.users(), USER_COLUMNS, flags, context)
      }),
    )
  withGrant(user.command('add'))
    .description('Make a user; the password printed must be changed at the first login.')
    .argument('<name>', 'login name')
    .option('--oidc', 'logs in by the OpenID provider, under this name; has no password')
    .action((name: string, flags: GrantFlags & { readonly oidc?: boolean }) =>
      inOffice(flags, context, async (office) => {
        const oidc = flags.oidc === true
        const wanted = { name, ...grantOf(flags), ...(oidc && { oidc }) }
        const { password } = await office.addUser(wanted)
        if (oidc) tell({ user: name }, `${name} may log in by the OpenID provider`, flags, context)
        else tell({ user: name, password }, `Log in as ${name} with ${password}`, flags, context)
      }),
    )
  withGrant(user.command('grant'))
    .description('Replace roles and view of a user; ends the sessions of the user.')
    .argument('<name>', 'login name')
    .action((name: string, flags: GrantFlags) =>
      onUser(name, flags, context, async (office, id) => {
        await office.changeUser(id, { grant: grantOf(flags) })
        tell({ user: name }, `${name} changed`, flags, context)
      }),
    )
  withDesk(user.command('reset'))
    .description('Give a user a new password and drop the second factor.')
    .argument('<name>', 'login name')
    .action((name: string, flags: Where) =>
      onUser(name, flags, context, async (office, id) => {
        await office.changeUser(id, { dropTotp: true, disabled: false })
        const { password } = await office.resetPassword(id)
        tell({ user: name, password }, `Log in as ${name} with ${password}`, flags, context)
      }),
    )
  for (const [word, disabled] of [
    ['disable', true],
    ['enable', false],
  ] as const) {
    withDesk(user.command(word))
      .description(disabled ? 'Keep a user out, at once.' : 'Let a user in again.')
      .argument('<name>', 'login name')
      .action((name: string, flags: Where) =>
        onUser(name, flags, context, async (office, id) => {
          await office.changeUser(id, { disabled })
          tell({ user: name, disabled }, `${name} ${word}d`, flags, context)
        }),
      )
  }
  withDesk(user.command('remove'))
    .description('Remove a user, sessions and tokens included.')
    .argument('<name>', 'login name')
    .action((name: string, flags: Where) =>
      onUser(name, flags, context, async (office, id) => {
        await office.removeUser(id)
        tell({ user: name }, `${name} removed`, flags, context)
      }),
    )
}

/** `picket token list|create|revoke`; works without a server too. */
export const registerToken: RegisterCommand = (program, context) => {
  const token = program.command('token').description('Administer tokens of programs.')
  withDesk(token.command('list'))
    .description('API tokens, without their secrets.')
    .action((flags: Where) =>
      inOffice(flags, context, async (office) => {
        print(await office.tokens(), TOKEN_COLUMNS, flags, context)
      }),
    )
  withGrant(token.command('create'))
    .description('Make a token; it is printed once.')
    .argument('<name>', 'what it is for')
    .option('--expires <time>', 'until when it is good, in ISO 8601')
    .action((name: string, flags: TokenFlags) =>
      inOffice(flags, context, async (office) => {
        const now = context.clock.now()
        const until =
          flags.expires === undefined ? undefined : parseWhen(flags.expires, now, '--expires')
        const expiry = until === undefined ? {} : { expiresMs: until }
        const { text } = await office.addToken({ name, ...grantOf(flags), ...expiry })
        tell({ name, token: text }, text, flags, context)
      }),
    )
  withDesk(token.command('revoke'))
    .description('Revoke a token, at once.')
    .argument('<id>', 'id of the token, as `picket token list` shows it')
    .action((id: string, flags: Where) =>
      inOffice(flags, context, async (office) => {
        await office.revokeToken(id)
        tell({ token: id }, `${id} revoked`, flags, context)
      }),
    )
}

async function inOffice(
  flags: Where,
  context: CliContext,
  work: (office: Office) => Promise<void>,
): Promise<void> {
  const office = await openOffice(flags, context)
  try {
    await work(office)
  } finally {
    await office.close()
  }
}

function onUser(
  name: string,
  flags: Where,
  context: CliContext,
  work: (office: Office, id: string) => Promise<void>,
): Promise<void> {
  return inOffice(flags, context, async (office) => {
    const folded = name.normalize('NFKC').toLowerCase()
    const found = (await office.users()).find((user) => user.name.toLowerCase() === folded)
    if (found === undefined) throw usage(`There is no user ${name}.`)
    await work(office, found.id)
  })
}

function grantOf(flags: GrantFlags): Grant {
  const roles: Role[] = flags.role.map((role) => parseChoice(role, ROLES, '--role'))
  if (roles.length === 0) throw usage(`--role is needed: ${ROLES.join(', ')}`)
  const { site, deviceType, dataset, mask } = flags
  const narrowed = site.length + deviceType.length + dataset.length > 0
  return {
    roles,
    ...(narrowed && {
      visibility: {
        ...(site.length > 0 && { sites: site }),
        ...(deviceType.length > 0 && { deviceTypes: deviceType }),
        ...(dataset.length > 0 && { datasets: dataset }),
      },
    }),
    ...(mask.length > 0 && { masks: mask }),
  }
}

function tell(value: object, text: string, flags: Where, context: CliContext): void {
  context.stdout.write(flags.json === true ? `${JSON.stringify(value)}\n` : `${text}\n`)
}

function print<T extends object>(
  rows: readonly T[],
  columns: Parameters<typeof renderTable<T>>[0],
  flags: Where,
  context: CliContext,
): void {
  const text =
    flags.json === true
      ? rows.map((row) => `${JSON.stringify(row)}\n`).join('')
      : renderTable(columns, rows)
  context.stdout.write(text)
}

const viewOf = ({ visibility }: Pick<Grant, 'visibility'>): string => {
  const { sites, deviceTypes, datasets } = visibility ?? {}
  const parts = [sites, deviceTypes, datasets].map((names) => names?.join(',') ?? '')
  return visibility === undefined ? 'all' : parts.filter((part) => part !== '').join(' ')
}

const USER_COLUMNS = [
  { title: 'NAME', value: (user: UserLine) => user.name },
  { title: 'ROLES', value: (user: UserLine) => user.roles.join(',') },
  { title: 'SEES', value: viewOf },
  {
    title: 'STATE',
    value: (user: UserLine) =>
      user.disabled ? 'disabled' : user.mustChangePassword ? 'must change password' : 'enabled',
  },
  { title: 'LOGIN', value: (user: UserLine) => user.login },
  { title: 'CODE', value: (user: UserLine) => (user.totp ? 'yes' : 'no') },
  { title: 'ID', value: (user: UserLine) => user.id },
]

const TOKEN_COLUMNS = [
  { title: 'NAME', value: (token: TokenLine) => token.name },
  { title: 'ROLES', value: (token: TokenLine) => token.roles.join(',') },
  { title: 'SEES', value: viewOf },
  { title: 'EXPIRES', value: (token: TokenLine) => token.expires ?? 'never' },
  { title: 'LAST USED', value: (token: TokenLine) => token.lastUsed ?? 'never' },
  {
    title: 'STATE',
    value: (token: TokenLine) => (token.revoked === undefined ? 'good' : 'revoked'),
  },
  { title: 'ID', value: (token: TokenLine) => token.id },
]
