/**
 * Goal: whatever is sent to any route of the running server, on its real engine and state, is answered
 * as openapi.json says, and never by a fault of ours (5xx). Requests are made from the schemas: most
 * fit, some nearly, some not at all. `PICKET_FUZZ_RUNS` sets the requests per operation.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Ajv2020 } from 'ajv/dist/2020.js'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { arbitraryOf, hostile, type JsonSchema } from './schema-arbitrary.ts'

const SERVER = join(import.meta.dirname, '..', '..')
const built = existsSync(join(SERVER, 'dist', 'main.js'))
const required = process.env['REQUIRE_SERVICES'] === '1'
const RUNS = Number(process.env['PICKET_FUZZ_RUNS'] ?? 40)
const PASSWORD = 'a long password for the fuzz'

interface Parameter {
  readonly name: string
  readonly in: 'path' | 'query' | 'header'
  readonly required: boolean
  readonly schema: JsonSchema
}
interface Media {
  readonly content?: Readonly<Record<string, { readonly schema: JsonSchema }>>
}
interface Operation {
  readonly operationId: string
  readonly parameters?: readonly Parameter[]
  readonly requestBody?: Media
  readonly responses: Readonly<Record<string, Media>>
}
interface Description {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components: { readonly schemas: Readonly<Record<string, JsonSchema>> }
}

const description = JSON.parse(
  readFileSync(join(SERVER, '..', 'docs', 'reference', 'openapi.json'), 'utf8'),
) as Description
const operations = Object.entries(description.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
)

const ajv = new Ajv2020({ strict: false, validateFormats: false })
ajv.addSchema(description, 'api')
const problem = ajv.compile({ $ref: 'api#/components/schemas/Problem' })

let folder = ''
let child: ChildProcess | undefined
let base = ''
let token = ''
/** Names that exist, so that requests come further than «unknown». */
const known: string[] = []

