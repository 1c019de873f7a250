/**
 * The client whose types are generated from openapi.json, against the real server: what compiles here
 * is what the description promises, and what passes is that the server keeps it.
 */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createConfig, lintFromString } from '@redocly/openapi-core'
import { afterEach, describe, expect, test } from 'vitest'
import { createApiClient } from '../src/api/client.ts'
import { isBuilt, ServerProcess } from './server-process.ts'

const required = process.env['REQUIRE_SERVICES'] === '1'
const servers: ServerProcess[] = []
afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop()
})

test('the generated types are those of openapi.json (mend: node tools/api-types.mjs)', () => {
  const tool = join(import.meta.dirname, '..', '..', 'tools', 'api-types.mjs')
  const checked = spawnSync(process.execPath, [tool, '--check'], { encoding: 'utf8' })
  expect([checked.status, checked.stderr]).toEqual([0, ''])
})

async function faultsOf(description: string): Promise<string[]> {
  const rules = {
    struct: 'error',
    'no-unresolved-refs': 'error',
    'path-parameters-defined': 'error',
    'operation-operationId-unique': 'error',
    'no-identical-paths': 'error',
  } as const
  const config = await createConfig({ rules })
  const found = await lintFromString({ source: description, config })
  return found.map(({ ruleId, message }) => `${ruleId}: ${message}`)
}

test('openapi.json is valid OpenAPI 3.1, by a validator that is not ours', async () => {
  const path = join(import.meta.dirname, '..', '..', 'docs', 'reference', 'openapi.json')
  const text = readFileSync(path, 'utf8')
  expect(await faultsOf(text)).toEqual([])
  const broken = await faultsOf(text.replace('"in": "query"', '"in": "nowhere"'))
  expect(broken).toEqual([expect.stringContaining('struct')])
})

/** Failed logins from one address, enough for the brute-force rule that comes with the program. */
function attack(): string {
  const start = Date.now() - 30_000
  const lines = Array.from({ length: 40 }, (_, n) => ({
    '@timestamp': new Date(start + n * 100).toISOString(),
    event: {
      id: `e${n}`,
      kind: 'event',
      category: ['authentication'],
      type: ['start'],
      action: 'mqtt-connect',
      outcome: 'failure',
      reason: 'not authorised',
      module: 'mosquitto',
      dataset: 'mosquitto.log',
    },
    source: { ip: '192.0.2.66' },
    iot: { mqtt: { client_id: `probe-${n}` } },
  }))
  return lines.map((line) => `${JSON.stringify(line)}\n`).join('')
}

describe.skipIf(!isBuilt && !required)(
  'the generated client (needs the compiled program: npm run build)',
  () => {
    test('logs in, makes a token, and reads alerts, events and rules with it', async () => {
      const server = await ServerProcess.start(attack())
      servers.push(server)
      const { url, user, password } = server.firstRun
      const baseUrl = url.replace(/\/$/, '')
      const admin = createApiClient({ baseUrl, keepCookie: true })

      const wrong = await admin.POST('/api/v1/session', { body: { user, password: 'no' } })
      expect(wrong.error).toMatchObject({ status: 401, code: 'LOGIN_FAILED' })
      const me = await admin.POST('/api/v1/session', { body: { user, password } })
      expect(me.data).toMatchObject({ name: user, roles: ['admin'], mustChangePassword: true })
      const early = await admin.GET('/api/v1/alerts', {})
      expect(early.error?.status).toBe(403)
      const fresh = 'correct horse battery staple'
      const changed = await admin.POST('/api/v1/session/password', {
        body: { old: password, new: fresh },
      })
      expect(changed.response.status).toBe(204)

      const made = await admin.POST('/api/v1/tokens', {
        body: { name: 'reader', roles: ['analyst'] },
        headers: { 'Idempotency-Key': 'once' },
      })
      expect(made.response.status).toBe(201)
      const token = made.data?.text
      if (token === undefined) throw new Error('no token was made')
      const reader = createApiClient({ baseUrl, token })

      let cursor: string | undefined
      await server.until('an alert is listed', async () => {
        const { data } = await reader.GET('/api/v1/alerts', { params: { query: { limit: 1 } } })
        cursor = data?.cursor
        return data?.alerts[0] !== undefined
      })
      expect(cursor === undefined || typeof cursor === 'string').toBe(true)
      const counts = await reader.GET('/api/v1/alerts/counts', {})
      const bySeverity = Object.values(counts.data?.bySeverity ?? {})
      expect(bySeverity.reduce((sum, count) => sum + count, 0)).toBeGreaterThan(0)
      const list = await reader.GET('/api/v1/alerts', {})
      const id = list.data?.alerts[0]?.id ?? ''
      const one = await reader.GET('/api/v1/alerts/{id}', { params: { path: { id } } })
      expect(one.data?.alert.id).toBe(id)
      expect(one.data?.history.length).toBeGreaterThan(0)

      const templates = await reader.GET('/api/v1/search/templates', {})
      expect(templates.data?.templates.map(({ name }) => name)).toContain('counts')
      const path = '/api/v1/search/templates/{name}' as const
      await server.until('all events are stored', async () => {
        const found = await reader.POST(path, {
          params: { path: { name: 'counts' } },
          body: { values: { step: '24h' } },
        })
        const at = found.data?.columns.indexOf('events') ?? -1
        const rows = found.data?.rows ?? []
        return rows.reduce((sum, row) => sum + Number(row[at]), 0) === 40
      })
      const rules = await reader.GET('/api/v1/rules', {})
      expect(rules.data?.rules.every(({ ok }) => ok)).toBe(true)

      const refused = await reader.GET('/api/v1/users', {})
      expect(refused.error).toMatchObject({ status: 403, code: 'API_FORBIDDEN' })
      expect((await admin.DELETE('/api/v1/session')).response.status).toBe(204)
      expect((await admin.GET('/api/v1/session', {})).error?.status).toBe(401)
      expect(admin.csrf()).toBeUndefined()
    })
  },
)
