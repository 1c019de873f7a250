import type { EcsDoc } from '../../model/event.ts'

/** The members that are there (not undefined, null, or an empty list); undefined where none is. */
export function compact(members: EcsDoc): EcsDoc | undefined {
  let kept: EcsDoc | undefined
  for (const key in members) {
    const value = members[key]
    if (value === undefined || value === null) continue
    if (Array.isArray(value) && value.length === 0) continue
    kept ??= {}
    kept[key] = value
  }
  return kept
}

/** As `compact`, but always an object. */
export function compacted(members: EcsDoc): EcsDoc {
  return compact(members) ?? {}
}

export function isObject(value: unknown): value is EcsDoc {
  return value !== null && typeof value === 'object' && !Array.isArray(value)
}
