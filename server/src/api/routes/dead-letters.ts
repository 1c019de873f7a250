import { z } from 'zod'
import { ProblemError } from '../../base/problems.ts'
import type { DeadLetters } from '../../retain/dead-letters.ts'
import {
  type DeadLetterSummary,
  listDeadLetters,
  readDeadLetter,
} from '../../state/dead-letters.ts'
import type { State } from '../../state/state.ts'
import { type Route, route } from '../route.ts'
import { hiddenText, refuseNarrowed } from '../whole-fleet.ts'
import { cursorSchema, flagSchema, idSchema, limitSchema } from '../schemas.ts'

const summarySchema = z.strictObject({
  id: z.string(),
  source: z.string(),
  decoder: z.string(),
  code: z.string(),
  received: z.string(),
  bytes: z.int(),
  replayed: z.string().optional(),
  replayOutcome: z.string().optional(),
})

const fullSchema = summarySchema.extend({
  message: z.string(),
  raw: z.string(),
  rawEncoding: z.enum(['utf8', 'base64']),
  facts: z.record(z.string(), z.string()).optional(),
})

const WHAT = 'Rejected input'
const paramsSchema = z.strictObject({ id: idSchema })

/** Rejected input names no site, so only those who see the whole fleet may read it. */
export function deadLetterRoutes(deps: {
  readonly state: State
  readonly deadLetters: Pick<DeadLetters, 'replay'>
}): readonly Route[] {
  const { state, deadLetters } = deps
  return [
    route({
      method: 'GET',
      path: '/api/v1/dead-letters',
      operation: 'listDeadLetters',
      summary: 'Inputs that could not be read, the newest first.',
      roles: ['admin', 'auditor'],
      access: 'dead-letter-list',
      query: z.strictObject({
        source: idSchema.optional(),
        code: idSchema.optional(),
        replayed: flagSchema.optional(),
        cursor: cursorSchema.optional(),
        limit: limitSchema,
      }),
      response: z.strictObject({ letters: z.array(summarySchema), cursor: z.string().optional() }),
      handle: async ({ query, principal }) => {
        refuseNarrowed(principal, WHAT)
        const { cursor, limit, ...asked } = query
        const filter = {
          ...(asked.source !== undefined && { source: asked.source }),
          ...(asked.code !== undefined && { code: asked.code }),
          ...(asked.replayed !== undefined && { replayed: asked.replayed }),
        }
        const page = { limit, ...(cursor !== undefined && { cursor }) }
        const found = await state.query((db) => listDeadLetters(state, db, filter, page))
        const letters = found.letters.map(toView)
        const next = found.cursor === undefined ? {} : { cursor: found.cursor }
        return { body: { letters, ...next }, rows: letters.length, record: { query: asked } }
      },
    }),
    route({
      method: 'GET',
      path: '/api/v1/dead-letters/:id',
      operation: 'getDeadLetter',
      summary: 'A dead letter with its input.',
      roles: ['admin', 'auditor'],
      access: 'dead-letter-read',
      params: paramsSchema,
      response: fullSchema,
      handle: async ({ params, principal }) => {
        refuseNarrowed(principal, WHAT)
        const found = await state.query((db) => readDeadLetter(state, db, params.id))
        if (found === undefined) throw unknownLetter()
        const { message, raw, rawEncoding, facts } = found.letter
        const show = hiddenText(principal)
        const shownFacts = Object.entries(facts ?? {}).map(([name, text]) => [name, show(text)])
        const more = {
          ...{ message: show(message), raw: show(raw), rawEncoding },
          ...(facts && { facts: Object.fromEntries(shownFacts) as Record<string, string> }),
        }
        return { body: { ...toView(found.summary), ...more }, rows: 1 }
      },
    }),
    route({
      method: 'POST',
      path: '/api/v1/dead-letters/:id/replay',
      operation: 'replayDeadLetter',
      summary:
        'Puts the input through its decoder again, after the decoder or its setting changed.',
      roles: ['admin'],
      access: 'dead-letter-replay',
      params: paramsSchema,
      response: z.strictObject({
        id: z.string(),
        outcome: z.enum(['accepted', 'rejected', 'busy']),
        events: z.int(),
        detail: z.string().optional(),
      }),
      handle: async ({ params }) => {
        const body = await deadLetters.replay(params.id)
        return { body, record: { outcome: body.outcome } }
      },
    }),
  ]
}

function toView(one: DeadLetterSummary): z.infer<typeof summarySchema> {
  const { receivedMs, replayedMs, ...rest } = one
  return {
    ...rest,
    received: new Date(receivedMs).toISOString(),
    ...(replayedMs !== undefined && { replayed: new Date(replayedMs).toISOString() }),
  }
}

function unknownLetter(): ProblemError {
  const message = 'There is no dead letter of this id.'
  return new ProblemError({ code: 'DEAD_LETTER_UNKNOWN', message })
}
