import { z } from 'zod'
import { ROLES, type Visibility } from '../model/access.ts'
import { type AlertRecord, SEVERITIES } from '../model/alert.ts'
import type { Grant } from '../state/users.ts'

/** Parts of the schemas of several routes. Limits are part of them. */
export const idSchema = z.string().min(1).max(200)
export const cursorSchema = z.string().min(1).max(64).describe('Where the page before this ended.')
export const limitSchema = z.coerce.number().int().min(1).max(500).default(50)
export const timeSchema = z.iso
  .datetime({ offset: true })
  .describe('ISO 8601 with zone, such as 2026-03-01T10:00:00Z.')
export const flagSchema = z.enum(['true', 'false']).transform((text) => text === 'true')
/** One JSON object a line. */
export const NDJSON = 'application/x-ndjson'
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
    life: z.string().optional(),
    tags: texts.optional(),
    references: texts.optional(),
    falsepositives: texts.optional(),
    risk: z.number().optional(),
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
  merged: z.string().optional(),
  late: z.int().optional(),
  overflow: z.boolean().optional(),
  open: z.boolean(),
})
export type AlertView = z.infer<typeof alertSchema>

/** Does not compile where AlertRecord has a field that the schema does not know. */
type Unshown = Exclude<keyof AlertRecord, keyof AlertView | 'scope'>
type UnshownOfRule = Exclude<keyof AlertRecord['rule'], keyof AlertView['rule']>
export const EVERY_FIELD_SHOWN: [Unshown, UnshownOfRule] extends [never, never] ? true : false =
  true

export const countsSchema = z.strictObject({
  informational: z.int(),
  low: z.int(),
  medium: z.int(),
  high: z.int(),
  critical: z.int(),
})

const names = z.array(z.string().min(1).max(200)).max(1_000)

/** What somebody may do and see. */
export const grantSchema = z.strictObject({
  roles: z.array(z.enum(ROLES)).min(1).max(ROLES.length),
  visibility: z
    .strictObject({
      sites: names.optional(),
      deviceTypes: names.optional(),
      datasets: names.optional(),
    })
    .optional()
    .describe('What part of the fleet is seen; all of it where absent.'),
  masks: names.optional().describe('Fields whose values are hidden, such as user.name.'),
})
export type GrantView = z.infer<typeof grantSchema>

export function grantOf(view: GrantView): Grant {
  const { roles, visibility, masks } = view
  return {
    roles: [...new Set(roles)],
    ...(visibility && { visibility: visibilityOf(visibility) }),
    ...(masks && { masks }),
  }
}

export function grantView({ roles, visibility, masks }: Grant): GrantView {
  return {
    roles: [...roles],
    ...(visibility && {
      visibility: {
        ...(visibility.sites && { sites: [...visibility.sites] }),
        ...(visibility.deviceTypes && { deviceTypes: [...visibility.deviceTypes] }),
        ...(visibility.datasets && { datasets: [...visibility.datasets] }),
      },
    }),
    ...(masks && { masks: [...masks] }),
  }
}

function visibilityOf(view: NonNullable<GrantView['visibility']>): Visibility {
  const { sites, deviceTypes, datasets } = view
  return {
    ...(sites && { sites }),
    ...(deviceTypes && { deviceTypes }),
    ...(datasets && { datasets }),
  }
}
