import type { FastifyRequest } from 'fastify'
import type { Known, People } from '../people/people.ts'

/** Over TLS the prefix binds the cookie to this host and to TLS (RFC 6265bis, 4.1.3.2). */
const PLAIN = 'picket_session'
const SECURE = '__Host-picket_session'
const PASSAGE = 'picket_passage'
const PASSAGE_SECONDS = 600

/** Who sent a request: a bearer token counts before a cookie, and a wrong one is not forgiven. */
export function createAuthenticate(
  people: People,
): (request: FastifyRequest, use: 'use' | 'look') => Promise<Known | undefined> {
  return async (request, use) => {
    const { authorization } = request.headers
    if (authorization !== undefined) {
      const text = /^Bearer (\S{1,200})$/i.exec(authorization)?.[1]
      return text === undefined ? undefined : people.byToken(text)
    }
    const secret = readCookie(request.headers.cookie, request.protocol === 'https' ? SECURE : PLAIN)
    return secret === undefined ? undefined : people.bySession(secret, use)
  }
}

export function cookieNames(secure: boolean): {
  readonly session: string
  readonly passage: string
} {
  return {
    session: secure ? SECURE : PLAIN,
    passage: secure ? `__Host-${PASSAGE}` : PASSAGE,
  }
}

/**
 * A login that is under way at the OpenID provider. `Lax`, because the way back is a link of another
 * site; cleared where the value is empty.
 */
export function passageCookie(sealed: string, secure: boolean): string {
  const { passage } = cookieNames(secure)
  const age = sealed === '' ? 0 : PASSAGE_SECONDS
  const rest = `Path=/; HttpOnly; SameSite=Lax; Max-Age=${age}${secure ? '; Secure' : ''}`
  return `${passage}=${sealed}; ${rest}`
}

/** Not readable by scripts, not sent from other sites; gone when the browser closes. */
export function sessionCookie(secret: string, secure: boolean): string {
  const name = secure ? SECURE : PLAIN
  return `${name}=${secret}; Path=/; HttpOnly; SameSite=Strict${secure ? '; Secure' : ''}`
}

export function clearedCookie(secure: boolean): string {
  return `${sessionCookie('', secure)}; Max-Age=0`
}

/** The value of a cookie that is sent once; one that is sent twice was planted, and counts as none. */
export function readCookie(header: string | undefined, name: string): string | undefined {
  if (header === undefined || header.length > 8_192) return undefined
  const found = header
    .split(';')
    .map((part) => part.trim())
    .filter((part) => part.startsWith(`${name}=`))
  return found.length === 1 ? found[0]?.slice(name.length + 1) : undefined
}
