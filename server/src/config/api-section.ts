import ipaddr from 'ipaddr.js'
import { z } from 'zod'
import { isLoopback } from '../base/net.ts'
import { ROLES } from '../model/access.ts'
import { durationOption, listenOption, secretOption } from '../model/options.ts'

const path = z.string().min(1).max(4_096)
const text = z.string().min(1).max(256)
const texts = z.array(text).min(1).max(1_000)

/** What is wrong with an address that is not of this machine, without TLS or a word that this is meant. */
export const OPEN_DOOR =
  'other machines reach this address, and it speaks no TLS: give tls, or plaintext: true to say ' +
  'that the network is trusted'

const tlsSection = z.strictObject({
  cert_file: path.describe('Certificate chain, PEM.'),
  key_file: path.describe('Private key, PEM.'),
  client_ca_file: path
    .optional()
    .describe('Certificates of authorities; with it every client must show a certificate of one.'),
})

const grantSection = z
  .strictObject({
    claim: text.describe('Claim that is looked at; `a.b` goes into an object.'),
    values: texts.describe('Who has one of these values in the claim gets what follows.'),
    roles: z.array(z.enum(ROLES)).min(1).max(ROLES.length).describe('Roles of such a user.'),
    sites: texts.optional().describe('Sees only these sites.'),
    device_types: texts.optional().describe('Sees only these types of devices.'),
    datasets: texts.optional().describe('Sees only these datasets.'),
    masks: texts.optional().describe('Does not see the values of these fields.'),
  })
  .superRefine(({ roles, sites, device_types: types, datasets, masks }, context) => {
    const narrowed = [sites, types, datasets, masks].some((list) => list !== undefined)
    if (!roles.includes('admin') || !narrowed) return
    const message = 'an admin sees everything; give a lesser role with a scope'
    context.addIssue({ code: 'custom', message, path: ['roles'] })
  })

const oidcSection = z
  .strictObject({
    issuer: z
      .string()
      .max(2_048)
      .refine(isIssuer, 'an https address without query (http only on loopback)')
      .describe('Issuer of the OpenID provider, exactly as it names itself.'),
    client_id: text.describe('What the provider knows Picket as.'),
    client_secret: secretOption()
      .optional()
      .describe('Secret of the client; without it Picket is a public client.'),
    scopes: z
      .array(z.string().regex(/^[\x21\x23-\x5b\x5d-\x7e]+$/, 'not a scope'))
      .min(1)
      .max(50)
      .default(['openid', 'profile', 'email'])
      .describe('Scopes that are asked for; `openid` is one of them.'),
    label: text.default('Single sign-on').describe('What the login page calls it.'),
    name_claim: text
      .default('preferred_username')
      .describe('Claim that names the user here when the user is made or first found.'),
    provision: z
      .enum(['known', 'just_in_time'])
      .default('known')
      .describe(
        '`known`: only users that an admin added for it (`picket user add NAME --oidc`). ' +
          '`just_in_time`: who gets a role by `grants` is made a user at the first login.',
      ),
    grants: z
      .array(grantSection)
      .max(200)
      .default([])
      .describe(
        'Roles and scope by claims, at each login; the first that fits counts, and who fits none is ' +
          'refused. Empty: roles are administered in Picket.',
      ),
    clock_skew: durationOption({ maxMs: 5 * 60_000 })
      .prefault('30s')
      .describe('How far the clocks of provider and Picket may differ.'),
  })
  .superRefine(({ scopes, provision, grants }, context) => {
    const issue = (message: string, field: string): void =>
      context.addIssue({ code: 'custom', message, path: [field] })
    if (!scopes.includes('openid')) issue('`openid` is missing', 'scopes')
    if (provision === 'just_in_time' && grants.length === 0) {
      issue('just_in_time needs grants: else a new user has no role', 'grants')
    }
  })

export const apiSection = z
  .strictObject({
    listen: listenOption()
      .prefault('127.0.0.1:8600')
      .describe('Address of the API, the console, `/metrics`, `/healthz` and `/readyz`.'),
    tls: tlsSection
      .optional()
      .describe('TLS for this listener; changed files are taken up without a restart.'),
    plaintext: z
      .boolean()
      .default(false)
      .describe('Allow an address that other machines reach without TLS. Passwords travel openly.'),
    trusted_proxies: z
      .array(z.string().max(64).refine(isNetwork, 'an address or a network such as 10.0.0.0/8'))
      .max(100)
      .default([])
      .describe(
        'Proxies in front of Picket. Only from them are X-Forwarded-For and X-Forwarded-Proto believed; ' +
          'they must set both themselves.',
      ),
    public_url: z
      .string()
      .max(512)
      .refine(isOrigin, 'an address such as https://picket.example, without a path')
      .optional()
      .describe('Where browsers reach Picket; the OpenID provider sends them back there.'),
    oidc: oidcSection.optional().describe('Logins by an OpenID provider.'),
  })
  .superRefine(({ listen, tls, plaintext }, context) => {
    if (tls !== undefined || plaintext || isLoopback(listen.host)) return
    context.addIssue({ code: 'custom', message: OPEN_DOOR, path: ['listen'] })
  })
  .superRefine(({ oidc, public_url: url }, context) => {
    if (oidc === undefined || url !== undefined) return
    context.addIssue({ code: 'custom', message: 'api.oidc needs api.public_url', path: ['oidc'] })
  })

function isNetwork(given: string): boolean {
  return ipaddr.isValid(given) || ipaddr.isValidCIDR(given)
}

function isIssuer(given: string): boolean {
  const url = URL.canParse(given) ? new URL(given) : undefined
  return url !== undefined && url.search === '' && url.hash === '' && isSafe(url)
}

function isOrigin(given: string): boolean {
  const url = URL.canParse(given) ? new URL(given) : undefined
  return url !== undefined && url.origin === given && isSafe(url)
}

function isSafe(url: URL): boolean {
  if (url.username !== '' || url.password !== '') return false
  return url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url.hostname))
}
