import type { EcsDoc } from '../../model/event.ts'

/** What a mapping file says, checked and compiled. docs/guide/custom-decoder.md describes the file. */
export interface Mapping {
  readonly name: string
  readonly description: string
  /** Take off syslog, Docker and journald prefixes and the time stamp before the forms are tried. */
  readonly framed: boolean
  readonly zone: string
  readonly forms: readonly Form[]
  readonly tests: readonly MappingTest[]
}

/** The fields that the parse steps took out of one line. */
export type Fields = Map<string, unknown>

/** Tried in order: the first form whose match, steps and conditions hold makes the event. */
export interface Form {
  readonly match: readonly LineTest[]
  readonly steps: readonly ParseStep[]
  readonly when: readonly Condition[]
  /** Class of routine lines; such a line becomes no event. */
  readonly routine: string | undefined
  readonly time: TimeRule | undefined
  readonly action: ValueRule
  readonly targets: readonly Target[]
}

export type LineTest = (line: string) => boolean

export interface ParseStep {
  /** Undefined: the line itself. */
  readonly field: string | undefined
  /** False if the text is not of this form. */
  readonly run: (text: string, into: Fields) => boolean
}

export interface Condition {
  readonly field: string
  readonly holds: (value: unknown) => boolean
}

export interface TimeRule {
  readonly field: string
  /** Undefined for text that is not of the format. */
  readonly read: (value: unknown, receivedMs: number) => number | undefined
}

export interface Target {
  readonly path: readonly string[]
  readonly rule: ValueRule
}

export const VALUE_TYPES = [
  'keyword',
  'long',
  'double',
  'boolean',
  'ip',
  'date',
  'list',
  'erlang_topic',
] as const
export type ValueType = (typeof VALUE_TYPES)[number]

export interface ValueRule {
  /** A field, or a template with `${field}` in it; undefined for a constant. */
  readonly from: Template | undefined
  readonly values: ReadonlyMap<string, unknown> | undefined
  readonly fallback: unknown
  readonly type: ValueType | undefined
  /** The line is rejected where there is no such value. */
  readonly required: boolean
}

export interface Template {
  readonly parts: readonly (string | { readonly field: string })[]
}

export interface MappingTest {
  readonly name: string
  readonly input: string
  readonly expect: Readonly<Record<string, unknown>> | undefined
  readonly routine: string | undefined
  readonly reject: string | undefined
  readonly line: number
}

/** The value at a dotted path, with `[n]` for a place in a list; a key with dots is found too. */
export function valueOf(fields: Fields, path: string): unknown {
  if (fields.has(path)) return fields.get(path)
  const steps = pathSteps(path)
  let at: unknown = fields.get(steps[0] ?? '')
  for (const step of steps.slice(1)) {
    if (Array.isArray(at)) at = (at as unknown[])[Number(step)]
    else if (at !== null && typeof at === 'object' && Object.hasOwn(at, step)) {
      at = (at as EcsDoc)[step]
    } else return undefined
  }
  return at
}

/** `$.a.b[0]` and `a.b[0]` to its steps. */
function pathSteps(path: string): readonly string[] {
  const known = STEPS.get(path)
  if (known !== undefined) return known
  const bare = path.startsWith('$.') ? path.slice(2) : path
  const steps = bare.replaceAll('[', '.').replaceAll(']', '').split('.')
  if (STEPS.size >= STEPS_MAX) STEPS.clear()
  STEPS.set(path, steps)
  return steps
}

const STEPS = new Map<string, readonly string[]>()
const STEPS_MAX = 5_000
