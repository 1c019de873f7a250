import { z } from 'zod'
import { ProblemError } from '../../base/problems.ts'
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
}): readonly Route[] {
  return [
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
