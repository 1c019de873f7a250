/** What a set of rules covers of MITRE ATT&CK, by the tags of its rules. */
export interface Coverage {
  readonly enterprise: readonly string[]
  readonly ics: readonly string[]
  readonly tactics: readonly string[]
}

const TECHNIQUE = /^attack\.(t\d{4}(?:\.\d{3})?)$/i
const TACTIC = /^attack\.([a-z][a-z_-]+)$/i

/** Techniques of ATT&CK for ICS are numbered T0800 and on, those of Enterprise from T1001. */
export function coverageOf(rules: readonly { readonly tags: readonly string[] }[]): Coverage {
  const enterprise = new Set<string>()
  const ics = new Set<string>()
  const tactics = new Set<string>()
  for (const tag of rules.flatMap((rule) => rule.tags)) {
    const technique = TECHNIQUE.exec(tag)?.[1]?.toUpperCase()
    if (technique !== undefined) (technique.startsWith('T0') ? ics : enterprise).add(technique)
    else {
      const tactic = TACTIC.exec(tag)?.[1]?.toLowerCase().replaceAll('_', '-')
      if (tactic !== undefined) tactics.add(tactic)
    }
  }
  const sorted = (set: Set<string>): string[] => [...set].sort()
  return { enterprise: sorted(enterprise), ics: sorted(ics), tactics: sorted(tactics) }
}
