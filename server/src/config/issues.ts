import type { z } from 'zod'
import { nearest } from '../base/nearest.ts'
import type { Problem } from '../base/problems.ts'
import { knownKeys } from './reference.ts'
import type { YamlText } from './yaml.ts'

type Issue = z.core.$ZodIssue

const PROBLEMS_MAX = 100

/** What a schema found wrong, as problems with line and column. */
export function toProblems(issues: readonly Issue[], text: YamlText): Problem[] {
  return issues.flatMap((issue) => toProblem(issue, text)).slice(0, PROBLEMS_MAX)
}

function toProblem(issue: Issue, text: YamlText): Problem[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => unknownKey([...issue.path, key], text))
  }
  if (issue.code === 'invalid_key') {
    const message = issue.issues[0]?.message ?? issue.message
    return [{ code: 'CONFIG_INVALID', message, at: text.place(issue.path, 'key') }]
  }
  const hint = meant(issue)
  return [
    {
      ...{ code: 'CONFIG_INVALID', message: sentence(issue), at: text.place(issue.path, 'value') },
      ...(hint !== undefined && { hint }),
    },
  ]
}

function unknownKey(path: readonly PropertyKey[], text: YamlText): Problem {
  const name = String(path.at(-1)).slice(0, 100)
  const known = knownKeys(path.slice(0, -1), text.value)
  const near = nearest(name, known)
  const list = `known keys: ${known.join(', ')}`
  return {
    code: 'CONFIG_UNKNOWN_KEY',
    message: `there is no key "${name}" here`,
    at: text.place(path, 'key'),
    hint: near === undefined ? list : `did you mean "${near}"?`,
  }
}

/** So many names are told at once; of more, only the one that is nearest. */
const NAMES_MAX = 30

/** The names that one of a list must be. */
function namesOf(issue: Issue): readonly string[] {
  if (issue.code === 'invalid_union' && 'options' in issue) {
    return (issue.options as readonly unknown[]).map(String)
  }
  return issue.code === 'invalid_value' ? issue.values.map(String) : []
}

/** Which of them was meant: nothing of the value is told but that it is near to a name. */
function meant(issue: Issue): string | undefined {
  const names = namesOf(issue)
  const { input } = issue
  const key = String(issue.path.at(-1))
  const isIn = typeof input === 'object' && input !== null
  const given: unknown = isIn ? (input as Readonly<Record<string, unknown>>)[key] : input
  const near = typeof given === 'string' ? nearest(given, names) : undefined
  if (near !== undefined) return `did you mean "${near}"?`
  if (names.length <= NAMES_MAX) return undefined
  return key === 'decoder'
    ? 'picket decoder list names them'
    : 'docs/reference/config.md names them'
}

/** One sentence that never repeats the value: it may be a secret put in the wrong place. */
function sentence(issue: Issue): string {
  if (issue.code === 'invalid_type' && 'input' in issue && issue.input === undefined) {
    return `${issue.expected} expected, nothing given`
  }
  const names = namesOf(issue)
  if (names.length > NAMES_MAX) return `is none of the ${names.length} names that are known here`
  if (names.length > 0) return `must be one of ${names.join(', ')}`
  if (issue.code === 'invalid_union') {
    const message = issue.message === 'Invalid input' ? undefined : issue.message
    return message ?? issue.errors.flat()[0]?.message ?? 'not of the form that this key takes'
  }
  return issue.message.replace(/^Invalid input: /, '')
}
