import type { Condition, ValueTest } from '../model/condition.ts'
import type { MatchRule } from '../model/rule.ts'

/**
 * A generated rule as a Sigma document, for engines that read nothing else. Knows the conditions that
 * `generatedRules` makes, and throws on any other: a rule left out would falsify a comparison.
 */
export function sigmaText(rule: MatchRule, id: string): string {
  const { condition } = rule
  if (condition.kind !== 'and') throw new Error('a generated rule is several conditions at once')
  const detection: Record<string, unknown> = {}
  const names = condition.parts.map((part, at) => {
    const name = `part${at}`
    const isNegated = part.kind === 'not'
    detection[name] = alternatives(isNegated ? part.part : part)
    return isNegated ? `not ${name}` : name
  })
  detection['condition'] = names.join(' and ')
  const lines = {
    title: rule.meta.title,
    id,
    status: 'test',
    level: rule.meta.severity,
    logsource: { product: 'generated' },
    detection,
  }
  // JSON is YAML too; one key a line for readers that split documents by lines.
  const entries = Object.entries(lines).map(([key, value]) => `${key}: ${JSON.stringify(value)}`)
  return `${entries.join('\n')}\n`
}

/** A map a field test; a list of maps says "one of these". */
function alternatives(condition: Condition): unknown {
  if (condition.kind === 'or') return condition.parts.map(alternatives)
  if (condition.kind !== 'field') throw new Error(`no Sigma for a condition of ${condition.kind}`)
  const [modifiers, value] = modified(condition.test)
  return { [`${condition.path}${modifiers}`]: value }
}

function modified(test: ValueTest): readonly [string, string | number] {
  switch (test.kind) {
    case 'equals':
      if (typeof test.value === 'boolean') throw new Error('no generated rule asks for a boolean')
      return ['', test.value]
    case 'prefix':
      return ['|startswith', test.value]
    case 'suffix':
      return ['|endswith', test.value]
    case 'substring':
      return ['|contains', test.value]
    case 'wildcard':
      return ['', test.parts.map((part) => (typeof part === 'string' ? part : '*')).join('')]
    case 'regex':
      return ['|re|i', test.pattern]
    case 'cidr':
      return ['|cidr', test.network]
    case 'compare':
    case 'exists':
    case 'fieldref':
    case 'present':
    case 'timepart':
      throw new Error(`no Sigma for a test of ${test.kind}`)
  }
}
