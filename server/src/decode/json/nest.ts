import type { EcsDoc } from '../../model/event.ts'

/**
 * A copy with dotted keys turned into nested objects (`{"source.ip": 1}` to `{source: {ip: 1}}`), at
 * every level and inside arrays. A dotted key whose way is taken by a value that is no object stays
 * as it is. `__proto__` is left out. The document's depth must be limited beforehand.
 */
export function nestDotted(doc: EcsDoc): EcsDoc {
  return nest(doc) as EcsDoc
}

function nest(value: unknown): unknown {
  if (value === null || typeof value !== 'object') return value
  if (Array.isArray(value)) return value.map(nest)
  const made: EcsDoc = {}
  const dotted: [string, unknown][] = []
  for (const [key, inner] of Object.entries(value)) {
    if (key === '__proto__') continue
    if (key.includes('.')) dotted.push([key, inner])
    else made[key] = nest(inner)
  }
  for (const [key, inner] of dotted) put(made, key, nest(inner))
  return made
}

function put(made: EcsDoc, key: string, value: unknown): void {
  const path = key.split('.')
  if (path.some((part) => part === '' || part === '__proto__') || path.length > 20) {
    made[key] = value
    return
  }
  let at = made
  for (const part of path.slice(0, -1)) {
    const inner = Object.hasOwn(at, part) ? at[part] : (at[part] = {})
    if (inner === null || typeof inner !== 'object' || Array.isArray(inner)) {
      made[key] = value
      return
    }
    at = inner as EcsDoc
  }
  const last = path.at(-1) ?? ''
  const there = Object.hasOwn(at, last) ? at[last] : undefined
  if (isObject(there) && isObject(value)) Object.assign(there, value)
  else if (there === undefined) at[last] = value
  else made[key] = value
}

function isObject(value: unknown): value is EcsDoc {
  return value !== null && typeof value === 'object' && !Array.isArray(value)
}
