/**
 * Goal: every HTTP route of every listener is in a table that says who may call it and what tells of the
 * call; one that is not there is not answered, and one that does not say it does not compile.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { makeWorld } from '../src/api/testing/world.ts'
import { MetricsRegistry } from '../src/base/metrics.ts'
import { ACCESS_ACTIONS, ROLES } from '../src/model/access.ts'
import type { Source } from '../src/model/source.ts'
import { createToken } from '../src/people/accounts.ts'
import type { SourceSpec } from '../src/source/define.ts'
import { LISTENER_RECORDS, type ListenerRoute, routeOf } from '../src/source/http/routes.ts'
import { sourceKinds } from '../src/source/registry.ts'
import { testDeps } from '../src/source/testing/file-world.ts'
import { freePort } from '../src/source/testing/free-port.ts'
import { RecordSink } from '../src/source/testing/record-sink.ts'

const ROOT = join(import.meta.dirname, '../..')
const kinds: readonly SourceSpec[] = Object.values(sourceKinds)
const isHttp = (kind: SourceSpec): boolean => 'body_bytes_max' in kind.options.shape
const listeners = kinds.filter(isHttp)

const TOKEN = 'a-token-of-the-sender'
/** Every header in which one of the protocols takes a token. */
const headersOf = (token: string): Record<string, string>[] => [
  { authorization: `Bearer ${token}` },
  { authorization: `Splunk ${token}` },
  { authorization: `ApiKey ${Buffer.from(`id:${token}`).toString('base64')}` },
  { authorization: `Basic ${Buffer.from(`x:${token}`).toString('base64')}` },
  { 'x-amz-firehose-access-key': token },
]

/** The right token, in the protocol's own header. */
function rightHeaders(kind: string): Record<string, string> {
  const [bearer = {}, splunk = {}, apiKey = {}, , firehose = {}] = headersOf(TOKEN)
  return { ...(kind === 'hec' ? splunk : kind === 'elastic' ? apiKey : bearer), ...firehose }
}

const open: { close(): Promise<unknown> }[] = []
afterEach(async () => {
  for (const each of open.splice(0)) await each.close()
})

async function serve(kind: SourceSpec) {
  const port = await freePort()
  const metrics = new MetricsRegistry()
  const sink = new RecordSink()
  const options = kind.options.parse({
    listen: `127.0.0.1:${port}`,
    tokens: { sender: { env: 'TOKEN' } },
  })
  const deps = { ...testDeps('/', { now: () => Date.now() }, metrics), secret: async () => TOKEN }
  const source: Source = kind.create(options, deps)
  await source.start(sink)
  open.push({ close: () => source.stop() })
  const ask = async (method: string, path: string, headers: Record<string, string> = {}) => {
    const given = {
      'content-type': 'application/json',
      'x-amz-firehose-request-id': 'r1',
      ...headers,
    }
    const hasBody = method !== 'GET' && method !== 'HEAD'
    const body = hasBody ? { body: '{"event":"x","a":1}' } : {}
    const url = `http://127.0.0.1:${port}${path}`
    const answer = await fetch(url, { method, headers: given, redirect: 'manual', ...body })
    await answer.arrayBuffer()
    return answer.status
  }
  return { ask, sink, metrics }
}

const samplesOf = (route: ListenerRoute): { method: string; path: string }[] =>
  route.methods.map((method) => ({
    method,
    path: route.path.replace('/**', '').replaceAll('*', 'name') || '/',
  }))

