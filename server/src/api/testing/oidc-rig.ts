import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createSign, generateKeyPairSync, type KeyObject } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import Provider from 'oidc-provider'
import type { OidcSettings } from '../../people/oidc/settings.ts'

export const PUBLIC_URL = 'https://picket.example'

export interface Rig {
  readonly issuer: string
  close(): Promise<void>
}

async function serveOn(make: (issuer: string) => RequestListener): Promise<Rig> {
  let listener: RequestListener = () => undefined
  const server: Server = createServer((request, response) => listener(request, response))
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  listener = make(issuer)
  const close = async (): Promise<void> => {
    server.closeAllConnections()
    await new Promise((done) => server.close(done))
  }
  return { issuer, close }
}

export function settingsOf(issuer: string, change: Partial<OidcSettings> = {}): OidcSettings {
  return {
    issuer,
    clientId: 'picket',
    clientSecret: 'a secret of the client',
    scopes: ['openid', 'profile', 'groups'],
    label: 'Company login',
    nameClaim: 'preferred_username',
    provision: 'just-in-time',
    grants: [
      { claim: 'groups', values: ['soc-admins'], grant: { roles: ['admin'] } },
      {
        claim: 'groups',
        values: ['soc-oslo'],
        grant: { roles: ['analyst'], visibility: { sites: ['oslo'] } },
      },
    ],
    clockSkewMs: 5_000,
    publicUrl: PUBLIC_URL,
    ...change,
  }
}

/** A real provider (oidc-provider), whose people are these. */
export function realProvider(groupsOf: Readonly<Record<string, readonly string[]>>): Promise<Rig> {
  return serveOn((issuer) => {
    const provider = new Provider(issuer, {
      clients: [
        {
          client_id: 'picket',
          client_secret: 'a secret of the client',
          redirect_uris: [`${PUBLIC_URL}/api/v1/session/oidc/callback`],
          post_logout_redirect_uris: [`${PUBLIC_URL}/`],
          response_types: ['code'],
          grant_types: ['authorization_code'],
        },
      ],
      pkce: { required: () => true },
      cookies: { keys: ['a key for cookies'] },
      claims: { openid: ['sub'], profile: ['preferred_username'], groups: ['groups'] },
      findAccount: (_: unknown, id: string) => ({
        accountId: id,
        claims: async () => ({
          sub: `sub-${id}`,
          preferred_username: id,
          groups: groupsOf[id] ?? [],
        }),
      }),
      ttl: { Session: 600, Grant: 600, Interaction: 600, AccessToken: 600, IdToken: 600 },
    })
    return provider.callback()
  })
}

/** A browser of sorts: goes through redirects and forms, keeps cookies of both sides. */
export class WebBrowser {
  readonly #app: FastifyInstance
  readonly #login: string
  readonly cookies = new Map<string, Map<string, string>>()
  /** Addresses visited at Picket. */
  readonly visited: string[] = []
  constructor(app: FastifyInstance, login: string) {
    this.#app = app
    this.#login = login
  }

  cookieHeader(origin: string): string {
    const jar = this.cookies.get(origin) ?? new Map<string, string>()
    return [...jar].map(([name, value]) => `${name}=${value}`).join('; ')
  }

  /** What Picket answers in the end, or where it stands when `until` says so. */
  async go(start: string, until: (url: URL) => boolean = () => false): Promise<Visit> {
    let url = new URL(start, PUBLIC_URL)
    let form: URLSearchParams | undefined
    for (let step = 0; step < 20; step++) {
      if (step > 0 && until(url)) return { url: url.href, status: 0, body: '', location: undefined }
      const visit = await this.#visit(url, form)
      form = undefined
      if (visit.location !== undefined) {
        url = new URL(visit.location, url)
        continue
      }
      if (url.origin === PUBLIC_URL) return visit
      const action = /<form[^>]* action="([^"]+)"/.exec(visit.body)?.[1]
      const prompt = /name="prompt" value="(\w+)"/.exec(visit.body)?.[1]
      if (action === undefined || prompt === undefined) return visit
      url = new URL(action, url)
      form = new URLSearchParams({ prompt, login: this.#login, password: 'x' })
    }
    throw new Error('too many redirects')
  }

