import { expect, test } from 'vitest'
import type { StoredEvent } from '../store/search/stream.ts'
import type { HuntNews } from './desk.ts'
import type { EventSource } from './hunt.ts'
import { compileJob, type HuntJob } from './job.ts'
import { doJob, type JobPorts } from './run-job.ts'

const DAY_MS = 86_400_000
const NOON = Date.UTC(2026, 10, 1, 12)

const EVENTS: readonly StoredEvent[] = Array.from({ length: 40 }, (_, at) => ({
  ...{ id: `e${at}`, time: NOON + Math.floor(at / 8) * DAY_MS + (at % 8) * 60_000 },
  ingestedMs: NOON,
  position: { partition: 0, offset: at, index: 0 },
  doc: {
    event: { action: 'odd' },
    device: { id: `d${at % 3}` },
    source: { ip: `10.0.0.${at % 2}` },
  },
}))

const events: EventSource = async function* ({ fromMs, toMs }) {
  for (const event of EVENTS) if (event.time >= fromMs && event.time < toMs) yield [event]
}
const ports = { events, rollups: async function* () {}, keepEveryMs: 0 }

const RULES = { pipeline: 'none', ignoreLogsource: true, adHoc: false } as const
const ruleText = (group: string, many: number): string => `title: Odd
name: odd
id: 11111111-1111-4111-8111-111111111111
logsource: { category: x }
detection: { it: { event.action: odd }, condition: it }
---
title: Many
id: many
correlation:
  type: event_count
  rules: [odd]
  group-by: [${group}]
  timespan: 2d
  condition: { gte: ${many} }
`
const JOB: HuntJob = {
  rules: { ...RULES, files: [{ path: 'a.yml', text: ruleText('device.id', 4) }] },
  against: { ...RULES, files: [{ path: 'b.yml', text: ruleText('device.id', 6) }] },
  ...{ fromMs: NOON - DAY_MS, toMs: NOON + 7 * DAY_MS, nowMs: NOON + 9 * DAY_MS },
  ...{ alertsMax: 1_000, keepBytesMax: Number.POSITIVE_INFINITY },
}

async function newsOf(job: HuntJob, more: Partial<JobPorts> = {}): Promise<readonly HuntNews[]> {
  const compiled = compileJob(job)
  if (!compiled.ok) throw new Error(compiled.problem.message)
  const news: HuntNews[] = []
  const tell = async (one: HuntNews): Promise<void> => void news.push(one)
  await doJob(job, compiled.value, { ...ports, tell, ...more })
  return news
}

const checkpointsOf = (news: readonly HuntNews[]): readonly Uint8Array[] =>
  news.flatMap((one) => (one.kind === 'checkpoint' ? [one.checkpoint] : []))
const resultOf = (news: readonly HuntNews[]): readonly HuntNews[] =>
  news.filter(({ kind }) => kind === 'changes' || kind === 'done')

test('a comparison goes on from each of its checkpoints to the same result', async () => {
  const whole = await newsOf(JOB)
  const checkpoints = checkpointsOf(whole)
  // Before each of the five days, twice, and between the two.
  expect(checkpoints).toHaveLength(11)
  const done = whole.at(-1)
  expect(done).toMatchObject({ kind: 'done', changes: { added: expect.any(Number) } })
  expect(resultOf(whole).length).toBeGreaterThan(1)
  for (const [at, resume] of checkpoints.entries()) {
    const rest = await newsOf({ ...JOB, resume, nowMs: JOB.nowMs + DAY_MS })
    expect(resultOf(rest)).toEqual(resultOf(whole))
    expect(checkpointsOf(rest)).toHaveLength(10 - at)
  }
})

test('what was found before counts towards the limit, and what is too large is not kept', async () => {
  const whole = await newsOf(JOB)
  const changes = whole.flatMap((one) => (one.kind === 'changes' ? one.changes : []))
  // What is the same was found by both.
  const found = changes.length + changes.filter(({ change }) => change === 'same').length
  const resume = checkpointsOf(whole).at(-1)!
  await newsOf({ ...JOB, resume, alertsMax: found })
  await expect(newsOf({ ...JOB, resume, alertsMax: found - 1 })).rejects.toMatchObject({
    problem: { code: 'HUNT_LIMIT' },
  })
  expect(checkpointsOf(await newsOf({ ...JOB, keepBytesMax: 100 }))).toEqual([])
  const damaged = newsOf({ ...JOB, resume: new Uint8Array([1, 2, 3]) })
  await expect(damaged).rejects.toMatchObject({ problem: { code: 'HUNT_RESUME' } })
})