describe('of each listener', () => {
  test('that takes HTTP the routes are declared', () => {
    const names = listeners.map(({ name }) => name).sort()
    expect(names).toEqual(['elastic', 'firehose', 'hec', 'http', 'otlp'])
    for (const { name, routes } of listeners)
      expect([name, routes?.length ?? 0]).not.toEqual([name, 0])
    for (const kind of kinds) if (!isHttp(kind)) expect(kind.routes).toBeUndefined()
  })

  test.each(listeners.map((kind) => [kind.name, kind] as const))(
    '%s: nobody without its token, whatever else they are; the sender is let in',
    async (_, kind) => {
      const world = await makeWorld()
      open.push(world)
      const strangers: Record<string, string>[] = [{}, ...headersOf('wrong')]
      // Tokens of people of every role and scope open the API, and no listener.
      for (const role of ROLES) {
        const { text } = await createToken(world, { name: role, roles: [role] }, 'local')
        strangers.push(...headersOf(text).slice(0, 1))
      }
      const visibility = { sites: ['oslo'] }
      const narrowed = { name: 'n', roles: ['analyst'] as const, visibility }
      strangers.push(...headersOf((await createToken(world, narrowed, 'local')).text).slice(0, 1))
      const { ask, sink, metrics } = await serve(kind)
      const wrong: string[] = []
      let refused = 0
      for (const route of kind.routes ?? []) {
        for (const { method, path } of samplesOf(route)) {
          if ('public' in route) continue
          const answers = await Promise.all(strangers.map((each) => ask(method, path, each)))
          for (const [at, status] of answers.entries()) {
            if (status === 401 || status === 403) refused += 1
            else wrong.push(`${method} ${path} let ${JSON.stringify(strangers[at])} in: ${status}`)
          }
          const status = await ask(method, path, rightHeaders(kind.name))
          if (status === 401 || status === 403 || status >= 500) {
            wrong.push(`${method} ${path} let the sender out: ${status}`)
          }
        }
      }
      expect(wrong).toEqual([])
      // The body of this test is no event to these two.
      const isRead = kind.name !== 'firehose' && kind.name !== 'otlp'
      expect(sink.items.length > 0).toBe(isRead)
      const counted = metrics.value('picket_source_errors_total', {
        source: 'test',
        reason: 'sender_refused',
      })
      expect(counted).toBeGreaterThanOrEqual(refused)
    },
  )

  test.each(listeners.map((kind) => [kind.name, kind] as const))(
    '%s: what is not declared is not answered, token or not',
    async (_, kind) => {
      const { ask, sink } = await serve(kind)
      const paths = new Set(
        [...listeners.flatMap(({ routes = [] }) => routes.flatMap(samplesOf))].map(
          (one) => one.path,
        ),
      )
      for (const path of ['/admin', '/metrics', '/_nodesx', '/_search', '/services', '/v1', '//']) {
        paths.add(path)
      }
      const wrong: string[] = []
      for (const path of paths) {
        for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS']) {
          const plain = path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path
          if (routeOf(kind.routes ?? [], { method, path: plain }) !== undefined) continue
          const status = await ask(method, path, rightHeaders(kind.name))
          if (status < 400) wrong.push(`${method} ${path} ${status}`)
        }
      }
      expect(wrong).toEqual([])
      expect(sink.items).toEqual([])
    },
  )
})

test('the page of all routes is up to date (update with: vitest run FILE -u)', async () => {
  const world = await makeWorld()
  open.push(world)
  const api = world.api.routes.map((route) => {
    const who = 'public' in route ? 'anybody' : route.roles.join(', ')
    const why = 'public' in route ? route.public : ACCESS_ACTIONS[route.access]
    return [route.path, `| \`${route.method} ${route.path}\` | ${who} | ${why} |`] as const
  })
  const parts = [
    '# Every route of every listener',
    '',
    'Who may call it, and what tells of the call afterwards, or why it is public. Made from the tables that the',
    'servers answer by; a route that stands in none is not answered.',
    '',
    '## API and console',
    '',
    'Every call becomes an audit entry of the journal before it is answered. The control socket answers the same',
    'routes to whoever may open it.',
    '',
    '| route | roles | recorded as, or public because |',
    '| --- | --- | --- |',
    ...api.sort(([a], [b]) => (a < b ? -1 : 1)).map(([, line]) => line),
    '',
    '## Listeners of sources',
    '',
    'Tokens here are those of the source in the configuration, not those of the API; without any the source listens on',
    'this machine alone. A refused sender counts in `picket_source_errors_total{reason="sender_refused"}`.',
    '',
    ...Object.entries(LISTENER_RECORDS).map(([name, text]) => `- **${name}**: ${text}`),
    '',
    '| source | route | who | record, or public because |',
    '| --- | --- | --- | --- |',
    ...listeners.flatMap(({ name, routes = [] }) =>
      routes.map((route) => {
        const who = 'public' in route ? 'anybody' : 'a token of the source'
        const what = 'public' in route ? route.public : route.record
        return `| ${name} | \`${route.methods.join(', ')} ${route.path}\` | ${who} | ${what} |`
      }),
    ),
  ]
  await expect(`${parts.join('\n')}\n`).toMatchFileSnapshot(join(ROOT, 'docs/reference/routes.md'))
})

