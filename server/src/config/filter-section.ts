import { z } from 'zod'
import { FILTER_DEFAULTS, type FilterSettings } from '../ingest/filter/filter.ts'
import { compilePolicy, ENTRIES_MAX } from '../ingest/filter/policy.ts'
import { FILTER_KEEPS } from '../model/filter.ts'
import { durationOption } from '../model/options.ts'

const DAY_MS = 86_400_000
const entryName = z
  .string()
  .regex(/^[a-z0-9][a-z0-9_-]{0,62}$/, 'a name is of a-z, 0-9, - and _, at most 63 long')
const keep = z.enum(FILTER_KEEPS)

const entry = z.strictObject({
  name: entryName.describe('Name of the entry; counted and told under it.'),
  when: z.string().min(1).max(10_000).describe('Which events, in KQL; `*` for all.'),
  keep: keep.describe(
    '`security`: keep the event. `routine`: fold it into a rollup. `both`: do both.',
  ),
  reason: z.string().min(1).max(1_000).describe('Why, in a sentence.'),
})

const policyTest = z.strictObject({
  name: z.string().min(1).max(200).describe('What the case is about.'),
  event: z.record(z.string(), z.unknown()).describe('The event, as fields of ECS.'),
  keep: keep.describe('What must be done with it.'),
  entry: entryName.optional().describe('Which entry must decide.'),
})

/** The security filter: what is kept as an event, and what is folded into rollups. */
export const filterSection = z
  .strictObject({
    policy: z
      .array(z.union([z.literal('builtin'), entry], { error: 'an entry, or the word builtin' }))
      .min(1)
      .max(ENTRIES_MAX)
      .default(['builtin'])
      .describe(
        'Entries, tried in order; the first whose condition holds decides. The word `builtin` stands ' +
          'for the entries that come with Picket, the last of which keeps everything.',
      ),
    tests: z
      .array(policyTest)
      .max(1_000)
      .default([])
      .describe('Cases that `picket filter test` holds the policy against.'),
    interval: durationOption({ minMs: 1_000, maxMs: DAY_MS })
      .prefault('5m')
      .describe('Length of the intervals, of event time, that rollups are made for.'),
    keys_max: z
      .int()
      .min(1)
      .max(1_000_000)
      .default(FILTER_DEFAULTS.keysMax)
      .describe(
        'Most devices and kinds of message that one batch of input is folded for; the others of the ' +
          'batch are folded together and counted.',
      ),
    topics_max: z
      .int()
      .min(0)
      .max(100)
      .default(FILTER_DEFAULTS.topicsMax)
      .describe('Most topics that a rollup names; how many there were is counted.'),
  })
  .superRefine(({ policy }, context) => {
    const compiled = compilePolicy(policy)
    if (compiled.ok) return
    for (const { message, at, hint, index, field } of compiled.problem) {
      const column = at?.column === undefined ? '' : ` at character ${at.column} of the condition`
      const more = hint === undefined ? '' : ` (${hint})`
      const path = ['policy', index, field]
      context.addIssue({ code: 'custom', message: `${message}${column}${more}`, path })
    }
  })

/** What the section says, compiled. It was checked, so it compiles. */
export function filterSettings(section: z.output<typeof filterSection>): FilterSettings {
  const compiled = compilePolicy(section.policy)
  if (!compiled.ok) throw new Error(compiled.problem[0]?.message ?? 'a policy that was checked')
  return {
    policy: compiled.value,
    intervalMs: section.interval,
    keysMax: section.keys_max,
    topicsMax: section.topics_max,
  }
}
