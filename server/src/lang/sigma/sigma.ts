import type { Condition } from '../../model/condition.ts'
import type { Correlation } from '../../model/correlation.ts'
import type { CorrelationRule, MatchRule, RuleProblem } from '../../model/rule.ts'
import { ALWAYS, allOf, anyOf, NEVER } from '../conditions.ts'
import type { Aggregation } from './condition.ts'
import { lowerCorrelation } from './correlation/correlation.ts'
import type {
  SigmaCorrelation,
  SigmaDocument,
  SigmaFile,
  SigmaFilter,
  SigmaRule,
} from './documents.ts'
import { filtersOf, warnOfMissed, type AppliedFilter } from './filters.ts'
import { lowerAggregation, nearCorrelation, nearNames } from './legacy.ts'
import { lowerDetection, type FieldPaths } from './lower.ts'
import { collectNames, type SharedNames } from './names.ts'
import { fillPlaceholders } from './value/placeholders.ts'
import { PathChoices } from './path-choices.ts'
import { resolveCondition, unusedNames } from './resolve.ts'
import { createSourceMapper, type SourceMapper, type SigmaOptions } from './source-mapper.ts'

/** The rules of a set of Sigma files, lowered; a rule with an error is left out. */
export interface LoweredSigma {
  readonly matches: readonly MatchRule[]
  readonly correlations: readonly CorrelationRule[]
  /** Every document with its problems, in the order of the files. */
  readonly documents: readonly SigmaDocument[]
}

/**
 * Lowers Sigma documents to the shapes that every rule language shares. References (correlations,
 * filters, lists, macros) reach across all files given. Never throws; problems stand on the
 * documents.
 */
export function lowerSigma(files: readonly SigmaFile[], options: SigmaOptions = {}): LoweredSigma {
  return new SigmaLowering(files, options).run()
}

class SigmaLowering {
  readonly #documents: readonly SigmaDocument[]
  readonly #names: SharedNames
  readonly #filters: readonly AppliedFilter[]
  readonly #mapper: SourceMapper
  readonly #matches: MatchRule[] = []
  readonly #correlations: CorrelationRule[] = []
  readonly #paths = new Map<string, FieldPaths>()
  readonly #fields = new Map<string, readonly string[]>()
  /** What the hits of each correlation hold. */
  readonly #keys = new Map<string, ReadonlySet<string>>()
  /** Ids that run, by id and by name. */
  readonly #running = new Map<string, string>()
  readonly #quiet = new Set<string>()

