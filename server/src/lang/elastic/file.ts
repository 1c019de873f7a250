import { parse as parseToml, TomlError } from 'smol-toml'
import { z } from 'zod'
import { fail, ok, type Result } from '../../base/result.ts'
import { lineOfPath } from './places.ts'

const texts = z.array(z.string()).default([])
const oneOrMore = z.union([z.string().transform((one) => [one]), z.array(z.string())]).default([])

/** An entry of an exception list (Kibana, “exception list item”). */
const entrySchema: z.ZodType<ExceptionEntry> = z.lazy(() =>
  z.looseObject({
    field: z.string(),
    type: z.string(),
    operator: z.enum(['included', 'excluded']).default('included'),
    value: z.union([z.string(), z.array(z.string())]).optional(),
    entries: z.array(entrySchema).min(1).optional(),
  }),
)

export interface ExceptionEntry {
  readonly field: string
  readonly type: string
  readonly operator: 'included' | 'excluded'
  readonly value?: string | readonly string[] | undefined
  readonly entries?: readonly ExceptionEntry[] | undefined
}

export const itemSchema = z.looseObject({
  name: z.string().default(''),
  /** An item without entries would take out everything. */
  entries: z.array(entrySchema).min(1),
  expire_time: z.union([z.string(), z.date().transform((date) => date.toISOString())]).optional(),
})

const threatSchema = z.looseObject({
  tactic: z.looseObject({ id: z.string().optional(), name: z.string() }).optional(),
  technique: z
    .array(
      z.looseObject({
        id: z.string(),
        subtechnique: z.array(z.looseObject({ id: z.string() })).default([]),
      }),
    )
    .default([]),
})

const LEVELS = ['low', 'medium', 'high', 'critical'] as const

const ruleSchema = z.looseObject({
  rule_id: z.string().min(1).max(200),
  name: z.string().min(1).max(500),
  type: z.string(),
  language: z.string().optional(),
  query: z.string().optional(),
  description: z.string().optional(),
  author: oneOrMore,
  severity: z.enum(LEVELS).default('medium'),
  risk_score: z.number().min(0).max(100).optional(),
  severity_mapping: z
    .array(z.looseObject({ field: z.string(), value: z.string(), severity: z.enum(LEVELS) }))
    .default([]),
  risk_score_mapping: z
    .array(
      z.looseObject({
        field: z.string(),
        value: z.string().default(''),
        risk_score: z.number().min(0).max(100).optional(),
      }),
    )
    .default([]),
  rule_name_override: z.string().min(1).optional(),
  investigation_fields: z.looseObject({ field_names: texts }).optional(),
  enabled: z.boolean().default(true),
  saved_id: z.string().optional(),
  version: z.union([z.number(), z.string()]).optional(),
  from: z.string().default('now-6m'),
  interval: z.string().default('5m'),
  tags: texts,
  references: texts,
  false_positives: texts,
  note: z.string().optional(),
  building_block_type: z.string().optional(),
  event_category_override: z.string().optional(),
  threat: z.array(threatSchema).default([]),
  filters: z.array(z.looseObject({})).default([]),
  exceptions_list: z
    .array(z.looseObject({ items: z.array(itemSchema).optional(), list_id: z.string().optional() }))
    .default([]),
  alert_suppression: z
    .looseObject({
      group_by: texts,
      duration: z.looseObject({ value: z.int().min(1), unit: z.enum(['s', 'm', 'h']) }).optional(),
    })
    .optional(),
  threshold: z
    .looseObject({
      field: oneOrMore,
      value: z.number().min(1),
      cardinality: z
        .union([
          z.array(z.looseObject({ field: z.string(), value: z.number() })),
          z.looseObject({ field: z.string(), value: z.number() }).transform((one) => [one]),
        ])
        .default([]),
    })
    .optional(),
  new_terms: z
    .looseObject({
      value: z.array(z.string().min(1)).min(1).max(3),
      history_window_start: z.array(z.looseObject({ value: z.string() })).min(1),
    })
    .optional(),
  /** The same as Kibana’s API writes it. */
  new_terms_fields: z.array(z.string().min(1)).min(1).max(3).optional(),
  history_window_start: z.string().optional(),
})

const fileSchema = z.looseObject({
  metadata: z
    .looseObject({ maturity: z.string().optional(), rule_ids: texts })
    .default({ rule_ids: [] }),
  rule: ruleSchema.optional(),
  exceptions: z.array(z.looseObject({ items: z.array(itemSchema).default([]) })).default([]),
  /** Ours: the cases of a rule. */
  tests: z.unknown().optional(),
})

export type ElasticRuleText = z.infer<typeof ruleSchema>
export type ElasticFile = z.infer<typeof fileSchema>
export type ExceptionItem = z.infer<typeof itemSchema>

const BYTES_MAX = 2 * 1024 * 1024

/** Reads a TOML file of Elastic's rule repository. Problems: RULE_SYNTAX, RULE_INVALID, RULE_LIMIT. */
export function readElasticFile(text: string, path: string): Result<ElasticFile> {
  if (text.length > BYTES_MAX) {
    const message = `The file has ${text.length} characters; at most ${BYTES_MAX} are read.`
    return fail({ code: 'RULE_LIMIT', message, at: { file: path } })
  }
  let document: unknown
  try {
    document = parseToml(text)
  } catch (error) {
    if (!(error instanceof TomlError)) throw error
    const message = `The file is not well-formed TOML: ${error.message.split('\n')[0] ?? ''}`
    const at = { file: path, line: error.line, column: error.column }
    return fail({ code: 'RULE_SYNTAX', message, at })
  }
  const parsed = fileSchema.safeParse(document)
  if (parsed.success) return ok(parsed.data)
  const [issue] = parsed.error.issues
  const field = issue?.path.join('.') ?? ''
  const line = lineOfPath(text, issue?.path ?? [])
  return fail({
    code: 'RULE_INVALID',
    message: messageOf(issue),
    at: { file: path, field, ...(line === undefined ? {} : { line }) },
  })
}

function messageOf(issue: z.core.$ZodIssue | undefined): string {
  if (issue === undefined) return 'The rule is not of the form that Elastic publishes.'
  const isMissing = issue.code === 'invalid_type' && issue.message.endsWith('received undefined')
  return isMissing ? `“${issue.path.map(String).join('.')}” is missing.` : issue.message
}
