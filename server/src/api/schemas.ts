import { z } from 'zod'
import { SEVERITIES } from '../model/alert.ts'

/** Parts of the schemas of several routes. Limits are part of them. */
export const idSchema = z.string().min(1).max(200)
export const cursorSchema = z.string().min(1).max(64).describe('Where the page before this ended.')
export const limitSchema = z.coerce.number().int().min(1).max(500).default(50)
export const timeSchema = z.iso
  .datetime({ offset: true })
  .describe('ISO 8601 with zone, such as 2026-03-01T10:00:00Z.')
export const flagSchema = z.enum(['true', 'false']).transform((text) => text === 'true')
export const severitySchema = z.enum(SEVERITIES)

const texts = z.array(z.string())
const byField = z.record(z.string(), z.string())

/** An alert as the API shows it: AlertRecord. Scope lists stay inside. */
export const alertSchema = z.strictObject({
  id: z.string(),
  revision: z.int(),
  rule: z.strictObject({
    id: z.string(),
    name: z.string(),
    kind: z.string(),
    version: z.string().optional(),
    hash: z.string().optional(),
    tags: texts.optional(),
    references: texts.optional(),
    falsepositives: texts.optional(),
    response: texts.optional(),
  }),
  severity: severitySchema,
  author: z.string(),
  group: byField,
  first: z.string(),
  last: z.string(),
  count: z.int(),
  events: texts,
  eventsTotal: z.int(),
  state: z.enum(['provisional', 'final', 'amended', 'retracted']),
  suppressed_by: z.string().nullable(),
  matched: z.record(z.string(), texts).optional(),
  continues: z.string().optional(),
  open: z.boolean(),
})
export type AlertView = z.infer<typeof alertSchema>

export const countsSchema = z.strictObject({
  informational: z.int(),
  low: z.int(),
  medium: z.int(),
  high: z.int(),
  critical: z.int(),
})
