import { nearest, QueryError } from '../syntax.ts'
import type { EqlCall } from './ast.ts'

/** What a value is as far as the text of a query tells; a field may hold anything. */
export type Type = 'text' | 'number' | 'whole number' | 'boolean'

export interface Signature {
  readonly name: string
  readonly min: number
  /** What each argument has to be; the last holds for all further ones. */
  readonly takes: readonly (Type | 'any')[]
  readonly max: number
  readonly returns: Type
  /** May be written with `~`: without regard to letter case. */
  readonly insensitive?: true
  /** Arguments, counted from zero, that have to be constant. */
  readonly constant?: readonly number[]
}

const NUMBERS = { min: 2, max: 2, takes: ['number'], returns: 'number' } as const
const TEXTS = { min: 2, max: 2, takes: ['text'], returns: 'boolean', insensitive: true } as const

/** Elasticsearch, “EQL function reference”. Names are taken in any letter case. */
const SIGNATURES: readonly Signature[] = [
  { name: 'add', ...NUMBERS },
  {
    name: 'between',
    min: 3,
    max: 4,
    takes: ['text', 'text', 'text', 'boolean'],
    returns: 'text',
    insensitive: true,
  },
  { name: 'cidrMatch', min: 2, max: Infinity, takes: ['text'], returns: 'boolean' },
  { name: 'concat', min: 1, max: Infinity, takes: ['any'], returns: 'text' },
  { name: 'divide', ...NUMBERS },
  { name: 'endsWith', ...TEXTS },
  {
    name: 'indexOf',
    min: 2,
    max: 3,
    takes: ['text', 'text', 'whole number'],
    returns: 'whole number',
    insensitive: true,
  },
  { name: 'length', min: 1, max: 1, takes: ['text'], returns: 'whole number' },
  { name: 'modulo', ...NUMBERS },
  { name: 'multiply', ...NUMBERS },
  {
    name: 'number',
    min: 1,
    max: 2,
    takes: ['text', 'whole number'],
    returns: 'number',
    constant: [1],
  },
  { name: 'startsWith', ...TEXTS },
  { name: 'string', min: 1, max: 1, takes: ['any'], returns: 'text' },
  { name: 'stringContains', ...TEXTS },
  { name: 'substring', min: 2, max: 3, takes: ['text', 'whole number'], returns: 'text' },
  { name: 'subtract', ...NUMBERS },
]
const BY_NAME = new Map(SIGNATURES.map((one) => [one.name.toLowerCase(), one]))
const NAMES = SIGNATURES.map((one) => one.name)
const ELSEWHERE: Readonly<Record<string, string>> = {
  wildcard: 'write “field like "…"”',
  match: 'write “field regex "…"”',
  matchlite: 'write “field regex "…"”',
  arraycontains: 'a field with several values passes a test when any of them does: field == "…"',
  arraysearch: 'a field with several values passes a test when any of them does',
  arraycount: 'a field with several values passes a test when any of them does',
  safe: 'what has no value is null, and finds nothing: leave “safe” out',
}

/** The canonical name of a call, its arguments counted. Throws QueryError. */
export function checkCall(call: EqlCall): { readonly name: string } {
  const signature = signatureOf(call)
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
    const noun = wanted === '1' ? 'argument' : 'arguments'
    throw new QueryError(`${name} takes ${wanted} ${noun}, found ${call.args.length}`, call.at)
  }
  if (!call.insensitive) return { name }
  if (signature.insensitive !== true) {
    throw new QueryError(`${name} has no form without regard to case (“~”)`, call.at)
  }
  return { name: `${name}~` }
}

/** Undefined for a name that is no function. */
export function signatureOf(call: EqlCall): Signature | undefined {
  return BY_NAME.get(call.name.toLowerCase())
}

export function returnsBoolean(call: EqlCall): boolean {
  return signatureOf(call)?.returns === 'boolean'
}
