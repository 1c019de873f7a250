import { z } from 'zod'
import type { MetricsRegistry } from '../../base/metrics.ts'
import { type Route, route } from '../route.ts'
import { WELCOME_PAGE } from '../welcome.ts'
import { refuseNarrowed } from '../whole-fleet.ts'

/** What is wrong at present, component by component; asked at every `/readyz`. */
export interface Readiness {
  readonly ready: boolean
  /** The process works, but a person should look: searches are down, an outlet is away. */
  readonly problems: readonly ReadinessProblem[]
}

export interface ReadinessProblem {
  readonly component: string
  readonly message: string
  /** It stands in the way of receiving events, not only of looking at them. */
  readonly blocking: boolean
}

const readinessSchema = z.strictObject({
  ready: z.boolean(),
  problems: z.array(
    z.strictObject({ component: z.string(), message: z.string(), blocking: z.boolean() }),
  ),
})

export interface StatusDeps {
  readonly metrics: Pick<MetricsRegistry, 'render'>
  readonly readiness: () => Readiness
  /** The running configuration; secrets are left out by whoever gives it. */
  readonly config: () => unknown
  readonly openapi: () => string
}

export function statusRoutes(deps: StatusDeps): readonly Route[] {
  return [
    route({
      method: 'GET',
      path: '/',
      operation: 'welcome',
      summary: 'A page that says where to look.',
      public: 'A fixed page without data, for whoever opens the address in a browser.',
      responseType: 'text/html',
      handle: async () => ({ text: WELCOME_PAGE, type: 'text/html; charset=utf-8' }),
    }),
    route({
      method: 'GET',
      path: '/healthz',
      operation: 'health',
      summary: 'The process answers.',
      public: 'Says only that the process answers; orchestrators ask it.',
      responseType: 'text/plain',
      handle: async () => ({ text: 'ok\n', type: 'text/plain; charset=utf-8' }),
    }),
    route({
      method: 'GET',
      path: '/readyz',
      operation: 'ready',
      summary: 'Whether events are received and watched; 503 and what is wrong where not.',
      public: 'Says what is wrong, in words without data; orchestrators ask it.',
      response: readinessSchema,
      statuses: [200, 503],
      handle: async () => {
        const { ready, problems } = deps.readiness()
        const body = { ready, problems: problems.map((one) => ({ ...one })) }
        return { body, status: ready ? 200 : 503 }
      },
    }),
    route({
      method: 'GET',
      path: '/metrics',
      operation: 'metrics',
      summary: "Counters, gauges and histograms in Prometheus' text format.",
      public: 'Counts without data, for Prometheus.',
      responseType: 'text/plain; version=0.0.4',
      handle: async () => ({
        text: deps.metrics.render(),
        type: 'text/plain; version=0.0.4; charset=utf-8',
      }),
    }),
    route({
      method: 'GET',
      path: '/api/v1/openapi.json',
      operation: 'openapi',
      summary: 'This description.',
      public: 'The description of the API is the same for everyone.',
      responseType: 'application/json',
      handle: async () => ({ text: deps.openapi(), type: 'application/json; charset=utf-8' }),
    }),
    route({
      method: 'GET',
      path: '/api/v1/config',
      operation: 'getConfig',
      summary: 'The running configuration, without its secrets.',
      roles: ['admin', 'auditor'],
      access: 'config-read',
      response: z.unknown(),
      handle: async ({ principal }) => {
        refuseNarrowed(principal, 'The configuration')
        return { body: deps.config() }
      },
    }),
  ]
}
