import { nearest, QueryError } from '../syntax.ts'
import type { EqlCall } from './ast.ts'

interface Signature {
  readonly name: string
  readonly min: number
  readonly max: number
  readonly boolean?: true
  /** May be written with `~`: without regard to letter case. */
  readonly insensitive?: true
}

/** Elasticsearch, “EQL function reference”. Names are taken in any letter case. */
const SIGNATURES: readonly Signature[] = [
  { name: 'add', min: 2, max: 2 },
  { name: 'between', min: 3, max: 4, insensitive: true },
  { name: 'cidrMatch', min: 2, max: Infinity, boolean: true },
  { name: 'concat', min: 1, max: Infinity },
  { name: 'divide', min: 2, max: 2 },
  { name: 'endsWith', min: 2, max: 2, boolean: true, insensitive: true },
  { name: 'indexOf', min: 2, max: 3, insensitive: true },
  { name: 'length', min: 1, max: 1 },
  { name: 'modulo', min: 2, max: 2 },
  { name: 'multiply', min: 2, max: 2 },
  { name: 'number', min: 1, max: 2 },
  { name: 'startsWith', min: 2, max: 2, boolean: true, insensitive: true },
  { name: 'string', min: 1, max: 1 },
  { name: 'stringContains', min: 2, max: 2, boolean: true, insensitive: true },
  { name: 'substring', min: 2, max: 3 },
  { name: 'subtract', min: 2, max: 2 },
]
const BY_NAME = new Map(SIGNATURES.map((one) => [one.name.toLowerCase(), one]))
const NAMES = SIGNATURES.map((one) => one.name)
const ELSEWHERE: Readonly<Record<string, string>> = {
  wildcard: 'write “field like "…"”',
  match: 'write “field regex "…"”',
  matchlite: 'write “field regex "…"”',
}

/** The canonical name of a call, its arguments counted. Throws QueryError. */
export function checkCall(call: EqlCall): { readonly name: string } {
  const signature = BY_NAME.get(call.name.toLowerCase())
  if (signature === undefined) {
    const guess = nearest(call.name, NAMES)
    const hint = ELSEWHERE[call.name.toLowerCase()]
    throw new QueryError(
      `There is no function “${call.name}”`,
      call.at,
      hint ?? (guess === undefined ? `there are ${NAMES.join(', ')}` : `did you mean “${guess}”?`),
    )
  }
  const { min, max, name } = signature
  if (call.args.length < min || call.args.length > max) {
    const wanted =
      max === min ? String(min) : max === Infinity ? `${min} or more` : `${min} or ${max}`
    throw new QueryError(`${name} takes ${wanted} arguments, found ${call.args.length}`, call.at)
  }
  if (!call.insensitive) return { name }
  if (signature.insensitive !== true) {
    throw new QueryError(`${name} has no form without regard to case (“~”)`, call.at)
  }
  return { name: `${name}~` }
}

export function returnsBoolean(call: EqlCall): boolean {
  return BY_NAME.get(call.name.toLowerCase())?.boolean === true
}
