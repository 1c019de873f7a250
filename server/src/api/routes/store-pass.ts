import { z } from 'zod'
import { ProblemError } from '../../base/problems.ts'
import type { PackedRules } from '../../detect/rules-control.ts'
import { type Route, route } from '../route.ts'

/** How to reach the store as the user that can only read. */
export interface StorePass {
  readonly url: string
  readonly username: string
  readonly password: string
  readonly headers?: Readonly<Record<string, string>>
}

const passSchema = z.strictObject({
  url: z.string(),
  username: z.string(),
  password: z.string(),
  headers: z.record(z.string(), z.string()).optional(),
})

/**
 * Routes of the control socket alone. Long reads (a hunt) run in the process of the command that
 * asked, beside the server and not within it; the pass holds until the store's next start.
 */
export function localRoutes(deps: {
  readonly storePass: (() => StorePass | undefined) | undefined
  readonly rulesInForce: (() => PackedRules) | undefined
}): readonly Route[] {
  return [
    route({
      method: 'POST',
      path: '/api/v1/rules/in-force',
      operation: 'takeRulesInForce',
      summary: 'The rules in force, compiled, for a command on the host that compares with them.',
      roles: ['admin'],
      access: 'rule-list',
      response: z.strictObject({ hash: z.string(), deflated: z.string() }),
      handle: async () => {
        const rules = deps.rulesInForce?.()
        if (rules === undefined) {
          throw new ProblemError({ code: 'API_UNAVAILABLE', message: 'No rules are in force.' })
        }
        return { body: { ...rules } }
      },
    }),
    route({
      method: 'POST',
      path: '/api/v1/store/pass',
      operation: 'takeStorePass',
      summary: 'A pass to read the store, for a command on the host.',
      roles: ['admin'],
      access: 'store-pass',
      response: passSchema,
      handle: async () => {
        const pass = deps.storePass?.()
        if (pass === undefined) {
          throw new ProblemError({ code: 'API_UNAVAILABLE', message: 'The store is not up.' })
        }
        const { headers, ...rest } = pass
        return { body: { ...rest, ...(headers !== undefined && { headers: { ...headers } }) } }
      },
    }),
  ]
}
