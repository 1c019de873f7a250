import { ProblemError } from '../base/problems.ts'
import type { Config } from '../config/schema.ts'
import { readSecret } from '../config/secret.ts'
import type { GrantRule, OidcSettings } from '../people/oidc/settings.ts'

type OidcConfig = NonNullable<Config['api']['oidc']>

/** What the configuration says of the OpenID provider, secret included. Rejects with CONFIG_SECRET. */
export async function oidcSettings(options: {
  readonly config: Config
  readonly env: Readonly<Record<string, string | undefined>>
}): Promise<OidcSettings | undefined> {
  const { oidc, public_url: publicUrl } = options.config.api
  if (oidc === undefined || publicUrl === undefined) return undefined
  const { client_secret: ref } = oidc
  const read =
    ref === undefined ? undefined : await readSecret(ref, options.env, options.config.baseDir)
  if (read?.ok === false) throw new ProblemError(read.problem)
  return {
    issuer: oidc.issuer,
    clientId: oidc.client_id,
    ...(read !== undefined && { clientSecret: read.value }),
    scopes: oidc.scopes,
    label: oidc.label,
    nameClaim: oidc.name_claim,
    provision: oidc.provision === 'known' ? 'known' : 'just-in-time',
    grants: oidc.grants.map(toRule),
    clockSkewMs: oidc.clock_skew,
    publicUrl,
  }
}

function toRule(given: OidcConfig['grants'][number]): GrantRule {
  const { claim, values, roles, sites, device_types: deviceTypes, datasets, masks } = given
  const visibility = {
    ...(sites && { sites }),
    ...(deviceTypes && { deviceTypes }),
    ...(datasets && { datasets }),
  }
  const narrowed = Object.keys(visibility).length > 0
  return {
    claim,
    values,
    grant: { roles, ...(narrowed && { visibility }), ...(masks && { masks }) },
  }
}
