import type { FastifyRequest } from 'fastify'
import { isIP } from 'node:net'
import type { Logger } from '../base/log.ts'
import { ProblemError } from '../base/problems.ts'
import type { AccessRecorder } from './access-recorder.ts'
import { type Route, routeName } from './route.ts'

export interface AccessFacts {
  readonly actor: string
  readonly outcome: 'success' | 'failure'
  readonly detail: Readonly<Record<string, unknown>>
}

/** Requests that the record tells of. */
const recorded = new WeakSet<FastifyRequest>()

export const isRecorded = (request: FastifyRequest): boolean => recorded.has(request)

/** Resolves once it is durable. Rejects with ProblemError API_RECORD where it cannot be, and must. */
export async function record(
  route: Route,
  options: {
    readonly recorder: AccessRecorder
    readonly recordOrRefuse: boolean
    readonly log: Logger
  },
  request: FastifyRequest,
  facts: AccessFacts,
): Promise<void> {
  recorded.add(request)
  if (route.access === undefined) return
  const { actor, outcome, detail } = facts
  const from = fromOf(request)
  try {
    await options.recorder.record({
      actor,
      action: route.access,
      outcome,
      ...(from !== undefined && { from }),
      detail: { ...detail, route: routeName(route), ...namedParams(request) },
    })
  } catch (error) {
    const why = error instanceof Error ? error.message : 'unknown'
    options.log.error({ action: route.access, why }, 'An access was not recorded.')
    if (!options.recordOrRefuse) return
    throw new ProblemError({
      code: 'API_RECORD',
      message: 'The access record could not be written, so nothing is shown.',
    })
  }
}

/** The address that asked; what a proxy passes on may be any text, and then the proxy's own counts. */
export function fromOf(request: FastifyRequest): string | undefined {
  const { ip } = request as { readonly ip: string | undefined }
  if (ip !== undefined && isIP(ip) !== 0) return ip
  return request.socket.remoteAddress
}

function namedParams(request: FastifyRequest): Record<string, unknown> {
  const params = request.params as Readonly<Record<string, unknown>> | undefined
  return params !== undefined && Object.keys(params).length > 0 ? { params } : {}
}