  async #visit(url: URL, form: URLSearchParams | undefined): Promise<Visit> {
    const headers = { cookie: this.cookieHeader(url.origin), accept: 'text/html' }
    if (url.origin === PUBLIC_URL) {
      this.visited.push(url.href)
      const target = url.pathname + url.search
      const answer = await this.#app.inject({ method: 'GET', url: target, headers })
      this.#keep(url.origin, [answer.headers['set-cookie'] ?? []].flat())
      const location = answer.headers['location']
      const { statusCode: status, body } = answer
      return { url: url.href, status, body, location: location?.toString() }
    }
    const method = form === undefined ? 'GET' : 'POST'
    const body = form === undefined ? {} : { body: form }
    const answer = await fetch(url, { method, headers, redirect: 'manual', ...body })
    this.#keep(url.origin, answer.headers.getSetCookie())
    const location = answer.headers.get('location') ?? undefined
    return { url: url.href, status: answer.status, body: await answer.text(), location }
  }

  #keep(origin: string, lines: readonly string[]): void {
    const jar = this.cookies.get(origin) ?? new Map<string, string>()
    this.cookies.set(origin, jar)
    for (const line of lines) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? []
      if (value === '') jar.delete(name)
      else jar.set(name, value)
    }
  }
}

export interface Visit {
  readonly url: string
  readonly status: number
  readonly body: string
  readonly location: string | undefined
}

export interface Lies {
  /** Claims in place of the right ones; undefined takes one out. */
  claims?: Readonly<Record<string, unknown>>
  header?: Readonly<Record<string, unknown>>
  /** Text of the signature, in place of a right one. */
  signature?: string
  /** A whole answer of an endpoint, by path. */
  answers?: Readonly<Record<string, { readonly status: number; readonly body: string }>>
  discovery?: Readonly<Record<string, unknown>>
}

export interface Liar extends Rig {
  lies: Lies
  /** The nonce that the next token is for. */
  nonce: string
  readonly asked: string[]
}

/** A provider that answers right, but for the lies it is told to tell. */
export async function lyingProvider(): Promise<Liar> {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const liar = { lies: {} as Lies, nonce: '', asked: [] as string[] }
  const rig = await serveOn((issuer) => (request, response) => {
    const path = new URL(request.url ?? '/', issuer).pathname
    liar.asked.push(path)
    const { lies } = liar
    const lie = lies.answers?.[path]
    const body = lie?.body ?? JSON.stringify(truth(path, issuer, liar, { privateKey, publicKey }))
    response.writeHead(lie?.status ?? 200, { 'content-type': 'application/json' }).end(body)
  })
  return Object.assign(liar, rig)
}

function truth(
  path: string,
  issuer: string,
  { lies, nonce }: { readonly lies: Lies; readonly nonce: string },
  keys: { readonly privateKey: KeyObject; readonly publicKey: KeyObject },
): unknown {
  if (path === '/.well-known/openid-configuration') {
    return {
      issuer,
      authorization_endpoint: `${issuer}/auth`,
      token_endpoint: `${issuer}/token`,
      jwks_uri: `${issuer}/jwks`,
      response_types_supported: ['code'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['RS256'],
      ...lies.discovery,
    }
  }
  if (path === '/jwks') {
    return { keys: [{ ...keys.publicKey.export({ format: 'jwk' }), kid: 'k1', use: 'sig' }] }
  }
  const now = Math.floor(Date.now() / 1_000)
  const claims = {
    ...{ iss: issuer, aud: 'picket', sub: 's1', iat: now, exp: now + 60, nonce },
    ...{ preferred_username: 'ada', groups: ['soc-oslo'] },
    ...lies.claims,
  }
  const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  const header = { alg: 'RS256', kid: 'k1', typ: 'JWT', ...lies.header }
  const text = `${encode(header)}.${encode(claims)}`
  const right = createSign('RSA-SHA256').update(text).sign(keys.privateKey, 'base64url')
  const token = `${text}.${lies.signature ?? right}`
  return { access_token: 'at', token_type: 'Bearer', expires_in: 60, id_token: token }
}
