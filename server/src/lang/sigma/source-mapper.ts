import type { Condition } from '../../model/condition.ts'
import type { RuleProblem } from '../../model/rule.ts'
import { ALWAYS, allOf, NEVER, notOf } from '../conditions.ts'
import type { SigmaRule } from './documents.ts'
import { lowerDetection, type FieldPaths } from './lower.ts'
import { applyPipeline } from './pipeline/apply.ts'
import type { Pipeline } from './pipeline/pipeline.ts'
import type { PlaceholderValues } from './value/placeholders.ts'
import type { Detection } from './value/value.ts'
import { otherItems } from './taxonomy/other-values.ts'
import { exportedPaths, isOfHost, mapLogsource, pathsIn } from './taxonomy/taxonomy.ts'

export interface SigmaOptions {
  /**
   * `default`: Sigma's taxonomy to ECS; `none`: names as written, no log source condition; a
   * pipeline: what it makes of a rule, and no more.
   */
  readonly pipeline?: 'default' | 'none' | Pipeline
  /** Try every rule on every event. */
  readonly ignoreLogsource?: boolean
}

/** What a rule's log source asks of an event, and where its fields are. */
export interface MappedSource {
  readonly condition: Condition
  /** The selections, where a pipeline changed them. */
  readonly detections?: ReadonlyMap<string, Detection>
  /** The notable fields, likewise. */
  readonly fields?: readonly string[]
  readonly paths: FieldPaths
  /** What the pipeline makes of other selections that are joined to the rule's. */
  readonly pipe?: (detections: ReadonlyMap<string, Detection>) => ReadonlyMap<string, Detection>
}

export interface SourceMapper {
  map(rule: SigmaRule): MappedSource
  /** Values of placeholders that pipelines bring. */
  vars(name: string): readonly string[] | undefined
}

/** Maps rules as the options say; an unmapped log source is warned of, once a rule. */
export function createSourceMapper(options: SigmaOptions, lists: PlaceholderValues): SourceMapper {
  const vars = (): undefined => undefined
  if (typeof options.pipeline === 'object') return pipelineMapper(options.pipeline, lists)
  if (options.pipeline === 'none') {
    return { vars, map: () => ({ condition: ALWAYS, paths: (field) => [field] }) }
  }
  const isIgnored = options.ignoreLogsource === true
  const warned = new Set<SigmaRule>()
  return {
    vars,
    map(rule) {
      const taxonomy = rule.attributes['taxonomy'] ?? 'sigma'
      if (taxonomy !== 'sigma' && !warned.has(rule)) rule.problems.push(foreign(rule))
      const mapping = mapLogsource(rule.logsource)
      if (mapping === undefined) {
        if (!isIgnored && !warned.has(rule)) rule.problems.push(unmapped(rule))
        warned.add(rule)
        return { condition: isIgnored ? ALWAYS : NEVER, paths: (field) => [field] }
      }
      const others = isOfHost(mapping) ? { others: otherItems } : {}
      if (!isIgnored) {
        const paths = (field: string) => pathsIn(mapping, field)
        return { condition: mapping.condition, paths: Object.assign(paths, others) }
      }
      // Who asks no log source may well have events with the source's own names.
      const paths = (field: string) => [
        ...new Set([...pathsIn(mapping, field), field, ...exportedPaths(mapping, field)]),
      ]
      return { condition: ALWAYS, paths: Object.assign(paths, others) }
    },
  }
}

function pipelineMapper(pipeline: Pipeline, lists: PlaceholderValues): SourceMapper {
  return {
    vars: (name) => pipeline.vars.get(name),
    map(rule) {
      const piped = applyPipeline(pipeline, rule, lists)
      const report = (problem: RuleProblem): void => void rule.problems.push(problem)
      if (piped.failure !== undefined) {
        const message = `The pipeline "${pipeline.name}" refuses the rule: ${piped.failure}`
        report({ code: 'RULE_PIPELINE', message, at: rule.place, severity: 'error' })
      }
      const added = piped.added.map(({ detection, negated }) => {
        const condition = lowerDetection(detection, { paths: (field) => [field], report })
        return negated ? notOf(condition) : condition
      })
      const { detections, fields, pipe } = piped
      const paths = (field: string) => piped.paths(field)
      return { condition: allOf(added), detections, fields, paths, pipe }
    },
  }
}

/** Specification, "Taxonomy": another one has to be handled by the tool, or transformed. */
function foreign(rule: SigmaRule) {
  const name = String(rule.attributes['taxonomy']).slice(0, 60)
  return {
    code: 'RULE_LOGSOURCE',
    message: `The taxonomy "${name}" is not known; log source and fields are read as those of Sigma's own.`,
    at: { ...rule.place, field: 'taxonomy' },
    hint: 'translate it by a pipeline, or take names as written with `--pipeline none`',
    severity: 'warning',
  } as const
}

function unmapped(rule: SigmaRule) {
  const words = Object.entries(rule.logsource).map(([key, value]) => `${key} ${value}`)
  return {
    code: 'RULE_LOGSOURCE',
    message: `The log source (${words.join(', ')}) is mapped to no events; the rule matches nothing.`,
    at: { ...rule.place, field: 'logsource' },
    hint: 'use a pipeline, `--pipeline none`, or `--ignore-logsource`',
    severity: 'warning',
  } as const
}
