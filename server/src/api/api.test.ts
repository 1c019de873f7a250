import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { request as httpRequest } from 'node:http'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import type { AlertRecord } from '../model/alert.ts'
import { writeAlerts, writeHistory } from '../state/alerts.ts'
import { addDeadLetters } from '../state/dead-letters.ts'
import { alertOf } from '../state/testing/alerts.ts'
import { createApi } from './api.ts'
import { describeApi } from './openapi.ts'
import { PUBLIC_ROUTES, route, routeName } from './route.ts'
import { makeWorld, serveAs, type World } from './testing/world.ts'

const worlds: World[] = []
afterEach(async () => {
  for (const world of worlds.splice(0)) await world.close()
})
const world = async (...args: Parameters<typeof makeWorld>): Promise<World> => {
  const made = await makeWorld(...args)
  worlds.push(made)
  return made
}

/** A request over the control socket, as the command line makes it. */
function local(
  path: string,
  method: string,
  url: string,
  body?: unknown,
): Promise<{ status: number; type: string; body: unknown; text: string }> {
  return new Promise((resolve, reject) => {
    const headers = body === undefined ? {} : { 'content-type': 'application/json' }
    const sent = httpRequest({ socketPath: path, method, path: url, headers }, (answer) => {
      let text = ''
      answer.setEncoding('utf8')
      answer.on('data', (chunk: string) => (text += chunk))
      answer.on('end', () => {
        const type = String(answer.headers['content-type'])
        const parsed: unknown = type.includes('json') ? JSON.parse(text) : undefined
        resolve({ status: answer.statusCode ?? 0, type, body: parsed, text })
      })
    })
    sent.on('error', reject)
    sent.end(body === undefined ? undefined : JSON.stringify(body))
  })
}

async function put(one: World, ...alerts: AlertRecord[]): Promise<void> {
  const writes = alerts.map((alert, index) => ({ alert, offset: 1, index }))
  await one.state.transact((db) => writeAlerts(one.state, db, writes))
}

describe('what is public', () => {
  test('health, readiness and metrics need nobody and leave no record', async () => {
    const problems = [{ component: 'store', message: 'The engine restarts.', blocking: false }]
    const one = await world({ readiness: () => ({ ready: false, problems }) })
    expect((await one.api.app.inject('/healthz')).body).toBe('ok\n')
    const ready = await one.api.app.inject('/readyz')
    expect([ready.statusCode, ready.json()]).toEqual([503, { ready: false, problems }])
    const metrics = await one.api.app.inject('/metrics')
    expect(metrics.headers['content-type']).toContain('text/plain; version=0.0.4')
    expect(metrics.body).toContain('picket_api_requests_total{operation="ready",status="503"} 1')
    expect(one.audit).toEqual([])
  })

  test('is exactly what is listed as public', async () => {
    const one = await world()
    const open = one.api.routes.flatMap((route) =>
      'public' in route ? [[routeName(route), route.public]] : [],
    )
    expect(Object.fromEntries(open)).toEqual(PUBLIC_ROUTES)
  })
})

