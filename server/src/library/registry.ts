import { elasticFormat } from './elastic-format.ts'
import type { RuleFormat } from './format.ts'
import { eqlFormat, kqlFormat } from './query-format.ts'
import { sigmaFormat } from './sigma-format.ts'

/** Every language that rule files are read in, told apart by the ends of their names. */
export const ruleFormats: readonly RuleFormat[] = [sigmaFormat, eqlFormat, kqlFormat, elasticFormat]