  constructor(files: readonly SigmaFile[], options: SigmaOptions) {
    this.#documents = files.flatMap((file) => file.documents)
    this.#names = collectNames(this.#documents)
    this.#mapper = createSourceMapper(options, (name) => this.#names.list(name))
    this.#filters = filtersOf(
      this.#documents.filter((document) => document.kind === 'filter'),
      (filter, { paths, pipe }) =>
        pipe === undefined
          ? this.#conditionOf(filter, paths)
          : this.#conditionOf({ ...filter, detections: pipe(filter.detections) }, (field) => [
              field,
            ]),
    )
  }

  run(): LoweredSigma {
    const rules = this.#documents.filter((document) => document.kind === 'rule')
    for (const rule of rules) this.#lowerRule(rule)
    warnOfMissed(
      this.#documents.filter((document) => document.kind === 'filter'),
      rules,
    )
    for (const document of this.#inOrder()) this.#lowerCorrelation(document)
    return {
      matches: this.#matches.map((rule) => this.#withAlerts(rule)),
      correlations: this.#correlations.map((rule) => this.#withAlerts(rule)),
      documents: this.#documents,
    }
  }

  #withAlerts<T extends MatchRule | CorrelationRule>(rule: T): T {
    return this.#quiet.has(rule.meta.id) ? { ...rule, alerts: false } : rule
  }

  #lowerRule(rule: SigmaRule): void {
    const source = this.#mapper.map(rule)
    const { paths } = source
    // After a pipeline the selections hold event paths already.
    const detected =
      source.detections === undefined
        ? this.#conditionOf(rule, paths)
        : this.#conditionOf({ ...rule, detections: source.detections }, (field) => [field])
    const excepted = this.#filters.filter((filter) => filter.appliesTo(rule))
    const kept = excepted.map((filter) => filter.condition(source))
    const condition = allOf([source.condition, detected, ...kept])
    this.#setPaths(rule, paths)
    this.#fields.set(
      rule.meta.id,
      source.fields ?? rule.fields.map((each) => paths(each)[0] ?? each),
    )
    const correlation = this.#legacy(rule, condition, paths)
    if (hasError(rule)) return
    this.#warnOfUnused(rule)
    this.#announce(rule)
    if (correlation !== undefined) {
      this.#correlations.push({ kind: 'correlation', meta: rule.meta, correlation, alerts: true })
    } else if (!rule.conditions.some((each) => each.parsed.aggregation !== null)) {
      this.#addRule(rule, condition)
    }
  }

  #warnOfUnused(rule: SigmaRule): void {
    if (rule.conditions.length === 0) return
    const trees = rule.conditions.flatMap(({ parsed: { tree, aggregation } }) =>
      aggregation?.kind === 'near' ? [tree, aggregation.tree] : [tree],
    )
    for (const name of unusedNames(trees, [...rule.detections.keys()])) {
      const at = rule.conditions[0]?.place ?? rule.place
      rule.problems.push({
        code: 'RULE_CONDITION',
        message: `No condition uses the selection "${name}".`,
        at,
        hint: 'name it, or begin its name with _',
        severity: 'warning',
      })
    }
  }

  /** Adds a rule, or another log source of the one that it shares its id with. */
  #addRule(rule: SigmaRule, condition: Condition): void {
    const { id } = rule.meta
    const made = this.#matchRule(rule, id, condition, true)
    const at = rule.sharesId === true ? this.#matches.findIndex((each) => each.meta.id === id) : -1
    const earlier = this.#matches[at]
    if (earlier === undefined) this.#matches.push(made)
    else {
      // The new one knows the paths of both.
      const alternatives = { ...earlier.alternatives, ...made.alternatives }
      this.#matches[at] = {
        ...earlier,
        condition: anyOf([earlier.condition, condition]),
        ...(Object.keys(alternatives).length === 0 ? {} : { alternatives }),
        fields: [...new Set([...earlier.fields, ...made.fields])],
      }
    }
  }

  #setPaths(rule: SigmaRule, paths: FieldPaths): void {
    const earlier = rule.sharesId === true ? this.#paths.get(rule.meta.id) : undefined
    const both: FieldPaths = (field) => [...new Set([...(earlier?.(field) ?? []), ...paths(field)])]
    this.#paths.set(rule.meta.id, earlier === undefined ? paths : both)
  }

  #matchRule(rule: SigmaRule, id: string, condition: Condition, alerts: boolean): MatchRule {
    const paths = this.#paths.get(rule.meta.id) ?? ((field) => [field])
    const alternatives = new PathChoices()
    const groupBy = rule.groupBy.map((field) => alternatives.first(paths(field), field))
    return {
      kind: 'match',
      meta: { ...rule.meta, id },
      condition,
      alerts,
      groupBy,
      ...alternatives.toField(),
      fields: this.#fields.get(rule.meta.id) ?? rule.fields,
    }
  }

  #announce(document: SigmaRule | SigmaCorrelation): void {
    this.#running.set(document.meta.id, document.meta.id)
    if (document.name !== undefined) this.#running.set(document.name, document.meta.id)
  }

  /** Conditions of a rule or filter, any of which is enough (a list of conditions is OR). */
  #conditionOf(rule: SigmaRule | SigmaFilter, paths: FieldPaths): Condition {
    const report = (problem: RuleProblem): void => void rule.problems.push(problem)
    const conditions = rule.conditions.map((written) =>
      resolveCondition(written, written.parsed.tree, {
        names: [...rule.detections.keys()],
        lower: (name) => this.#selection(rule, name, { paths, report }),
        report,
      }),
    )
    return conditions.length === 0 ? NEVER : anyOf(conditions)
  }

  #selection(
    rule: SigmaRule | SigmaFilter,
    name: string,
    options: { paths: FieldPaths; report: (problem: RuleProblem) => void },
  ): Condition | 'nothing' | undefined {
    const detection = rule.detections.get(name) ?? this.#names.macro(name)
    if (detection === undefined) return undefined
    if (detection.kind !== 'item' && detection.parts.length === 0) return 'nothing'
    const filled = fillPlaceholders(
      detection,
      (key) => this.#names.list(key) ?? this.#mapper.vars(key),
    )
    return lowerDetection(filled, options)
  }

  /** The legacy part after `|`: the rule becomes a correlation over hidden match rules. */
  #legacy(rule: SigmaRule, condition: Condition, paths: FieldPaths): Correlation | undefined {
    const [written] = rule.conditions
    const aggregation: Aggregation | null = written?.parsed.aggregation ?? null
    if (written === undefined || aggregation === null) return undefined
    if (rule.conditions.length > 1) {
      rule.problems.push({
        code: 'RULE_UNSUPPORTED',
        message: 'Several conditions with a part after "|" are not translated.',
        at: written.place,
        severity: 'error',
      })
      return undefined
    }
    const input = `${rule.meta.id}#1`
    if (aggregation.kind === 'aggregate') {
      const correlation = lowerAggregation(rule, aggregation, { input, paths })
      if (correlation === undefined || hasError(rule)) return undefined
      this.#matches.push(this.#matchRule(rule, input, condition, false))
      return correlation
    }
    return this.#near(rule, aggregation, condition, paths)
  }

  #near(
    rule: SigmaRule,
    near: Extract<Aggregation, { readonly kind: 'near' }>,
    condition: Condition,
    paths: FieldPaths,
  ): Correlation | undefined {
    const names = nearNames(near.tree)
    const at = rule.conditions[0]?.place ?? rule.place
    const report = (problem: RuleProblem): void => void rule.problems.push(problem)
    if (names === undefined) {
      const message = 'Of "near", only names joined by "and" are translated.'
      report({ code: 'RULE_UNSUPPORTED', message, at, severity: 'error' })
      return undefined
    }
    const source = this.#mapper.map(rule).condition
    const others = names.map((name) => {
      const found = this.#selection(rule, name, { paths, report })
      if (found === undefined) {
        const message = `"near" names "${name}", but there is no such selection.`
        report({ code: 'RULE_REFERENCE', message, at, severity: 'error' })
      }
      return allOf([source, found === 'nothing' ? ALWAYS : (found ?? ALWAYS)])
    })
    if (hasError(rule)) return undefined
    const stages = [condition, ...others]
    const inputs = stages.map((stage, index) => {
      const id = `${rule.meta.id}#${index + 1}`
      this.#matches.push(this.#matchRule(rule, id, stage, false))
      return id
    })
    return nearCorrelation(rule, inputs)
  }

  /** Correlations after those they refer to; a ring is left in file order and then refused. */
  #inOrder(): readonly SigmaCorrelation[] {
    return this.#names.correlationsInOrder()
  }

  #lowerCorrelation(document: SigmaCorrelation): void {
    const correlation = lowerCorrelation(document, {
      names: [...this.#running.keys()],
      idOf: (reference) => this.#running.get(reference),
      pathsOf: (id) => this.#paths.get(id) ?? ((field) => [field]),
      keyOf: (id) => this.#keys.get(id),
    })
    if (correlation === undefined || hasError(document)) return
    const [first] = correlation.inputs
    const paths = first === undefined ? undefined : this.#paths.get(first)
    if (paths !== undefined) this.#paths.set(document.meta.id, paths)
    const key = correlation.groupBy.flatMap(({ name, path }) => [name, path])
    this.#keys.set(document.meta.id, new Set(key))
    this.#announce(document)
    if (!document.generate) for (const id of correlation.inputs) this.#quiet.add(id)
    this.#correlations.push({ kind: 'correlation', meta: document.meta, correlation, alerts: true })
  }
}

function hasError(document: SigmaDocument): boolean {
  return document.problems.some((problem) => problem.severity === 'error')
}
