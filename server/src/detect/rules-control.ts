import { deflateSync, inflateSync } from 'node:zlib'
import type { ControlRecord } from '../model/journal.ts'
import type { RuleSet } from '../model/rule.ts'

/** Type of the control record that puts a rule set in force from there on. */
export const RULES_CONTROL = 'rules'

/** Thousands of rules are megabytes as they are, and a tenth of that deflated. */
export interface PackedRules {
  readonly hash: string
  readonly deflated: string
}

export function packRules(ruleSet: RuleSet): PackedRules {
  const deflated = deflateSync(JSON.stringify(ruleSet)).toString('base64')
  return { hash: ruleSet.hash, deflated }
}

/** Takes packed rules and plain ones. */
export function unpackRules(body: unknown): RuleSet {
  const packed = body as PackedRules | RuleSet
  if (!('deflated' in packed)) return packed
  return JSON.parse(inflateSync(Buffer.from(packed.deflated, 'base64')).toString()) as RuleSet
}

/** What to journal so that detection goes on with these rules. */
export function rulesControl(rules: RuleSet | PackedRules, atMs: number): ControlRecord {
  return { type: RULES_CONTROL, atMs, body: 'deflated' in rules ? rules : packRules(rules) }
}
