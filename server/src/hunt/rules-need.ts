import type { Condition, Expr, ValueTest } from '../model/condition.ts'
import type { Correlation } from '../model/correlation.ts'
import type { RuleSet } from '../model/rule.ts'

/** What of an event a set of rules looks at: finding something tells of it. */
export interface RulesNeed {
  readonly fields: readonly string[]
  /** Some rule looks at fields that it does not name. */
  readonly whole: boolean
}

export function rulesNeed(...ruleSets: readonly RuleSet[]): RulesNeed {
  const need = { fields: new Set<string>(), whole: false }
  for (const { matches, correlations } of ruleSets) {
    for (const { condition, groupBy, fields, alternatives = {} } of matches) {
      ofCondition(condition, '', need)
      const others = Object.values(alternatives).flat()
      for (const field of [...groupBy, ...fields, ...others]) need.fields.add(field)
    }
    for (const { correlation } of correlations) ofCorrelation(correlation, need)
  }
  return { fields: [...need.fields], whole: need.whole }
}

interface Need {
  readonly fields: Set<string>
  whole: boolean
}

function ofCondition(condition: Condition, within: string, need: Need): void {
  switch (condition.kind) {
    case 'always':
    case 'never':
      return
    case 'field':
      need.fields.add(within + condition.path)
      return ofTest(condition.test, within, need)
    case 'anywhere':
    case 'fields':
      need.whole = true
      return
    case 'nested':
      need.fields.add(within + condition.path)
      return ofCondition(condition.part, `${within}${condition.path}.`, need)
    case 'expr':
      return ofExpr(condition.expr, within, need)
    case 'and':
    case 'or':
      for (const part of condition.parts) ofCondition(part, within, need)
      return
    case 'not':
      return ofCondition(condition.part, within, need)
  }
}

function ofTest(test: ValueTest, within: string, need: Need): void {
  if (test.kind === 'fieldref') need.fields.add(within + test.path)
}

function ofExpr(expr: Expr, within: string, need: Need): void {
  switch (expr.kind) {
    case 'literal':
      return
    case 'path':
      need.fields.add(within + expr.path)
      return
    case 'call':
      for (const part of expr.args) ofExpr(part, within, need)
      return
    case 'condition':
      return ofCondition(expr.condition, within, need)
    case 'test':
      ofTest(expr.test, within, need)
      return ofExpr(expr.arg, within, need)
  }
}

function ofCorrelation(correlation: Correlation, need: Need): void {
  for (const { path, paths = {} } of correlation.groupBy) {
    for (const one of [path, ...Object.values(paths)]) need.fields.add(one)
  }
  for (const field of Object.values(correlation.alternatives ?? {}).flat()) need.fields.add(field)
  if ('fields' in correlation) {
    const elsewhere = Object.values(correlation.inputFields ?? {}).flat()
    for (const field of [...correlation.fields, ...elsewhere]) need.fields.add(field)
  }
  if ('cardinality' in correlation) {
    for (const { field } of correlation.cardinality ?? []) need.fields.add(field)
  }
  if (!('stages' in correlation)) return
  const until = correlation.type === 'sequence' ? correlation.until : undefined
  for (const stage of [...correlation.stages, ...(until === undefined ? [] : [until])]) {
    for (const { path } of stage.by) need.fields.add(path)
  }
}