describe('every route', () => {
  test('of the running server is declared, and asks who calls', async () => {
    const one = await world()
    const declared = one.api.routes
    expect(declared.length).toBeGreaterThan(8)
    for (const each of declared) {
      const url = each.path.replaceAll(/:\w+/g, 'x')
      const answer = await one.api.app.inject({ method: each.method, url })
      if (each.operation === 'login') expect(answer.statusCode).toBe(400)
      else if (each.operation.endsWith('OidcLogin')) expect(answer.json().code).toBe('OIDC_OFF')
      else if ('public' in each) expect(answer.statusCode).toBeLessThan(300)
      else {
        expect([each.path, answer.statusCode]).toEqual([each.path, 401])
        expect(answer.headers['content-type']).toContain('application/problem+json')
        expect(answer.json()).toMatchObject({ code: 'API_UNAUTHENTICATED', status: 401 })
        const entry = { actor: 'anonymous', action: each.access, outcome: 'failure' }
        expect(one.audit.at(-1)).toMatchObject(entry)
      }
    }
    const operations = declared.map((each) => each.operation)
    expect(new Set(operations).size).toBe(operations.length)
  })

  test('without a declaration does not compile, and stops the start', async () => {
    const one = await world()
    const handle = async () => ({ body: undefined })
    const bare = { method: 'GET', path: '/x', operation: 'x', summary: 'x', handle } as const
    // @ts-expect-error neither roles with an access record, nor public
    route({ ...bare })
    // @ts-expect-error roles without an access record
    route({ ...bare, roles: ['admin'] })
    // @ts-expect-error no role at all
    route({ ...bare, roles: [], access: 'alert-list' })
    expect(() => one.api.app.get('/planted', async () => 'secret')).toThrow(/declares no role/)
  })

  test('answers 403 where no role fits, and records who was refused', async () => {
    const one = await world()
    const app = serveAs(one, { id: 'u1', roles: ['ingest'] })
    const answer = await app.inject('/api/v1/alerts')
    expect([answer.statusCode, answer.json()]).toEqual([
      403,
      expect.objectContaining({ code: 'API_FORBIDDEN' }),
    ])
    expect(one.audit).toMatchObject([{ actor: 'u1', action: 'alert-list', outcome: 'failure' }])
    await app.close()
  })

  test('is in openapi.json as it is checked in (update with: vitest -u)', async () => {
    const one = await world()
    const text = `${JSON.stringify(describeApi(one.api.routes, '1'), null, 2)}\n`
    const path = join(import.meta.dirname, '../../../docs/reference/openapi.json')
    await expect(text).toMatchFileSnapshot(path)
    expect((await one.api.app.inject('/api/v1/openapi.json')).json()).toMatchObject({
      openapi: '3.1.1',
      info: { version: '0.0.0-test' },
    })
  })
})