describe('a planted route fails the build', () => {
  const src = join(ROOT, 'server/src')
  const API = `import { route } from '${src}/api/route.ts'
export const planted = route({ method: 'GET', path: '/x', operation: 'x', summary: 'x', DECLARED
  handle: async () => ({ body: undefined }) })\n`
  const LISTENER = `import type { ListenerRoute } from '${src}/source/http/routes.ts'
export const planted: ListenerRoute = { methods: ['POST'], path: '/x', summary: 'x', DECLARED }\n`
  const PROTOCOL = `import type { Protocol } from '${src}/source/http/listener.ts'
import { Tokens } from '${src}/source/http/tokens.ts'
export const planted: Protocol = { tokens: new Tokens(), DECLARED
  admit: () => undefined, answer: async () => ({ status: 200 }), refuse: () => ({ status: 400 }) }\n`

  test('where it says neither who may call it nor how it is recorded', () => {
    const folder = mkdtempSync(join(tmpdir(), 'picket-planted-'))
    const right = {
      'right-api.ts': API.replace('DECLARED', "roles: ['admin'], access: 'alert-list',"),
      'right-public.ts': API.replace('DECLARED', "public: 'why',"),
      'right-listener.ts': LISTENER.replace('DECLARED', "role: 'ingest', record: 'batch'"),
      'right-protocol.ts': PROTOCOL.replace('DECLARED', 'routes: [],'),
    }
    const wrong = {
      'api-bare.ts': API.replace('DECLARED', ''),
      'api-unrecorded.ts': API.replace('DECLARED', "roles: ['admin'],"),
      'api-nobody.ts': API.replace('DECLARED', "roles: [], access: 'alert-list',"),
      'api-other-record.ts': API.replace('DECLARED', "roles: ['admin'], access: 'nothing',"),
      'listener-bare.ts': LISTENER.replace('DECLARED', ''),
      'listener-unrecorded.ts': LISTENER.replace('DECLARED', "role: 'ingest'"),
      'listener-other-role.ts': LISTENER.replace('DECLARED', "role: 'root', record: 'batch'"),
      'protocol-without-routes.ts': PROTOCOL.replace('DECLARED', ''),
    }
    const files = { ...right, ...wrong }
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
    const config = {
      extends: join(ROOT, 'tsconfig.base.json'),
      compilerOptions: {
        noEmit: true,
        composite: false,
        incremental: false,
        rewriteRelativeImportExtensions: false,
        allowImportingTsExtensions: true,
        types: ['node'],
        typeRoots: [join(ROOT, 'node_modules/@types')],
      },
      files: Object.keys(files),
    }
    writeFileSync(join(folder, 'package.json'), '{"type":"module"}')
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config))
    const tsc = join(ROOT, 'node_modules/.bin/tsc')
    const { stdout } = spawnSync(tsc, ['-p', folder, '--pretty', 'false'], { encoding: 'utf8' })
    rmSync(folder, { recursive: true })
    const faulty = [...stdout.matchAll(/^(?:.*\/)?([\w-]+\.ts)\(\d+,\d+\): error TS\d+/gm)]
    const names = [...new Set(faulty.map((found) => found[1]))].sort()
    expect([names, stdout]).toEqual([Object.keys(wrong).sort(), expect.any(String)])
  })
})
