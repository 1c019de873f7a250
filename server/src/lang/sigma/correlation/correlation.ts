import type {
  Correlation,
  CountCondition,
  CountCorrelation,
  GroupField,
  RefCondition,
} from '../../../model/correlation.ts'
import { countFault } from '../../count-limit.ts'
import { nearest } from '../../nearest.ts'
import { parseCondition, type ConditionTree } from '../condition.ts'
import type { SigmaCorrelation } from '../documents.ts'
import { parseTimespan } from '../timespan.ts'
import { childOf, textOf, textsOf, type FilePlace, type Tree } from '../yaml/yaml-tree.ts'
import type { FieldPaths } from '../lower.ts'
import { PathChoices } from '../path-choices.ts'
import { attributeProblems } from './attributes.ts'
import { COUNTED_RULES_MAX, countOfRules, isAllOf, namesOf } from './rule-counts.ts'

/** What a correlation may refer to: rules and correlations, by id or name. */
export interface ReferenceScope {
  readonly names: readonly string[]
  /** The id of the rule that goes by this id or name; undefined if none does, or it does not run. */
  idOf(reference: string): string | undefined
  pathsOf(id: string): FieldPaths
  /** Names and paths of the key of a correlation, all that its hits hold; undefined of other rules. */
  keyOf(id: string): ReadonlySet<string> | undefined
}

const COUNT_TYPES = [
  'event_count',
  'value_count',
  'value_sum',
  'value_avg',
  'value_percentile',
  'value_median',
] as const
const TYPES = [...COUNT_TYPES, 'temporal', 'temporal_ordered', 'first_seen', 'absence'] as const
const OPERATORS = ['gt', 'gte', 'lt', 'lte', 'eq', 'neq'] as const
const DEFAULT_LEARN_MS = 0

/** Lowers a correlation document. Undefined after an error, which is reported on the document. */
export function lowerCorrelation(
  document: SigmaCorrelation,
  scope: ReferenceScope,
): Correlation | undefined {
  const lowering = new Lowering(document, scope)
  const correlation = lowering.lower()
  const failed = document.problems.some((problem) => problem.severity === 'error')
  return failed ? undefined : correlation
}

class Lowering {
  readonly #document: SigmaCorrelation
  readonly #scope: ReferenceScope
  readonly #body: Tree
  readonly #choices = new PathChoices()
  constructor(document: SigmaCorrelation, scope: ReferenceScope) {
    this.#document = document
    this.#scope = scope
    this.#body = document.body
  }

