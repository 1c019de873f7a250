import type { Condition, ValueTest, WildcardPart } from '../../model/condition.ts'
import type { RuleProblem } from '../../model/rule.ts'
import { allOf, anyOf, fieldTest, NEVER, notOf, wildcardTest } from '../conditions.ts'
import { regexFault } from './value/modifiers.ts'
import { placeholderIn } from './value/placeholders.ts'
import type {
  Detection,
  DetectionItem,
  RegexValue,
  SigmaValue,
  TextPart,
  TextValue,
} from './value/value.ts'

/** The paths that a field of a Sigma rule stands for; several are alternatives. */
export interface FieldPaths {
  (field: string): readonly string[]
  /** Items that ask the same of events in which it is written otherwise. */
  readonly others?: (item: DetectionItem) => readonly DetectionItem[]
}

export interface LowerOptions {
  readonly paths: FieldPaths
  readonly report: (problem: RuleProblem) => void
}

/** A selection as a condition over event paths. */
export function lowerDetection(detection: Detection, options: LowerOptions): Condition {
  if (detection.kind === 'item') return lowerItem(detection, options)
  const parts = detection.parts.map((part) => lowerDetection(part, options))
  return detection.kind === 'all' ? allOf(parts) : anyOf(parts)
}

/** The same under the selection's name, so that an explanation can speak of it. */
export function labelled(condition: Condition, label: string): Condition {
  if (condition.kind === 'and' || condition.kind === 'or') return { ...condition, label }
  return { kind: 'and', parts: [condition], label }
}

function lowerItem(item: DetectionItem, options: LowerOptions): Condition {
  const { field } = item
  const paths = field === undefined ? undefined : options.paths(field)
  const tests = item.values.map((value) => lowerValue(value, { item, paths, options }))
  const others = options.paths.others?.(item) ?? []
  const own = item.all ? allOf(tests) : anyOf(tests)
  const joined =
    others.length === 0
      ? own
      : anyOf([own, ...others.map((other) => lowerItem({ ...other, negated: false }, options))])
  return item.negated ? notOf(joined) : joined
}

interface ItemScope {
  readonly item: DetectionItem
  /** Undefined for keywords. */
  readonly paths: readonly string[] | undefined
  readonly options: LowerOptions
}

function lowerValue(value: SigmaValue, scope: ItemScope): Condition {
  if (value.kind === 'either') {
    return anyOf(value.values.map((each) => lowerValue(each, scope)))
  }
  const { paths } = scope
  if (paths === undefined) return keyword(value, scope)
  if (value.kind === 'null') return absent(paths, { kind: 'exists' })
  if (value.kind === 'exists') {
    if (!value.value) return absent(paths, { kind: 'present' })
    return anyOf(paths.map((path) => fieldTest(path, { kind: 'present' })))
  }
  const tests = testsOf(value, scope)
  return anyOf(paths.flatMap((path) => tests.map((test) => fieldTest(path, test))))
}

/** None of the paths passes: what "not there" means for a field that has several. */
function absent(paths: readonly string[], test: ValueTest): Condition {
  return allOf(paths.map((path) => notOf(fieldTest(path, test))))
}

/** Texts without a field are looked for anywhere in any value of the event. */
function keyword(value: SigmaValue, scope: ItemScope): Condition {
  const text: TextValue | undefined =
    value.kind === 'text'
      ? value
      : value.kind === 'number' || value.kind === 'boolean'
        ? { kind: 'text', parts: [String(value.value)], original: '', cased: false, bytes: false }
        : undefined
  if (text !== undefined) {
    const many = { any: 'many' } as const
    const parts = wildcardParts([many, ...text.parts, many], scope)
    return { kind: 'anywhere', test: wildcardTest(parts, text.cased) }
  }
  if (value.kind === 'null' || value.kind === 'exists' || value.kind === 'reference') {
    refuse(scope, `A keyword cannot be ${value.kind}.`)
    return NEVER
  }
  return anyOf(testsOf(value, scope).map((test) => ({ kind: 'anywhere', test })))
}

function testsOf(value: SigmaValue, scope: ItemScope): ValueTest[] {
  switch (value.kind) {
    case 'text':
      return [wildcardTest(wildcardParts(value.parts, scope), value.cased)]
    case 'number':
      return [{ kind: 'equals', value: value.value, cased: false }]
    case 'boolean':
      return [{ kind: 'equals', value: value.value, cased: false }]
    case 'regex':
      return [{ kind: 'regex', pattern: filledPattern(value, scope), flags: value.flags }]
    case 'cidr':
    case 'compare':
    case 'timepart':
      return [value]
    case 'reference':
      return scope.options
        .paths(value.field)
        .map((path) => ({ kind: 'fieldref', path, op: value.op, cased: value.cased }))
    case 'null':
    case 'exists':
    case 'either':
      return []
  }
}

/** A pattern whose placeholders are filled in, checked again since values became a part of it. */
function filledPattern(value: RegexValue, scope: ItemScope): string {
  if (value.expands !== true) return value.pattern
  const name = placeholderIn(value)
  if (name !== undefined) {
    refuse(scope, `The placeholder %${name}% has no values.`, 'RULE_PLACEHOLDER')
    return value.pattern
  }
  const pattern = value.pattern.replaceAll('\\%', '%')
  const fault = regexFault(pattern, value.flags)
  if (fault !== undefined) {
    const message = `With its placeholders, the regular expression cannot run: ${fault}.`
    refuse(scope, message, 'RULE_REGEX')
  }
  return pattern
}

function wildcardParts(parts: readonly TextPart[], scope: ItemScope): WildcardPart[] {
  return parts.map((part): WildcardPart => {
    if (typeof part === 'string' || 'any' in part) return part
    refuse(scope, `The placeholder %${part.placeholder}% has no values.`, 'RULE_PLACEHOLDER')
    return ''
  })
}

function refuse(
  scope: ItemScope,
  message: string,
  code: 'RULE_INVALID' | 'RULE_PLACEHOLDER' | 'RULE_REGEX' = 'RULE_INVALID',
): void {
  const hint = 'give it a `list` document or `vars` of a pipeline'
  scope.options.report({
    code,
    message,
    at: scope.item.place,
    ...(code === 'RULE_PLACEHOLDER' ? { hint } : {}),
    severity: 'error',
  })
}
