import { z } from 'zod'
import { ProblemError } from '../../base/problems.ts'
import {
  type ConfigDesk,
  RULE_LIVES,
  type RuleDesk,
  type RuleLine,
  type RulesInForce,
} from '../../model/desks.ts'
import { type Route, route } from '../route.ts'
import { idSchema, severitySchema } from '../schemas.ts'

const READERS = ['admin', 'analyst', 'responder', 'auditor'] as const
const UPLOAD_BYTES_MAX = 16 * 1024 * 1024
const FILES_MAX = 2_000

const ruleSchema = z.strictObject({
  id: z.string(),
  title: z.string(),
  kind: z.string(),
  language: z.string(),
  severity: severitySchema,
  author: z.string(),
  path: z.string(),
  life: z.enum(['draft', ...RULE_LIVES]),
  isSet: z.boolean().describe('Set here, and not by the file.'),
  ok: z.boolean(),
  problems: z.array(z.string()),
  version: z.string().nullable(),
  hash: z.string().describe('Of its normalised text; stands on its alerts.'),
  totals: z
    .strictObject({
      matches: z.int().describe('Events that it matched; of a correlation none of its own.'),
      hits: z.int().describe('Hits of a correlation.'),
      lost: z.int().describe('Keys and entries given up for want of room.'),
      seconds: z.number().describe('Time that it took for itself, estimated.'),
    })
    .describe("Since the server's start, replays included."),
})
const inForceSchema = z.strictObject({
  hash: z.string(),
  count: z.int(),
  broken: z.int().describe('Rules, filters, lists and macros that do not compile.'),
  problems: z.array(z.string()).describe('What is wrong with them; the first twenty.'),
  changed: z.boolean(),
})
const folderSchema = z.string().regex(/^[a-z0-9][a-z0-9_-]{0,62}$/)
/** No step of the way leaves the folder or hides. */
const pathSchema = z
  .string()
  .max(512)
  .regex(/^[A-Za-z0-9_-][A-Za-z0-9_.-]*(\/[A-Za-z0-9_-][A-Za-z0-9_.-]*){0,8}$/)

export function ruleRoutes(deps: {
  readonly rules: RuleDesk | undefined
  readonly configDesk: ConfigDesk | undefined
}): readonly Route[] {
  return [
    route({
      method: 'GET',
      path: '/api/v1/rules',
      operation: 'listRules',
      summary: 'Every rule, running or not, and why not.',
      roles: READERS,
      access: 'rule-list',
      response: z.strictObject({ rules: z.array(ruleSchema) }),
      handle: async () => {
        const rules = deskOf(deps.rules).list().map(view)
        return { body: { rules }, rows: rules.length }
      },
    }),
    route({
      method: 'PUT',
      path: '/api/v1/rules/:id/life',
      operation: 'setRuleLife',
      summary: 'Live, in shadow (kept, not told), disabled, or as its file says.',
      roles: ['admin', 'responder'],
      access: 'rule-change',
      params: z.strictObject({ id: idSchema }),
      body: z.strictObject({ life: z.enum([...RULE_LIVES, 'as-written']) }),
      response: ruleSchema,
      handle: async ({ params, body, principal }) => {
        const life = body.life === 'as-written' ? undefined : body.life
        const line = await deskOf(deps.rules).setLife(params.id, life, principal.id)
        return { body: view(line), record: { life: body.life } }
      },
    }),
    route({
      method: 'POST',
      path: '/api/v1/rules/reload',
      operation: 'reloadRules',
      summary: 'Reads the rule files anew; changes nothing where a running rule broke.',
      roles: ['admin'],
      access: 'rule-reload',
      response: inForceSchema,
      handle: async () => {
        const body = viewOfForce(await deskOf(deps.rules).reload())
        return { body, record: { hash: body.hash } }
      },
    }),
    route({
      method: 'PUT',
      path: '/api/v1/rule-folders/:folder',
      operation: 'uploadRules',
      summary: 'Replaces a folder of own rules; all of it must compile, or nothing is changed.',
      roles: ['admin'],
      access: 'rule-upload',
      bodyBytesMax: UPLOAD_BYTES_MAX,
      params: z.strictObject({ folder: folderSchema }),
      body: z.strictObject({
        files: z
          .array(z.strictObject({ path: pathSchema, text: z.string() }))
          .min(1)
          .max(FILES_MAX)
          .refine((files) => new Set(files.map(({ path }) => path)).size === files.length, {
            message: 'a path stands twice',
          }),
      }),
      response: inForceSchema,
      handle: async ({ params, body: { files } }) => {
        const body = viewOfForce(await deskOf(deps.rules).upload(params.folder, files))
        return { body, record: { files: files.length, hash: body.hash } }
      },
    }),
    route({
      method: 'DELETE',
      path: '/api/v1/rule-folders/:folder',
      operation: 'removeRules',
      summary: 'Takes an uploaded folder of rules away.',
      roles: ['admin'],
      access: 'rule-upload',
      params: z.strictObject({ folder: folderSchema }),
      response: inForceSchema,
      handle: async ({ params }) => {
        const body = viewOfForce(await deskOf(deps.rules).removeFolder(params.folder))
        return { body, record: { hash: body.hash } }
      },
    }),
    route({
      method: 'POST',
      path: '/api/v1/config/reload',
      operation: 'reloadConfig',
      summary: 'Reads the configuration file anew; a bad one changes nothing.',
      roles: ['admin'],
      access: 'config-reload',
      response: z.strictObject({
        applied: z.array(z.string()),
        needsRestart: z.array(z.string()),
      }),
      handle: async () => {
        const { applied, needsRestart } = await deskOf(deps.configDesk).reload()
        const body = { applied: [...applied], needsRestart: [...needsRestart] }
        return { body, record: body }
      },
    }),
  ]
}

function view(line: RuleLine): z.infer<typeof ruleSchema> {
  return { ...line, problems: [...line.problems] }
}

function viewOfForce(now: RulesInForce): z.infer<typeof inForceSchema> {
  return { ...now, problems: [...now.problems] }
}

function deskOf<T>(desk: T | undefined): T {
  if (desk !== undefined) return desk
  throw new ProblemError({ code: 'API_UNAVAILABLE', message: 'This server does not do that.' })
}
