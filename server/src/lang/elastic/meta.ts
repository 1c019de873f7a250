import { sha256Hex } from '../../base/hash.ts'
import type { AlertMapping, RuleMeta } from '../../model/rule.ts'
import type { ElasticFile, ElasticRuleText } from './file.ts'
import { lineOfPath } from './places.ts'

const RESPONSE_STEPS_MAX = 20

/** What a rule file says about its rule. */
export function elasticMeta(
  rule: ElasticRuleText,
  file: ElasticFile,
  source: { readonly text: string; readonly path: string },
): RuleMeta {
  const { maturity } = file.metadata
  const draft = maturity === 'deprecated' || maturity === 'development' || !rule.enabled
  const mapping = mappingOf(rule)
  const line = lineOfPath(source.text, ['rule', 'rule_id'])
  return {
    id: rule.rule_id,
    title: rule.name,
    language: 'elastic',
    author: rule.author.join(', '),
    severity: rule.severity,
    life: draft ? 'draft' : rule.building_block_type === undefined ? 'live' : 'shadow',
    ...(maturity === undefined ? {} : { status: maturity }),
    ...(rule.description === undefined ? {} : { description: rule.description.trim() }),
    ...(rule.version === undefined ? {} : { version: String(rule.version) }),
    ...(rule.risk_score === undefined ? {} : { risk: rule.risk_score }),
    ...(mapping === undefined ? {} : { mapping }),
    hash: sha256Hex(source.text),
    tags: [...attackTags(rule), ...rule.tags],
    references: rule.references,
    falsepositives: rule.false_positives.map((one) => one.trim()),
    response: responseSteps(rule.note),
    path: source.path,
    ...(line === undefined ? {} : { line }),
  }
}

function mappingOf(rule: ElasticRuleText): AlertMapping | undefined {
  const { severity_mapping: severity, risk_score_mapping: risks, rule_name_override: name } = rule
  if (severity.length === 0 && risks.length === 0 && name === undefined) return undefined
  return {
    severity: severity.map((one) => ({
      ...{ field: one.field, value: one.value, severity: one.severity },
    })),
    risk: risks.map((one) => ({
      ...{ field: one.field, value: one.value },
      ...(one.risk_score === undefined ? {} : { risk: one.risk_score }),
    })),
    ...(name === undefined ? {} : { name }),
  }
}

/** Fields that an alert shows: those that its mappings read, and those to look at first. */
export function notableFields(rule: ElasticRuleText): string[] {
  const mapped = [...rule.severity_mapping, ...rule.risk_score_mapping].map(({ field }) => field)
  const named = rule.rule_name_override === undefined ? [] : [rule.rule_name_override]
  const shown = rule.investigation_fields?.field_names ?? []
  return [...new Set([...mapped, ...named, ...shown])]
}

/** ATT&CK as Sigma writes it: `attack.t1059.001`, `attack.lateral-movement`. */
function attackTags(rule: ElasticRuleText): string[] {
  const tags = new Set<string>()
  for (const { tactic, technique } of rule.threat) {
    if (tactic !== undefined) tags.add(`attack.${tactic.name.toLowerCase().replaceAll(' ', '-')}`)
    for (const { id, subtechnique } of technique) {
      tags.add(`attack.${id.toLowerCase()}`)
      for (const sub of subtechnique) tags.add(`attack.${sub.id.toLowerCase()}`)
    }
  }
  return [...tags]
}

/** The list under “Response and remediation” of the investigation guide. */
function responseSteps(note: string | undefined): string[] {
  if (note === undefined) return []
  const lines = note.split('\n')
  const start = lines.findIndex((line) => /^#+ *response and remediation/i.test(line))
  if (start < 0) return []
  const steps: string[] = []
  for (const line of lines.slice(start + 1)) {
    if (/^#+ /.test(line) || steps.length >= RESPONSE_STEPS_MAX) break
    const step = /^\s*[-*] +(.+)$/.exec(line)?.[1]
    if (step !== undefined) steps.push(step.trim())
  }
  return steps
}
