/**
 * What a listener answers to, as a table: a route that is not in it is answered 404, whatever the protocol
 * would say. Each names who may call it and what tells of the call afterwards, or why it is public.
 */
export type ListenerRoute = {
  /** `GET` stands for HEAD too. */
  readonly methods: readonly [ListenerMethod, ...ListenerMethod[]]
  /** `*` is one segment, and stands for any number of them at the end as `**`. */
  readonly path: string
  readonly summary: string
} & ({ readonly role: 'ingest'; readonly record: ListenerRecord } | { readonly public: string })

export type ListenerMethod = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE' | 'OPTIONS'

/** What tells of a call. Beside it, a refused sender counts under its reason. */
export const LISTENER_RECORDS = {
  batch: 'What was taken is journalled with source, time, transport and the address it came from.',
  count: 'Nothing of what is stored is shown or changed; calls are counted.',
} as const
export type ListenerRecord = keyof typeof LISTENER_RECORDS

/** The route of a call; undefined where none was declared. */
export function routeOf(
  routes: readonly ListenerRoute[],
  call: { readonly method: string; readonly path: string },
): ListenerRoute | undefined {
  const given = call.path.split('/')
  return routes.find(
    ({ methods, path }) =>
      methods.some((one) => one === call.method || (one === 'GET' && call.method === 'HEAD')) &&
      fits(path.split('/'), given),
  )
}

function fits(wanted: readonly string[], given: readonly string[]): boolean {
  const open = wanted.at(-1) === '**'
  const fixed = open ? wanted.slice(0, -1) : wanted
  if (open ? given.length < fixed.length : given.length !== fixed.length) return false
  return fixed.every((part, at) => part === given[at] || (part === '*' && given[at] !== ''))
}