describe('over the control socket', () => {
  const connected = async (): Promise<World & { path: string }> => {
    const one = await world()
    const path = join(one.folder, 'control.sock')
    await one.api.listenLocal(path)
    return { ...one, path }
  }

  test('only the owner may open it, and a dead one is replaced', async () => {
    const one = await connected()
    expect(statSync(one.path).mode & 0o777).toBe(0o600)
    const second = createApi(one.options)
    await expect(second.listenLocal(one.path)).rejects.toMatchObject({
      problem: { code: 'API_SOCKET' },
    })
    const stale = join(one.folder, 'stale.sock')
    writeFileSync(stale, '')
    await second.listenLocal(stale)
    expect((await local(stale, 'GET', '/healthz')).text).toBe('ok\n')
    await second.close()
  })

  test('a path that its address cannot hold is refused, not cut', async () => {
    const one = await world()
    const before = readdirSync(one.folder)
    await expect(one.api.listenLocal(join(one.folder, 'x'.repeat(100)))).rejects.toMatchObject({
      problem: { code: 'API_SOCKET', hint: 'choose a data directory with a shorter path' },
    })
    expect(readdirSync(one.folder)).toEqual(before)
  })

  test('alerts are listed, counted and shown, and each access is recorded', async () => {
    const one = await connected()
    const old = alertOf({ id: 'a', severity: 'low' })
    const young = alertOf({
      id: 'b',
      scope: { sites: ['oslo'], deviceTypes: [], datasets: [], complete: true },
    })
    await put(one, old, young)
    const write = { alert: young, offset: 1, index: 1, kind: 'opened' as const, atMs: 5_000 }
    await one.state.transact((db) => writeHistory(one.state, db, [write]))
    const { scope: _, ...shown } = young
    const list = await local(one.path, 'GET', '/api/v1/alerts?limit=1')
    expect(list).toMatchObject({ status: 200, body: { alerts: [shown] } })
    expect(JSON.stringify(list.body)).not.toContain('oslo')
    const { cursor } = list.body as { cursor: string }
    const next = await local(one.path, 'GET', `/api/v1/alerts?limit=1&cursor=${cursor}`)
    expect(next.body).toEqual({ alerts: [old] })
    const high = await local(one.path, 'GET', '/api/v1/alerts?severity=high&open=true')
    expect(high.body).toEqual({ alerts: [shown] })
    const counts = await local(one.path, 'GET', '/api/v1/alerts/counts')
    expect(counts.body).toMatchObject({ bySeverity: { low: 1, high: 1 } })
    const full = await local(one.path, 'GET', '/api/v1/alerts/b')
    expect(full.body).toEqual({
      alert: shown,
      history: [{ kind: 'opened', at: '1970-01-01T00:00:05.000Z', alert: shown }],
    })
    expect((await local(one.path, 'GET', '/api/v1/alerts/none')).body).toMatchObject({
      code: 'ALERT_UNKNOWN',
      status: 404,
    })
    expect(one.audit.map(({ action, outcome, actor }) => `${actor} ${action} ${outcome}`)).toEqual([
      'local alert-list success',
      'local alert-list success',
      'local alert-list success',
      'local alert-list success',
      'local alert-read success',
      'local alert-read failure',
    ])
    expect(one.audit[2]?.detail).toMatchObject({ query: { severity: 'high', open: true }, rows: 1 })
  })

  test('a request that does not fit names the field, and shows no value', async () => {
    const one = await connected()
    for (const [url, field] of [
      ['/api/v1/alerts?limit=0', 'query.limit'],
      ['/api/v1/alerts?limit=501', 'query.limit'],
      ['/api/v1/alerts?severity=worst-secret', 'query.severity'],
      ['/api/v1/alerts?nonsense=1', 'query'],
      ['/api/v1/alerts?from=yesterday', 'query.from'],
      ['/api/v1/alerts?open=1', 'query.open'],
      ['/healthz?x=1', 'query'],
    ] as const) {
      const answer = await local(one.path, 'GET', url)
      expect([url, answer.status]).toEqual([url, 400])
      expect(answer.body).toMatchObject({ code: 'API_INVALID', errors: [{ field }] })
      expect(answer.text).not.toContain('worst-secret')
    }
    const path = '/api/v1/search/templates/device-timeline'
    const body = await local(one.path, 'POST', path, { limit: '5', extra: 1 })
    expect(body.body).toMatchObject({ code: 'API_INVALID' })
    expect((await local(one.path, 'GET', '/nope')).body).toMatchObject({ code: 'API_UNKNOWN' })
    const large = await local(one.path, 'POST', path, { values: { x: 'y'.repeat(2_000_000) } })
    expect(large.body).toMatchObject({ code: 'API_TOO_LARGE', status: 413 })
  })

  test('dead letters are listed, shown and replayed', async () => {
    const one = await connected()
    const letter = {
      id: 'l1',
      source: 'file:x',
      decoder: 'mosquitto',
      code: 'DECODE_SYNTAX',
      message: 'No time.',
      receivedMs: 1_000,
      raw: 'rubbish',
      rawEncoding: 'utf8' as const,
    }
    const write = { letter, offset: 1, index: 0 }
    await one.state.transact((db) => addDeadLetters(one.state, db, [write]))
    const list = await local(one.path, 'GET', '/api/v1/dead-letters')
    expect(list.body).toMatchObject({
      letters: [{ id: 'l1', received: '1970-01-01T00:00:01.000Z' }],
    })
    expect(list.text).not.toContain('rubbish')
    const full = await local(one.path, 'GET', '/api/v1/dead-letters/l1')
    expect(full.body).toMatchObject({ raw: 'rubbish', message: 'No time.' })
    const replayed = await local(one.path, 'POST', '/api/v1/dead-letters/l1/replay')
    expect(replayed.body).toEqual({ id: 'l1', outcome: 'accepted', events: 1 })
  })

  test('searches run by template, over the last day unless told otherwise', async () => {
    const one = await connected()
    const path = '/api/v1/search/templates/device-timeline'
    const answer = await local(one.path, 'POST', path, { values: { device: 'd1' } })
    expect(answer.body).toMatchObject({ rows: [['lovelace', 'mqtt-connect', expect.any(String)]] })
    const now = one.clock.now()
    expect(one.searched).toEqual([
      {
        template: 'device-timeline',
        values: { device: 'd1' },
        fromMs: now - 86_400_000,
        toMs: now,
        limit: 100,
      },
    ])
    expect(one.audit.at(-1)?.detail).toMatchObject({ rows: 1, values: { device: 'd1' } })
  })

  test('an unchanged answer is not sent again', async () => {
    const one = await world()
    const app = serveAs(one, { id: 'u', roles: ['admin'] })
    const first = await app.inject('/api/v1/alerts')
    const headers = { 'if-none-match': String(first.headers['etag']) }
    const again = await app.inject({ url: '/api/v1/alerts', headers })
    expect([again.statusCode, again.body]).toEqual([304, ''])
    await app.close()
  })

  test('when the record cannot be written, the network is refused and the host is served', async () => {
    const one = await connected()
    one.journal.refuses = true
    expect((await local(one.path, 'GET', '/api/v1/alerts')).status).toBe(200)
    expect(one.metrics.value('picket_access_records_total', { outcome: 'refused' })).toBe(1)
    const record = async () => Promise.reject(new Error('full'))
    const recorder = { record, drain: async () => undefined }
    const app = serveAs(one, { id: 'u', roles: ['admin'] }, { recorder })
    const answer = await app.inject('/api/v1/alerts')
    expect([answer.statusCode, answer.json()]).toEqual([
      503,
      expect.objectContaining({ code: 'API_RECORD' }),
    ])
    await app.close()
  })
})

