import type { Grant } from '../../state/users.ts'
import type { Claims, GrantRule } from './settings.ts'

const VALUES_MAX = 5_000

/**
 * The values of a claim as texts: of a text, a list of texts, a number or a flag. The name is looked up
 * whole first, then as a path (`realm_access.roles`). Undefined where there is no such claim.
 */
export function claimValues(claims: Claims, name: string): readonly string[] | undefined {
  const value = Object.hasOwn(claims, name) ? claims[name] : atPath(claims, name.split('.'))
  if (value === undefined || value === null) return undefined
  const list: readonly unknown[] = Array.isArray(value) ? value.slice(0, VALUES_MAX) : [value]
  return list.flatMap((one) =>
    typeof one === 'string' || typeof one === 'number' || typeof one === 'boolean'
      ? [String(one)]
      : [],
  )
}

/** What the first fitting rule gives; undefined where none fits. */
export function grantFor(claims: Claims, rules: readonly GrantRule[]): Grant | undefined {
  return rules.find(({ claim, values }) =>
    claimValues(claims, claim)?.some((value) => values.includes(value)),
  )?.grant
}

/** Claims that the rules ask for and the provider did not send. */
export function missingClaims(claims: Claims, names: readonly string[]): readonly string[] {
  return [...new Set(names)].filter((name) => claimValues(claims, name) === undefined)
}

/** A provider that has too many groups for a token names a place instead (OpenID Core, 5.6.2). */
export function isElsewhere(claims: Claims, name: string): boolean {
  const elsewhere = claims['_claim_names']
  return typeof elsewhere === 'object' && elsewhere !== null && Object.hasOwn(elsewhere, name)
}

function atPath(value: unknown, path: readonly string[]): unknown {
  let at = value
  for (const name of path) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, name)) return undefined
    at = (at as Readonly<Record<string, unknown>>)[name]
  }
  return at
}
