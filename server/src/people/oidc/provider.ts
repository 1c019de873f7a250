import * as oauth from 'oauth4webapi'
import type { Clock } from '../../base/clock.ts'
import type { Logger } from '../../base/log.ts'
import { isLoopback } from '../../base/net.ts'
import { ProblemError } from '../../base/problems.ts'
import { missingClaims } from './grants.ts'
import type { Passage } from './passage.ts'
import { boundedFetch, toProblem } from './provider-calls.ts'
import { CALLBACK_PATH, type Claims, type OidcSettings } from './settings.ts'

/** What the provider says of itself is asked for anew after so long; its keys after five minutes. */
const DISCOVERY_MS = 60 * 60_000
/** After a failure it is left alone for a moment, however many ask. */
const FAILED_MS = 5_000

export interface Provider {
  /** Where to send the browser. Rejects with OIDC_UNAVAILABLE. */
  authorizeUrl(passage: Passage): Promise<string>
  /** Who came back, by the parameters of the callback. Rejects with OIDC_REFUSED, OIDC_UNAVAILABLE. */
  claimsOf(parameters: URLSearchParams, passage: Passage): Promise<Claims & { sub: string }>
  /** Where a browser ends the provider's own session too, if that is known by now. */
  endSessionUrl(): string | undefined
}

export interface ProviderOptions {
  readonly settings: OidcSettings
  readonly clock: Clock
  readonly log: Logger
}

/** OpenID Connect Core 1.0, 3.1 (code flow), with PKCE (RFC 7636) and issuer check (RFC 9207). */
export function createProvider(options: ProviderOptions): Provider {
  const { settings, clock, log } = options
  const { clientId, clientSecret } = settings
  const issuer = new URL(settings.issuer)
  const redirectUri = `${settings.publicUrl}${CALLBACK_PATH}`
  const plain = issuer.protocol === 'http:' && isLoopback(issuer.hostname)
  const calls = { [oauth.allowInsecureRequests]: plain, [oauth.customFetch]: boundedFetch }
  const tolerance = Math.ceil(settings.clockSkewMs / 1_000)
  const client: oauth.Client = { client_id: clientId, [oauth.clockTolerance]: tolerance }
  let known: oauth.AuthorizationServer | undefined
  let looking: Promise<oauth.AuthorizationServer> | undefined
  let lookedMs = 0
  let failure: { readonly error: ProblemError; readonly atMs: number } | undefined

  const look = async (): Promise<oauth.AuthorizationServer> => {
    try {
      const response = await oauth.discoveryRequest(issuer, { ...calls, algorithm: 'oidc' })
      known = await oauth.processDiscoveryResponse(issuer, response)
      lookedMs = clock.now()
      return known
    } catch (error) {
      log.warn({ why: messageOf(error) }, 'The OpenID provider could not be asked about itself.')
      const message = 'The OpenID provider does not answer as one.'
      const hint = 'see api.oidc.issuer, and the log of Picket'
      const problem = new ProblemError({ code: 'OIDC_UNAVAILABLE', message, hint })
      failure = { error: problem, atMs: clock.now() }
      // What was true an hour ago is better than nobody logging in.
      if (known !== undefined) return known
      throw problem
    }
  }
  const server = async (): Promise<oauth.AuthorizationServer> => {
    const now = clock.now()
    if (known !== undefined && now - lookedMs < DISCOVERY_MS) return known
    if (failure !== undefined && now - failure.atMs < FAILED_MS) {
      if (known === undefined) throw failure.error
      return known
    }
    looking ??= look().finally(() => {
      looking = undefined
    })
    return looking
  }
  const authentication = (as: oauth.AuthorizationServer): oauth.ClientAuth => {
    if (clientSecret === undefined) return oauth.None()
    const ways = as.token_endpoint_auth_methods_supported ?? ['client_secret_basic']
    return ways.includes('client_secret_basic') || !ways.includes('client_secret_post')
      ? oauth.ClientSecretBasic(clientSecret)
      : oauth.ClientSecretPost(clientSecret)
  }

  return {
    authorizeUrl: async ({ state, nonce, verifier }) => {
      const url = endpoint((await server()).authorization_endpoint, plain)
      const parameters = {
        response_type: 'code',
        client_id: clientId,
        redirect_uri: redirectUri,
        scope: settings.scopes.join(' '),
        code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
        code_challenge_method: 'S256',
        state,
        nonce,
      }
      for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value)
      return url.href
    },
    claimsOf: async (parameters, { state, nonce, verifier }) => {
      const as = await server()
      try {
        const valid = oauth.validateAuthResponse(as, client, parameters, state)
        const response = await oauth.authorizationCodeGrantRequest(
          ...([as, client, authentication(as), valid, redirectUri, verifier, calls] as const),
        )
        const tokens = await oauth.processAuthorizationCodeResponse(as, client, response, {
          expectedNonce: nonce,
          requireIdToken: true,
        })
        await oauth.validateApplicationLevelSignature(as, response, calls)
        const claims = oauth.getValidatedIdTokenClaims(tokens)
        if (claims === undefined) throw new Error('no ID token')
        return { ...(await moreClaims(as, tokens.access_token, claims)), sub: claims.sub }
      } catch (error) {
        log.warn({ why: messageOf(error) }, 'A login by the OpenID provider was refused.')
        throw new ProblemError(toProblem(error))
      }
    },
    endSessionUrl: () => {
      if (known?.end_session_endpoint === undefined) return undefined
      const url = endpoint(known.end_session_endpoint, plain)
      url.searchParams.set('client_id', clientId)
      url.searchParams.set('post_logout_redirect_uri', `${settings.publicUrl}/`)
      return url.href
    },
  }

  /** Many providers keep the ID token small: what it lacks is asked for (OpenID Core, 5.3). */
  async function moreClaims(
    as: oauth.AuthorizationServer,
    accessToken: string,
    claims: Claims & { readonly sub: string },
  ): Promise<Claims> {
    const wanted = [settings.nameClaim, ...settings.grants.map(({ claim }) => claim)]
    const none = missingClaims(claims, wanted).length === 0
    if (none || as.userinfo_endpoint === undefined) return claims
    const response = await oauth.userInfoRequest(as, client, accessToken, calls)
    const told = await oauth.processUserInfoResponse(as, client, claims.sub, response)
    return { ...told, ...claims }
  }
}

/** An address that a browser is sent to: no other scheme than the provider's own. */
function endpoint(text: string | undefined, plain: boolean): URL {
  const url = text !== undefined && URL.canParse(text) ? new URL(text) : undefined
  if (url?.protocol === 'https:' || (plain && url?.protocol === 'http:')) return url
  const message = 'The OpenID provider names no usable address for logins.'
  throw new ProblemError({ code: 'OIDC_UNAVAILABLE', message })
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : 'unknown')
