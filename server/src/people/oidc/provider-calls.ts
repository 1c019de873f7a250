import * as oauth from 'oauth4webapi'
import { type Problem, ProblemError } from '../../base/problems.ts'

const ANSWER_BYTES_MAX = 1024 * 1024
const TIMEOUT_MS = 10_000

/** A call to the provider that is over after ten seconds or a MiB. */
export async function boundedFetch(
  url: string,
  options: oauth.CustomFetchOptions<string, unknown>,
): Promise<Response> {
  const signal = AbortSignal.timeout(TIMEOUT_MS)
  const { body, method, headers } = options
  const sent = body === undefined || body === null ? {} : { body: body as string }
  const response = await fetch(url, { method, headers, redirect: 'manual', signal, ...sent })
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of response.body ?? []) {
    chunks.push(chunk)
    bytes += chunk.byteLength
    if (bytes > ANSWER_BYTES_MAX) throw new TypeError('the answer is larger than a MiB')
  }
  const isEmpty = [101, 204, 205, 304].includes(response.status)
  return new Response(isEmpty ? null : Buffer.concat(chunks), {
    status: response.status,
    headers: response.headers,
  })
}

/** By the library's codes, in our words: its own may repeat what the provider sent. */
const REASONS: Readonly<Record<string, string>> = {
  [oauth.JWT_TIMESTAMP_CHECK]: 'Its token has expired or is not valid yet; compare the clocks.',
  [oauth.JWT_CLAIM_COMPARISON]: 'Its token is of another login, client or issuer.',
  [oauth.JSON_ATTRIBUTE_COMPARISON]: 'Its answer is of another issuer or person.',
  [oauth.KEY_SELECTION]: 'Its token is signed by a key that it does not publish.',
  [oauth.UNSUPPORTED_OPERATION]: 'Its token is signed in a way that is not accepted.',
  [oauth.INVALID_RESPONSE]: 'Its answer is not a valid one.',
  [oauth.PARSE_ERROR]: 'Its answer cannot be read.',
}

/** What went wrong between the callback and the claims, for the person who logs in. */
export function toProblem(error: unknown): Problem {
  if (error instanceof ProblemError) return error.problem
  if (error instanceof oauth.AuthorizationResponseError) {
    const denied = error.error === 'access_denied'
    return refused(
      denied ? 'The login was denied or broken off there.' : 'It answers with an error.',
    )
  }
  if (error instanceof oauth.ResponseBodyError) {
    if (error.error === 'invalid_client') {
      return {
        ...refused('It does not take this Picket as its client.'),
        hint: 'see api.oidc.client_id and client_secret',
      }
    }
    return refused('The login is over there, or was used before.')
  }
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  const status = responseStatus(error)
  if (code === '' || (status !== undefined && status >= 500)) {
    return { code: 'OIDC_UNAVAILABLE', message: 'The OpenID provider does not answer.' }
  }
  return refused(REASONS[code] ?? 'Its answer is not a valid one.')
}

function responseStatus(error: unknown): number | undefined {
  const cause = error instanceof Error ? error.cause : undefined
  return cause instanceof Response ? cause.status : undefined
}

function refused(why: string): Problem {
  return { code: 'OIDC_REFUSED', message: `The OpenID provider's login does not count. ${why}` }
}