async function ask(
  method: string,
  path: string,
  body?: unknown,
  bearer = token,
): Promise<Response> {
  return fetch(`${base}${path}`, {
    method,
    redirect: 'manual',
    headers: {
      ...(bearer !== '' && { authorization: `Bearer ${bearer}` }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
}

async function start(): Promise<void> {
  folder = mkdtempSync(join(tmpdir(), 'picket-fuzz-'))
  const lines = Array.from({ length: 200 }, (_, n) => {
    const event = {
      '@timestamp': new Date(Date.now() - 1_000 * n).toISOString(),
      event: { id: `e${n}`, action: 'mqtt-connect', outcome: 'failure', dataset: 'mosquitto.log' },
      source: { ip: `192.0.2.${n % 3}` },
      device: { id: `d${n % 7}` },
    }
    return n % 20 === 0 ? 'no event at all\n' : `${JSON.stringify(event)}\n`
  })
  writeFileSync(join(folder, 'in.ndjson'), lines.join(''))
  const settings = {
    data: join(folder, 'data'),
    api: { listen: '127.0.0.1:0' },
    outputs: { terminal: false },
    sources: { lines: { type: 'file', decoder: 'json', paths: [join(folder, 'in.ndjson')] } },
  }
  const config = join(folder, 'picket.yml')
  // JSON is YAML.
  writeFileSync(config, JSON.stringify(settings))
  const args = [join(SERVER, 'bin', 'picket.mjs'), 'serve', '--config', config]
  child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] })
  await new Promise<void>((resolve, reject) => {
    let said = ''
    child?.stderr?.on('data', (chunk: Buffer) => {
      said += chunk.toString()
      if (said.includes('Picket is up')) resolve()
    })
    child?.once('exit', () => reject(new Error(`it did not start: ${said.slice(-2_000)}`)))
  })
}

async function becomeKnown(): Promise<void> {
  const first = JSON.parse(readFileSync(join(folder, 'data', 'first-run.json'), 'utf8')) as {
    url: string
    user: string
    password: string
  }
  base = first.url.replace(/\/$/, '')
  const login = await ask('POST', '/api/v1/session', { user: first.user, password: first.password })
  const cookie = login.headers.getSetCookie()[0]?.split(';')[0] ?? ''
  const { csrf } = (await login.json()) as { csrf: string }
  const asAdmin = async (path: string, body: unknown): Promise<Response> =>
    fetch(`${base}${path}`, {
      method: 'POST',
      headers: { cookie, 'x-csrf-token': csrf, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
  await asAdmin('/api/v1/session/password', { old: first.password, new: PASSWORD })
  const made = await asAdmin('/api/v1/tokens', { name: 'fuzz', roles: ['admin'] })
  token = ((await made.json()) as { text: string }).text
}

/** Ids and names that the lists tell, once something is in them. */
async function learnNames(): Promise<void> {
  const lists = { alerts: 'id', 'dead-letters': 'id', rules: 'id', 'search/templates': 'name' }
  for (const [list, key] of Object.entries(lists)) {
    for (let turn = 0; turn < 200; turn += 1) {
      const answer = (await (await ask('GET', `/api/v1/${list}`)).json()) as Record<string, unknown>
      const rows = Object.values(answer).find(Array.isArray) as Record<string, string>[] | undefined
      const names = (rows ?? []).slice(0, 6).map((row) => row[key] ?? '')
      known.push(...names)
      if (names.length > 0) break
      await new Promise((wake) => setTimeout(wake, 50))
    }
  }
  known.push('lines')
}

/** A request for an operation: the path, and the body if it takes one. */
function requestOf(
  path: string,
  operation: Operation,
): fc.Arbitrary<{ path: string; url: string; body: unknown }> {
  const value = (parameter: Parameter): fc.Arbitrary<unknown> =>
    parameter.in === 'path' && known.length > 0
      ? fc.oneof(fc.constantFrom(...known), arbitraryOf(parameter.schema), hostile)
      : arbitraryOf(parameter.schema)
  const parameters = (operation.parameters ?? []).filter((one) => one.in !== 'header')
  const given = fc.record(Object.fromEntries(parameters.map((one) => [one.name, value(one)])), {
    requiredKeys: parameters.filter((one) => one.in === 'path').map(({ name }) => name),
  })
  const schema = operation.requestBody?.content?.['application/json']?.schema
  const body = schema === undefined ? fc.constant(undefined) : arbitraryOf(schema)
  const requests = fc.record({ values: given, body }).map(({ values, body: sent }) => {
    const at = (name: string): string => asUrl((values as Record<string, unknown>)[name])
    const query = parameters
      .filter((one) => one.in === 'query' && one.name in values)
      .map((one) => `${one.name}=${at(one.name)}`)
      .join('&')
    const filled = path.replaceAll(/\{(\w+)\}/g, (_, name: string) => at(name))
    return { path: filled, url: query === '' ? filled : `${filled}?${query}`, body: sent }
  })
  // An id like `counts` names another route.
  return requests.filter((one) => one.path === path || !(one.path in description.paths))
}

function asUrl(value: unknown): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? 'undefined')
  // A lone surrogate is no UTF-8; the server gets the bytes that a careless client would send.
  return encodeURIComponent(text.toWellFormed()).replaceAll('%EF%BF%BD', '%ED%A0%80')
}

async function check(operation: Operation, answer: Response): Promise<void> {
  const type = answer.headers.get('content-type') ?? ''
  const isStream = type.startsWith('text/event-stream') || type.startsWith('application/x-ndjson')
  if (isStream) return answer.body?.cancel()
  const text = await answer.text()
  const seen = `${answer.status} ${text.slice(0, 300)}`
  const documented = operation.responses[String(answer.status)]
  if (documented === undefined) {
    expect(answer.status, seen).toBeLessThan(500)
    expect(answer.status, seen).toBeGreaterThanOrEqual(400)
    expect(answer.headers.get('content-type'), seen).toContain('application/problem+json')
    const details = JSON.parse(text) as { status: number }
    expect(problem(details), `${seen} ${ajv.errorsText(problem.errors)}`).toBe(true)
    expect(details.status).toBe(answer.status)
    return
  }
  const schema = documented.content?.['application/json']?.schema
  if (schema === undefined) return
  const at = operation.operationId + answer.status
  const validate = ajv.getSchema(at) ?? (ajv.addSchema(schema, at), ajv.getSchema(at)!)
  expect(validate(JSON.parse(text)), `${seen} ${ajv.errorsText(validate.errors)}`).toBe(true)
}

/** What takes nothing but its address is the same request each time, and may be slow: a reload. */
function runsOf({ parameters = [], requestBody }: Operation): number {
  const isAlways = requestBody === undefined && parameters.every((one) => one.in === 'header')
  return isAlways ? Math.min(RUNS, 3) : RUNS
}

describe.skipIf(!built && !required)(
  'every route under requests made from its schema (needs the compiled program)',
  () => {
    beforeAll(async () => {
      await start()
      await becomeKnown()
      await learnNames()
    }, 60_000)
    afterAll(async () => {
      if (child !== undefined && child.exitCode === null) {
        const ended = new Promise((resolve) => child?.once('exit', resolve))
        child.kill('SIGTERM')
        await ended
      }
      rmSync(folder, { recursive: true, force: true })
    }, 60_000)

    test.each(operations)('$method $path', { timeout: 300_000 }, async (one) => {
      const { method, path, operation } = one
      expect(known.length).toBeGreaterThan(3)
      await fc.assert(
        fc.asyncProperty(requestOf(path, operation), async ({ url, body }) => {
          const answer = await ask(method.toUpperCase(), url, body)
          await check(operation, answer)
          expect(child?.exitCode).toBeNull()
        }),
        { numRuns: runsOf(operation) },
      )
    })

    test('and it still answers: the token works, and nobody else gets in', async () => {
      expect((await ask('GET', '/api/v1/alerts')).status).toBe(200)
      expect((await ask('GET', '/api/v1/alerts', undefined, '')).status).toBe(401)
      expect((await ask('GET', '/healthz')).status).toBe(200)
    })
  },
)
