import type { Clock } from '../../base/clock.ts'
import type { Logger } from '../../base/log.ts'
import { ProblemError } from '../../base/problems.ts'
import type { State } from '../../state/state.ts'
import type { LoggedIn, People } from '../people.ts'
import { Passages } from './passage.ts'
import { createProvider } from './provider.ts'
import type { OidcSettings } from './settings.ts'
import { userOf } from './sign-in.ts'

export interface Oidc {
  readonly label: string
  /** Where to send the browser, and what it keeps meanwhile. Rejects with OIDC_UNAVAILABLE. */
  begin(returnTo: string): Promise<{ readonly location: string; readonly sealed: string }>
  /**
   * What a browser came back with. Rejects with OIDC_STATE, OIDC_REFUSED, OIDC_FORBIDDEN,
   * OIDC_UNAVAILABLE, LOGIN_THROTTLED.
   */
  end(back: CameBack): Promise<LoggedIn & { readonly returnTo: string }>
  /** Where a browser ends the provider's own session too. */
  endSessionUrl(): string | undefined
}

export interface CameBack {
  readonly parameters: URLSearchParams
  readonly sealed: string | undefined
  readonly from: string | undefined
}

/** Logins by an OpenID provider. */
export function createOidc(options: {
  readonly settings: OidcSettings
  readonly state: State
  readonly clock: Clock
  readonly log: Logger
  readonly people: People
}): Oidc {
  const { settings, state, clock, people } = options
  const provider = createProvider(options)
  const passages = new Passages()
  return {
    label: settings.label,
    begin: async (returnTo) => {
      const { passage, sealed } = passages.begin(returnTo, clock.now())
      return { location: await provider.authorizeUrl(passage), sealed }
    },
    end: async ({ parameters, sealed, from }) => {
      const passage = passages.end(sealed, parameters.get('state') ?? undefined, clock.now())
      if (passage === undefined) {
        const message = 'This login was not begun in this browser, took too long, or is over.'
        const hint = 'begin again from the login page'
        throw new ProblemError({ code: 'OIDC_STATE', message, hint })
      }
      const loggedIn = await people.vouched(from, async () => {
        const claims = await provider.claimsOf(parameters, passage)
        return userOf({ state, clock, settings }, claims)
      })
      return { ...loggedIn, returnTo: passage.returnTo }
    },
    endSessionUrl: () => provider.endSessionUrl(),
  }
}