  lower(): Correlation | undefined {
    this.#document.problems.push(...attributeProblems(this.#document))
    const written = textOf(this.#get('type')) ?? ''
    const type = TYPES.find((each) => each === written.toLowerCase())
    if (type === undefined) {
      const guess = nearest(written, TYPES)
      this.#refuse(`"${written}" is no type of correlation.`, { field: 'type', guess })
      return undefined
    }
    const boolean = this.#booleanCondition()
    const inputs = this.#inputs(boolean)
    const groupBy = this.#groupBy(inputs)
    const base = { inputs, groupBy }
    const correlation = this.#ofType(type, base, boolean)
    return { ...correlation, ...this.#choices.toField() }
  }

  #ofType(
    type: (typeof TYPES)[number],
    base: { readonly inputs: readonly string[]; readonly groupBy: readonly GroupField[] },
    boolean: ConditionTree | undefined,
  ): Correlation {
    const { inputs } = base
    switch (type) {
      case 'temporal':
      case 'temporal_ordered': {
        if (boolean !== undefined) this.#agree(boolean, inputs)
        const written = boolean === undefined ? this.#countOfRules(inputs) : this.#refs(boolean)
        // All of them joined by "and" is what an ordered one asks for anyway: in their order.
        const condition = isAllOf(written, inputs) ? undefined : written
        const timespanMs = this.#timespan('timespan')
        return { ...base, type, timespanMs, ...(condition === undefined ? {} : { condition }) }
      }
      case 'first_seen':
        return {
          ...base,
          type,
          ...this.#valueFields(inputs, this.#get('field')),
          historyMs: this.#timespan('history'),
          learnMs: this.#get('learn') === undefined ? DEFAULT_LEARN_MS : this.#timespan('learn'),
        }
      case 'absence': {
        const of = textOf(this.#get('of')) ?? 'events'
        if (of !== 'events' && of !== 'source')
          this.#refuse('`of` is events or source.', { field: 'of' })
        const timespanMs = this.#timespan('timespan')
        return { ...base, type, of: of === 'source' ? 'source' : 'events', timespanMs }
      }
      case 'event_count':
      case 'value_count':
      case 'value_sum':
      case 'value_avg':
      case 'value_percentile':
      case 'value_median':
        return this.#count(type, base)
    }
  }

  #count(
    type: (typeof COUNT_TYPES)[number],
    base: { inputs: readonly string[]; groupBy: readonly GroupField[] },
  ): Correlation {
    const written = this.#get('condition')
    const condition = this.#counts(written)
    const field = childOf(written, 'field')
    const counted = type === 'event_count' ? { fields: [] } : this.#valueFields(base.inputs, field)
    const cardinality = this.#cardinality(base.inputs)
    const percentile = type === 'value_percentile' ? this.#percentile(written) : undefined
    const fault = countFault({ type, condition, cardinality })
    if (fault !== undefined) this.#refuse(fault, { field: 'condition' })
    return {
      ...base,
      type,
      timespanMs: this.#timespan('timespan'),
      condition,
      ...counted,
      ...(percentile === undefined ? {} : { percentile }),
      ...(cardinality.length === 0 ? {} : { cardinality }),
    }
  }

  #get(key: string): Tree | undefined {
    return childOf(this.#body, key)
  }

  #refuse(
    message: string,
    { field, guess, at }: { field: string; guess?: string | undefined; at?: FilePlace },
  ): void {
    const place: FilePlace = at ?? this.#get(field)?.place ?? this.#body.place
    this.#document.problems.push({
      code: 'RULE_INVALID',
      message,
      at: { ...place, field: `correlation.${field}` },
      ...(guess === undefined ? {} : { hint: `did you mean "${guess}"?` }),
      severity: 'error',
    })
  }

  #timespan(key: string): number {
    const value = this.#get(key) ?? (key === 'timespan' ? this.#get('timeframe') : undefined)
    const ms = parseTimespan(textOf(value))
    if (value === undefined) this.#refuse(`This correlation needs "${key}".`, { field: key })
    else if (ms === undefined)
      this.#refuse(`"${key}" takes a time such as 30s, 5m, 1h or 1d.`, { field: key })
    return ms ?? 1
  }

  #inputs(boolean: ConditionTree | undefined): string[] {
    const tree = this.#get('rules')
    const written = textsOf(tree)
    const named = written.length === 0 && boolean !== undefined ? namesOf(boolean) : written
    const ofSource = textOf(this.#get('of')) === 'source'
    if (named.length === 0 && !ofSource)
      this.#refuse('A correlation needs "rules".', { field: 'rules' })
    const items = tree?.kind === 'list' ? tree.items : []
    const placeOf = (name: string) => items.find((item) => textOf(item) === name)?.place
    return named.flatMap((name) => this.#reference(name, placeOf(name) ?? tree?.place))
  }

  /** A condition by names and the list of rules speak of the same ones. */
  #agree(boolean: ConditionTree, inputs: readonly string[]): void {
    const named = new Map(namesOf(boolean).map((name) => [this.#scope.idOf(name), name]))
    const strange = [...named].find(([id]) => id !== undefined && !inputs.includes(id))
    if (strange !== undefined) {
      const message = `The condition names "${strange[1]}", which "rules" does not list.`
      this.#refuse(message, { field: 'condition' })
    }
    const unused = textsOf(this.#get('rules')).find((name) => !named.has(this.#scope.idOf(name)))
    if (unused !== undefined) {
      const message = `"rules" lists "${unused}", which the condition does not name.`
      this.#refuse(message, { field: 'condition' })
    }
  }

  #reference(name: string, place: FilePlace | undefined): string[] {
    const id = this.#scope.idOf(name)
    if (id !== undefined) return [id]
    const guess = nearest(name, this.#scope.names)
    this.#document.problems.push({
      code: 'RULE_REFERENCE',
      message: `The correlation names the rule "${name}", which is not there or does not run.`,
      at: place ?? this.#body.place,
      ...(guess === undefined ? {} : { hint: `did you mean "${guess}"?` }),
      severity: 'error',
    })
    return []
  }

  #groupBy(inputs: readonly string[]): GroupField[] {
    return textsOf(this.#get('group-by')).map((name) => {
      const paths = this.#pathsByInput(inputs, name)
      const first = paths[0]?.[1] ?? name
      const same = paths.every(([, path]) => path === first)
      return { name, path: first, ...(same ? {} : { paths: Object.fromEntries(paths) }) }
    })
  }

  /** Where each input keeps what the correlation calls by this name: a field, or an alias. */
  #pathsByInput(inputs: readonly string[], name: string): (readonly [string, string])[] {
    const alias = childOf(this.#get('aliases'), name)
    const own = new Map<string, string>()
    for (const entry of alias?.kind === 'map' ? alias.entries : []) {
      const [id] = this.#reference(entry.key, entry.place)
      const field = textOf(entry.value)
      if (id !== undefined && field !== undefined) own.set(id, field)
    }
    return inputs.map((id) => {
      const field = own.get(id) ?? name
      const path = this.#path(id, field)
      const key = this.#scope.keyOf(id)
      if (key !== undefined && !key.has(field) && !key.has(path)) this.#warnOfKey(id, field)
      return [id, path]
    })
  }

  /** What a correlation passes on are the fields it groups by. */
  #warnOfKey(id: string, field: string): void {
    const at = this.#get('group-by')?.place ?? this.#body.place
    this.#document.problems.push({
      code: 'RULE_INVALID',
      message: `The correlation "${id}" does not group by ${field}: its hits have no such field, and never count here.`,
      at: { ...at, field: 'correlation.group-by' },
      hint: `add ${field} to its group-by`,
      severity: 'warning',
    })
  }

  #path(id: string, field: string): string {
    return this.#choices.first(this.#scope.pathsOf(id)(field), field)
  }

  #valueFields(
    inputs: readonly string[],
    tree: Tree | undefined,
  ): Pick<CountCorrelation, 'fields' | 'inputFields'> {
    const names = textsOf(tree ?? this.#get('field'))
    if (names.length === 0)
      this.#refuse('This type of correlation needs a "field".', { field: 'condition' })
    const rows = names.map((name) => this.#pathsByInput(inputs, name))
    const fields = names.map((name, index) => rows[index]?.[0]?.[1] ?? name)
    const byInput = inputs.map((id, at) => [id, rows.map((row) => row[at]?.[1] ?? '')] as const)
    const same = byInput.every(([, paths]) => paths.every((path, at) => path === fields[at]))
    return same ? { fields } : { fields, inputFields: Object.fromEntries(byInput) }
  }

  #counts(tree: Tree | undefined): CountCondition {
    const found: Partial<Record<(typeof OPERATORS)[number], number>> = {}
    for (const entry of tree?.kind === 'map' ? tree.entries : []) {
      if (entry.key === 'field' || entry.key === 'percentile') continue
      const operator = OPERATORS.find((each) => each === entry.key)
      const bound = Number(textOf(entry.value) ?? Number.NaN)
      if (operator === undefined || !Number.isFinite(bound)) {
        const guess = operator === undefined ? nearest(entry.key, OPERATORS) : undefined
        const at = entry.place
        const message = `"${entry.key}" is no condition with a number.`
        this.#refuse(message, { field: 'condition', guess, at })
      } else found[operator] = bound
    }
    const hasBounds = tree?.kind === 'map' && tree.entries.some(({ key }) => key !== 'field')
    if (Object.keys(found).length === 0 && !hasBounds) {
      this.#refuse('The correlation needs a condition such as "gte: 10".', { field: 'condition' })
    }
    return found
  }

  #percentile(tree: Tree | undefined): number {
    const written = childOf(tree, 'percentile')
    const value = Number(textOf(written) ?? 50)
    if (!(value >= 0 && value <= 100))
      this.#refuse('A percentile is from 0 to 100.', { field: 'condition' })
    if (written === undefined) {
      this.#document.problems.push({
        code: 'RULE_INVALID',
        message: 'No percentile is given; 50, the median, is taken.',
        at: tree?.place ?? this.#body.place,
        severity: 'warning',
      })
    }
    return value
  }

  #cardinality(inputs: readonly string[]) {
    const tree = this.#get('cardinality')
    const items = tree?.kind === 'list' ? tree.items : tree === undefined ? [] : [tree]
    return items.map((item) => ({
      field: this.#valueFields(inputs, childOf(item, 'field')).fields[0] ?? '',
      condition: this.#counts(item),
    }))
  }

  /** pySigma's boolean condition of temporal correlations. */
  #booleanCondition(): ConditionTree | undefined {
    const written = this.#get('condition')
    if (written?.kind !== 'scalar') return undefined
    const parsed = parseCondition(textOf(written) ?? '', written.place)
    if (parsed.ok) return parsed.value.tree
    this.#document.problems.push({ ...parsed.problem, severity: 'error' })
    return undefined
  }

  #refs(tree: ConditionTree): RefCondition | undefined {
    switch (tree.kind) {
      case 'name': {
        const [rule] = this.#reference(tree.name, this.#get('condition')?.place)
        return rule === undefined ? undefined : { kind: 'ref', rule }
      }
      case 'not': {
        const part = this.#refs(tree.part)
        return part === undefined ? undefined : { kind: 'not', part }
      }
      case 'and':
      case 'or': {
        const parts = tree.parts
          .map((part) => this.#refs(part))
          .filter((part) => part !== undefined)
        return { kind: tree.kind, parts }
      }
      case 'of':
        this.#refuse('A correlation condition takes names, and, or, not.', { field: 'condition' })
        return undefined
    }
  }

  #countOfRules(inputs: readonly string[]): RefCondition | undefined {
    const written = this.#get('condition')
    if (written === undefined) return undefined
    const bounds = this.#counts(written)
    const ids = [...new Set(inputs)]
    const least = Math.max(bounds.gte ?? 0, (bounds.gt ?? -1) + 1, bounds.eq ?? 0)
    const isWhole = Object.values(bounds).every((bound) => Number.isInteger(bound) && bound >= 0)
    if (!isWhole || least > ids.length || ids.length > COUNTED_RULES_MAX) {
      this.#refuse('The condition counts the rules: whole numbers, up to how many there are.', {
        field: 'condition',
      })
      return undefined
    }
    return countOfRules(ids, bounds)
  }
}