test('a fault of ours is a 500 without its words, which go to the log', async () => {
  const said: unknown[] = []
  const config = (): never => {
    throw new Error('the password is hunter2')
  }
  const one = await world({ config })
  const log = { ...one.options.log, error: (fields: object) => void said.push(fields) }
  const app = serveAs(one, { id: 'u', roles: ['admin'] }, { log })
  const answer = await app.inject('/api/v1/config')
  expect(answer.statusCode).toBe(500)
  expect(answer.json()).toMatchObject({ code: 'API_INTERNAL' })
  expect(answer.body).not.toContain('hunter2')
  expect(said).toMatchObject([{ why: 'the password is hunter2' }])
  await app.close()
})

test('no two routes could be meant by one address', async () => {
  const server = (await world()).api.routes
  const parts = (path: string): string[] => path.split('/')
  const isOpen = (part: string): boolean => part.startsWith(':')
  const wrong = server.flatMap((a, at) =>
    server.slice(at + 1).flatMap((b) => {
      const [one, two] = [parts(a.path), parts(b.path)]
      if (a.path === b.path || one.length !== two.length) return []
      const meets = one.every((part, n) => part === two[n] || isOpen(part) || isOpen(two[n] ?? ''))
      // Where one has a word in each place in which the other has one, it is the nearer of the two.
      const nearer = (x: string[], y: string[]) =>
        x.every((part, n) => !isOpen(part) || isOpen(y[n] ?? ''))
      return meets && !nearer(one, two) && !nearer(two, one) ? [`${a.path} ${b.path}`] : []
    }),
  )
  expect(wrong).toEqual([])
})

test('openapi.json is beside the other references', () => {
  const path = join(import.meta.dirname, '../../../docs/reference/openapi.json')
  expect(JSON.parse(readFileSync(path, 'utf8'))).toHaveProperty('paths./api/v1/alerts.get')
})

test('the description holds together: references, parameters, names', async () => {
  const one = await world()
  const text = JSON.stringify(describeApi(one.api.routes, '1'))
  const described = JSON.parse(text) as {
    paths: Record<string, Record<string, Described>>
    components: { schemas: Record<string, unknown> }
  }
  const names: string[] = []
  for (const [path, operations] of Object.entries(described.paths)) {
    const inPath = [...path.matchAll(/\{(\w+)\}/g)].map((found) => found[1])
    for (const [method, operation] of Object.entries(operations)) {
      names.push(operation.operationId)
      const given = (operation.parameters ?? []).filter((each) => each.in === 'path')
      expect([path, given.map((each) => each.name)]).toEqual([path, inPath])
      expect(given.every((each) => each.required)).toBe(true)
      expect(Object.keys(operation.responses)).toContain('default')
      // OpenAPI 3.1, 4.8.10: the meaning of a body of GET and DELETE is not defined.
      if (method === 'get' || method === 'delete') expect(operation.requestBody).toBeUndefined()
    }
  }
  expect(new Set(names).size).toBe(names.length)
  expect(names.length).toBe(one.api.routes.length)
  for (const [, name] of text.matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g)) {
    expect(described.components.schemas).toHaveProperty(name ?? '')
  }
  // Nothing points to what only stood in the schema it was taken from.
  expect(text).not.toMatch(/"\$ref":"#\/(definitions|\$defs)/)
  expect(text).not.toContain('"$schema"')
})

interface Described {
  readonly operationId: string
  readonly parameters?: readonly { name: string; in: string; required: boolean }[]
  readonly requestBody?: unknown
  readonly responses: Readonly<Record<string, unknown>>
}
