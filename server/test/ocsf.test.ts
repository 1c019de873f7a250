/**
 * Every event that the decoders' golden files hold, as OCSF: valid by the published schema of 1.8.0,
 * and nothing lost on the way. The schema is not in the tree; .ci/run fetches it to .cache/ocsf.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { EVENT_ACTIONS, type EcsDoc } from '../src/model/event.ts'
import { BASE, CLASSES_OF } from '../src/ocsf/classes.ts'
import { OCSF_VERSION, toOcsf } from '../src/ocsf/project.ts'
import { faultsOf, type OcsfSchema } from './ocsf-schema.ts'

const CORPUS = join(import.meta.dirname, 'corpus')
const SCHEMA =
  process.env['PICKET_OCSF_SCHEMA'] ??
  join(import.meta.dirname, '..', '..', '.cache', 'ocsf', `${OCSF_VERSION}.json`)
const mustRun = process.env['REQUIRE_SERVICES'] === '1'

/** Documents anywhere in a golden file, whatever its shape. */
function documentsIn(value: unknown): EcsDoc[] {
  if (value === null || typeof value !== 'object') return []
  if (!Array.isArray(value) && '@timestamp' in value && 'event' in value) return [value as EcsDoc]
  return Object.values(value).flatMap(documentsIn)
}

const golden = readdirSync(CORPUS).flatMap((decoder) =>
  readdirSync(join(CORPUS, decoder))
    .filter((name) => name.endsWith('.out.json'))
    .map((name) => {
      const text = readFileSync(join(CORPUS, decoder, name), 'utf8')
      return { name: `${decoder}/${name}`, events: documentsIn(JSON.parse(text)) }
    })
    .filter(({ events }) => events.length > 0),
)

function leavesOf(value: unknown): string[] {
  if (value === null || typeof value !== 'object') return [String(value)]
  return Object.values(value).flatMap(leavesOf)
}

describe('every golden event as OCSF', () => {
  test('there are many, of most actions', () => {
    const actions = new Set(
      golden.flatMap(({ events }) =>
        events.map((doc) => (doc['event'] as { action?: string }).action ?? ''),
      ),
    )
    expect(golden.length).toBeGreaterThan(30)
    expect(actions.size).toBeGreaterThan(25)
  })

  test.each(golden)('$name keeps every value, mapped or unmapped', ({ events }) => {
    for (const doc of events) {
      const written = toOcsf(doc)
      const there = new Set(leavesOf(written).map((leaf) => leaf.toLowerCase()))
      const lost = leavesOf(doc).filter((leaf) => {
        const asTime = String(Date.parse(leaf))
        return !there.has(leaf.toLowerCase()) && !there.has(asTime)
      })
      expect(lost, JSON.stringify(written)).toEqual([])
    }
  })

  test.skipIf(!existsSync(SCHEMA) && !mustRun)(
    'is valid by the published schema (needs .cache/ocsf/1.8.0.json or PICKET_OCSF_SCHEMA)',
    () => {
      const schema = JSON.parse(readFileSync(SCHEMA, 'utf8')) as OcsfSchema
      expect(schema.version).toBe(OCSF_VERSION)
      const faults = golden.flatMap(({ name, events }) =>
        events.flatMap((doc) => faultsOf(schema, toOcsf(doc)).map((fault) => `${name}: ${fault}`)),
      )
      expect([...new Set(faults)]).toEqual([])
      // The validator itself sees what is wrong.
      const broken = { ...toOcsf(golden[0]!.events[0]!), severity_id: 77, nonsense: 1 }
      expect(faultsOf(schema, broken).length).toBe(2)
    },
  )

  test.skipIf(!existsSync(SCHEMA) && !mustRun)(
    'is valid whatever fields an event has or lacks (needs the published schema)',
    () => {
      const schema = JSON.parse(readFileSync(SCHEMA, 'utf8')) as OcsfSchema
      const all = golden.flatMap(({ events }) => events)
      const mixed = fc
        .tuple(
          fc.constantFrom(...all),
          fc.constantFrom(...all),
          fc.constantFrom(...Object.keys(EVENT_ACTIONS)),
          fc.func(fc.boolean()),
        )
        .map(([one, other, action, keep]) => {
          const fields = Object.entries({ ...one, ...other }).filter(([name]) => keep(name))
          const doc: EcsDoc = { ...Object.fromEntries(fields), '@timestamp': one['@timestamp'] }
          return { ...doc, event: { ...(one['event'] as object), action } }
        })
      fc.assert(
        fc.property(mixed, (doc) => {
          expect(faultsOf(schema, toOcsf(doc))).toEqual([])
        }),
        { numRuns: 2_000 },
      )
    },
  )
})

test('the class names and ids are those of the schema, each action has its classes', () => {
  for (const [action, classes] of Object.entries(CLASSES_OF)) {
    expect(action in EVENT_ACTIONS).toBe(true)
    for (const { uid, category } of classes) expect(Math.floor(uid / 1_000)).toBe(category)
  }
})

test('docs/reference/ocsf.md lists the classes of every action (update with: vitest -u)', async () => {
  const rows = Object.entries(CLASSES_OF).map(([action, classes]) => {
    const names = [...classes, BASE].map(({ uid, name }) => `${name} (${uid})`)
    return `| \`${action}\` | ${names.join(', ')} |`
  })
  const text = `# OCSF

\`picket normalize --format ocsf\` writes each event as the class of the [Open Cybersecurity Schema
Framework](https://schema.ocsf.io/${OCSF_VERSION}/) ${OCSF_VERSION} that fits it: of the classes below the first whose required
attributes the event can fill. What has no attribute there stands in \`unmapped\` under its ECS name, the
input in \`raw_data\`, so that nothing is lost. The profiles \`host\` (device, actor) and \`cloud\` are
named in \`metadata.profiles\` where they are used; a device with an id of ours has the type IOT (7).

| event.action | classes, the best first |
| --- | --- |
${rows.join('\n')}

## Alerts

Alerts are Detection Findings (2004): \`picket alert list|show --format ocsf\`, \`picket detect --format ocsf\`,
\`GET /api/v1/alerts/export?format=ocsf\`, and the output \`json_lines\` with \`format: ocsf\`. Each revision is an event of
its own (\`metadata.uid\`) about one finding (\`finding_info.uid\`, \`metadata.correlation_uid\`).

| attribute | of the alert |
| --- | --- |
| \`activity_id\` | 1 Create: its first revision, open. 2 Update: a later one. 3 Close: it collects no more hits. |
| \`status_id\` | 1 New; 3 Suppressed: a planned change explains it; 99 Retracted. \`status_detail\` is its state. |
| \`time\`, \`start_time\`, \`end_time\`, \`duration\`, \`count\` | last, first and last event, milliseconds between, hits |
| \`is_alert\` | false for rules that run in the shadow |
| \`finding_info\` | id, the rule as \`analytic\`, its techniques and tactics as \`attacks\`, the ids of its events |
| \`observables\`, \`device\` | addresses, names, hashes, devices of its group and of what matched |
| \`evidences[0].data\` | group and matched values, whole |
| \`remediation\` | what the rule says to do next, and its references |
| \`unmapped\` | all else, under our own names |
`
  await expect(text).toMatchFileSnapshot(join(import.meta.dirname, '../../docs/reference/ocsf.md'))
})
