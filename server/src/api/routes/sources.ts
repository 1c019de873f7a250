import { z } from 'zod'
import { nearest } from '../../base/nearest.ts'
import { ProblemError } from '../../base/problems.ts'
import type { Principal } from '../../model/access.ts'
import type { SourceDesk } from '../../model/desks.ts'
import type { SeenInput } from '../../model/source.ts'
import { type Route, route } from '../route.ts'
import { idSchema } from '../schemas.ts'
import { hiddenText, refuseNarrowed } from '../whole-fleet.ts'

const inputSchema = z.strictObject({
  received: z.string(),
  text: z.string().describe('The first 300 characters; hidden from those with masked fields.'),
  outcome: z.enum(['events', 'routine', 'reject', 'held']),
  code: z.string().optional().describe('Class of a routine input, code of a reject.'),
  message: z.string().optional(),
  actions: z.array(z.string()).optional().describe('event.action of its events.'),
})

const reportSchema = z.strictObject({
  name: z.string(),
  state: z.enum(['connected', 'paused', 'down']),
  detail: z.string().optional(),
  deliveries: z.int().describe('This and the other counts: since the source was started.'),
  events: z.int(),
  routine: z.int(),
  rejects: z.int(),
  dropped: z.int(),
  last: z.string().optional().describe('When it last delivered; absent: never since its start.'),
  inputs: z.array(inputSchema).describe('The last ten, the newest last.'),
})

export function sourceRoutes(deps: { readonly sources: SourceDesk | undefined }): readonly Route[] {
  return [
    route({
      method: 'GET',
      path: '/api/v1/sources/:name',
      operation: 'getSource',
      summary: 'Whether anything arrives on a source, and what was made of its last inputs.',
      roles: ['admin', 'analyst', 'responder', 'auditor'],
      access: 'source-read',
      params: z.strictObject({ name: idSchema }),
      response: reportSchema,
      handle: async ({ params, principal }) => {
        // It is of many sites: its counts and states tell of all of them.
        refuseNarrowed(principal, 'A source')
        const found = deps.sources?.report(params.name)
        if (found === undefined) throw unknownSource(params.name, deps.sources?.names() ?? [])
        const { lastMs, inputs, ...rest } = found
        const body = {
          ...rest,
          ...(lastMs !== undefined && { last: new Date(lastMs).toISOString() }),
          inputs: inputs.map((input) => view(input, principal)),
        }
        return { body, rows: inputs.length, record: { source: params.name } }
      },
    }),
  ]
}

function view(input: SeenInput, principal: Principal): z.infer<typeof inputSchema> {
  const { receivedMs, text, message, actions, ...rest } = input
  const show = hiddenText(principal)
  return {
    ...rest,
    received: new Date(receivedMs).toISOString(),
    text: show(text),
    ...(message !== undefined && { message: show(message) }),
    ...(actions && { actions: [...actions] }),
  }
}

function unknownSource(name: string, names: readonly string[]): ProblemError {
  const near = nearest(name, names)
  const all = names.length === 0 ? 'none is configured' : `there are: ${names.join(', ')}`
  return new ProblemError({
    code: 'SOURCE_UNKNOWN',
    message: `There is no source "${name}".`,
    hint: near === undefined ? all : `did you mean "${near}"?`,
  })
}
