import { own } from '../base/own.ts'
import type { Severity } from '../model/alert.ts'
import { SEVERITIES } from '../model/alert.ts'
import type { RuleMeta } from '../model/rule.ts'

type Matched = Readonly<Record<string, readonly string[]>> | undefined

/** What an alert takes from its event where the rule says so, else what the rule itself says. */
export interface Mapped {
  readonly name: string
  readonly severity: Severity
  readonly risk: number | undefined
}

/**
 * The rule's name, severity and risk, or those that its mappings find in the event that opened the
 * alert: of several severities or risks the highest (Elastic Security, “severity override”).
 */
export function mapped(meta: RuleMeta, matched: Matched): Mapped {
  const { mapping } = meta
  if (mapping === undefined || matched === undefined) {
    return { name: meta.title, severity: meta.severity, risk: meta.risk }
  }
  const severities = mapping.severity
    .filter(({ field, value }) => own(matched, field)?.includes(value) === true)
    .map(({ severity }) => SEVERITIES.indexOf(severity))
  const risks = mapping.risk.flatMap(({ field, value, risk }) => {
    const values = own(matched, field) ?? []
    if (value !== '' && !values.includes(value)) return []
    return risk === undefined
      ? values.map(riskOf).filter((each) => each !== undefined)
      : values.length > 0
        ? [risk]
        : []
  })
  const name = mapping.name === undefined ? undefined : own(matched, mapping.name)?.[0]
  return {
    name: name === undefined || name.trim() === '' ? meta.title : name,
    severity: SEVERITIES[Math.max(...severities)] ?? meta.severity,
    risk: risks.length > 0 ? Math.max(...risks) : meta.risk,
  }
}

function riskOf(text: string): number | undefined {
  const value = text.trim() === '' ? Number.NaN : Number(text)
  return value >= 0 && value <= 100 ? value : undefined
}
