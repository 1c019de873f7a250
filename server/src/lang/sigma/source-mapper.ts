import type { Condition } from '../../model/condition.ts'
import { ALWAYS, NEVER } from '../conditions.ts'
import type { SigmaRule } from './documents.ts'
import { mapLogsource, pathsIn } from './taxonomy/taxonomy.ts'

export interface SigmaOptions {
  /** `default`: Sigma's taxonomy to ECS; `none`: names as written, no log source condition. */
  readonly pipeline?: 'default' | 'none'
  /** Try every rule on every event. */
  readonly ignoreLogsource?: boolean
}

/** What a rule's log source asks of an event, and where its fields are. */
export interface MappedSource {
  readonly condition: Condition
  paths(field: string): readonly string[]
}

export interface SourceMapper {
  map(rule: SigmaRule): MappedSource
  /** Values of placeholders that pipelines bring. */
  vars(name: string): readonly string[] | undefined
}

/** Maps rules as the options say; an unmapped log source is warned of, once a rule. */
export function createSourceMapper(options: SigmaOptions): SourceMapper {
  const vars = (): undefined => undefined
  if (options.pipeline === 'none') {
    return { vars, map: () => ({ condition: ALWAYS, paths: (field) => [field] }) }
  }
  const warned = new Set<SigmaRule>()
  return {
    vars,
    map(rule) {
      const mapping = mapLogsource(rule.logsource)
      if (mapping === undefined) {
        if (!warned.has(rule)) rule.problems.push(unmapped(rule))
        warned.add(rule)
        const condition = options.ignoreLogsource === true ? ALWAYS : NEVER
        return { condition, paths: (field) => [field] }
      }
      const condition = options.ignoreLogsource === true ? ALWAYS : mapping.condition
      return { condition, paths: (field) => pathsIn(mapping, field) }
    },
  }
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
