import type { Grant } from '../../state/users.ts'

/** The claims of a person that the mapping looks at, by name. */
export type Claims = Readonly<Record<string, unknown>>

/** Who has one of `values` in `claim` gets `grant`. */
export interface GrantRule {
  readonly claim: string
  readonly values: readonly string[]
  readonly grant: Grant
}

export interface OidcSettings {
  readonly issuer: string
  readonly clientId: string
  /** Absent for a public client: PKCE alone proves who fetches the token. */
  readonly clientSecret?: string
  readonly scopes: readonly string[]
  /** What the button of the login page says. */
  readonly label: string
  /** The claim that names the user here. */
  readonly nameClaim: string
  /** `just-in-time` makes users at their first login; `known` lets in only whom an admin added. */
  readonly provision: 'just-in-time' | 'known'
  /** The first that fits counts. Empty: roles are administered here (only with `known`). */
  readonly grants: readonly GrantRule[]
  readonly clockSkewMs: number
  /** Where browsers reach Picket, such as `https://picket.example`. */
  readonly publicUrl: string
}

export const CALLBACK_PATH = '/api/v1/session/oidc/callback'
