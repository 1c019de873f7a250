import { expect, test } from 'vitest'
import { parseConfig } from '../config/config.ts'
import { oidcSettings } from './oidc-settings.ts'

const TEXT = `
api:
  public_url: https://picket.example
  oidc:
    issuer: https://id.example/realm
    client_id: picket
    client_secret: { env: SECRET }
    provision: just_in_time
    grants:
      - { claim: groups, values: [a], roles: [analyst], sites: [oslo], device_types: [pump], masks: [user.name] }
      - { claim: groups, values: [b], roles: [admin] }
`

async function settingsFor(env: Record<string, string>) {
  const parsed = parseConfig(TEXT, { baseDir: '/' })
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problem))
  return oidcSettings({ config: parsed.value, env })
}

test('what the configuration says of the provider is what logins go by', async () => {
  expect(await settingsFor({ SECRET: 's3cret' })).toEqual({
    issuer: 'https://id.example/realm',
    clientId: 'picket',
    clientSecret: 's3cret',
    scopes: ['openid', 'profile', 'email'],
    label: 'Single sign-on',
    nameClaim: 'preferred_username',
    provision: 'just-in-time',
    grants: [
      {
        claim: 'groups',
        values: ['a'],
        grant: {
          roles: ['analyst'],
          visibility: { sites: ['oslo'], deviceTypes: ['pump'] },
          masks: ['user.name'],
        },
      },
      { claim: 'groups', values: ['b'], grant: { roles: ['admin'] } },
    ],
    clockSkewMs: 30_000,
    publicUrl: 'https://picket.example',
  })
})

test('a secret that is not there stops the start; without a provider there is none', async () => {
  await expect(settingsFor({})).rejects.toMatchObject({ problem: { code: 'CONFIG_SECRET' } })
  const parsed = parseConfig('', { baseDir: '/' })
  expect(parsed.ok && (await oidcSettings({ config: parsed.value, env: {} }))).toBeUndefined()
})
