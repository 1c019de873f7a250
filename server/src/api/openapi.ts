import { z } from 'zod'
import { problemSchema } from './problem-details.ts'
import { type Route, routeName } from './route.ts'

/** OpenAPI 3.1 (https://spec.openapis.org/oas/v3.1.1.html) of a route table. */
export function describeApi(routes: readonly Route[], version: string): unknown {
  const paths: Record<string, Record<string, unknown>> = {}
  for (const route of [...routes].sort((a, b) => (routeName(a) < routeName(b) ? -1 : 1))) {
    const path = route.path.replaceAll(/:(\w+)/g, '{$1}')
    const known = (paths[path] ??= {})
    known[route.method.toLowerCase()] = operationOf(route)
  }
  return {
    openapi: '3.1.1',
    info: {
      title: 'Picket',
      version,
      description: 'The interface of a Picket server. Generated from its route table.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: 'http://127.0.0.1:8600' }],
    paths: Object.fromEntries(Object.entries(paths).sort(([a], [b]) => (a < b ? -1 : 1))),
    components: {
      schemas: { Problem: jsonSchema(problemSchema, 'output') },
      securitySchemes: {
        token: { type: 'http', scheme: 'bearer' },
        session: { type: 'apiKey', in: 'cookie', name: 'picket_session' },
      },
    },
  }
}

function operationOf(route: Route): Record<string, unknown> {
  const guard =
    'public' in route
      ? { 'x-public': route.public, security: [] }
      : {
          'x-roles': route.roles,
          'x-access-record': route.access,
          security: [{ token: [] }, { session: [] }],
        }
  const once = route.method !== 'GET' && !('public' in route) && route.beforeChange !== true
  const parameters = [
    ...parametersOf(route, 'path'),
    ...parametersOf(route, 'query'),
    ...(once ? [IDEMPOTENCY_KEY] : []),
  ]
  return {
    operationId: route.operation,
    summary: route.summary,
    ...guard,
    ...(parameters.length > 0 && { parameters }),
    ...(route.body && {
      requestBody: { required: true, content: jsonContent(jsonSchema(route.body, 'input')) },
    }),
    responses: {
      ...responseOf(route),
      default: route.page === true ? PROBLEM_PAGE : PROBLEM,
    },
  }
}

const PROBLEM = {
  description: 'What stood in the way (RFC 9457).',
  content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
}
const PROBLEM_PAGE = {
  description: 'What stood in the way (RFC 9457); as a page to a browser, which a link sends here.',
  content: { ...PROBLEM.content, 'text/html': { schema: { type: 'string' } } },
}

const IDEMPOTENCY_KEY = {
  name: 'Idempotency-Key',
  in: 'header',
  required: false,
  description: 'The same request under the same key is done once; for a day.',
  schema: { type: 'string', minLength: 1, maxLength: 128 },
}

function responseOf(route: Route): Record<string, unknown> {
  const statuses = route.statuses ?? [200]
  if (route.response !== undefined) {
    const content = jsonContent(jsonSchema(route.response, 'output'))
    return Object.fromEntries(
      statuses.map((code) => [code, { description: route.summary, content }]),
    )
  }
  if (route.responseType !== undefined) {
    const isJson = route.responseType === 'application/json'
    const content = { [route.responseType]: { schema: { type: isJson ? 'object' : 'string' } } }
    return Object.fromEntries(
      statuses.map((code) => [code, { description: route.summary, content }]),
    )
  }
  return { 204: { description: route.summary } }
}

function parametersOf(route: Route, where: 'path' | 'query'): unknown[] {
  const schema = where === 'path' ? route.params : route.query
  if (schema === undefined) return []
  const { properties = {}, required = [] } = jsonSchema(schema, 'input') as {
    properties?: Record<string, { description?: string }>
    required?: string[]
  }
  return Object.entries(properties).map(([name, { description, ...rest }]) => ({
    name,
    in: where,
    required: where === 'path' || required.includes(name),
    ...(description !== undefined && { description }),
    schema: rest,
  }))
}

function jsonContent(schema: unknown): unknown {
  return { 'application/json': { schema } }
}

/** OpenAPI 3.1 takes JSON Schema 2020-12 as it is. */
function jsonSchema(schema: z.ZodType, io: 'input' | 'output'): Record<string, unknown> {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { target: 'draft-2020-12', io })
  return rest
}
