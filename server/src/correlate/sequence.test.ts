import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { SequenceCorrelation, SequenceStage } from '../model/correlation.ts'
import {
  CORRELATOR_LIMITS,
  type Correlator,
  type EventRef,
  type Hit,
  type HitSink,
} from './correlator.ts'
import { createSequence } from './sequence.ts'

const LATENESS = 50

interface Seen {
  readonly id: string
  readonly time: number
  readonly order: number
  readonly key: string
  /** Inputs that the event matches. */
  readonly inputs: readonly string[]
}

function stage(input: string, more: Partial<SequenceStage> = {}): SequenceStage {
  return { input, by: [], runs: 1, missing: false, ...more }
}

function sequence(
  stages: readonly SequenceStage[],
  more: { until?: SequenceStage; maxspanMs?: number } = {},
): SequenceCorrelation {
  return { type: 'sequence', inputs: [], groupBy: [], stages, ...more }
}

// ── the definition, stage by stage over the whole sorted log, as a search would do it ──

interface Partial2 {
  readonly events: readonly Seen[]
}

function before(a: Seen, b: Seen): boolean {
  return a.time < b.time || (a.time === b.time && a.order < b.order)
}

function searched(rule: SequenceCorrelation, log: readonly Seen[]): string[] {
  const found: { last: Seen; text: string }[] = []
  for (const key of new Set(log.map((one) => one.key))) {
    const events = log.filter((one) => one.key === key).sort((a, b) => (before(a, b) ? -1 : 1))
    for (const { events: match } of searchedKey(rule, events)) {
      found.push({ last: match.at(-1)!, text: `${key}:${match.map((one) => one.id).join('-')}` })
    }
  }
  return found.map(({ text }) => text).sort()
}

function searchedKey(rule: SequenceCorrelation, events: readonly Seen[]): Partial2[] {
  const positives = rule.stages
    .filter((one) => !one.missing)
    .flatMap((one) => Array.from({ length: one.runs }, () => one.input))
  const span = rule.maxspanMs ?? Number.POSITIVE_INFINITY
  const hitsOf = (input: string) => events.filter((one) => one.inputs.includes(input))
  const untils = rule.until === undefined ? [] : hitsOf(rule.until.input)
  let partials: Partial2[] = hitsOf(positives[0]!).map((one) => ({ events: [one] }))
  for (const input of positives.slice(1)) {
    const next: Partial2[] = []
    for (const hit of hitsOf(input)) {
      const earlier = partials.filter((one) => before(one.events.at(-1)!, hit))
      const latest = earlier.at(-1)
      if (latest === undefined) continue
      partials = partials.filter((one) => !earlier.includes(one))
      if (hit.time - latest.events[0]!.time > span) continue
      const previous = latest.events.at(-1)!
      if (untils.some((one) => !before(one, previous) && before(one, hit))) continue
      next.push({ events: [...latest.events, hit] })
    }
    partials = next
  }
  return partials.filter((one) => nothingForbidden(rule, events, one.events, span))
}

function nothingForbidden(
  rule: SequenceCorrelation,
  events: readonly Seen[],
  match: readonly Seen[],
  span: number,
): boolean {
  const first = match[0]!
  const last = match.at(-1)!
  const lead: number[] = []
  const trail: number[] = []
  let step = 0
  let leads = false
  let trails = false
  const total = match.length
  for (const one of rule.stages) {
    if (!one.missing) {
      step += one.runs
      continue
    }
    const times = events.filter((e) => e.inputs.includes(one.input)).map((e) => e.time)
    if (step === 0) {
      leads = true
      lead.push(...times.filter((time) => time < first.time))
    } else if (step === total) {
      trails = true
      trail.push(...times.filter((time) => time > last.time))
    } else {
      const [from, to] = [match[step - 1]!.time, match[step]!.time]
      if (times.some((time) => time > from && time < to)) return false
    }
  }
  if (leads && trails) {
    if (lead.length === 0 || trail.length === 0) return true
    return Math.min(...trail) - Math.max(...lead) > span
  }
  if (leads) return lead.every((time) => last.time - time > span)
  if (trails) return trail.every((time) => time - first.time > span)
  return true
}

// ── the correlator, live ──

interface Run {
  readonly finals: readonly string[]
  readonly standing: readonly string[]
  readonly hits: readonly Hit[]
}

function text(hit: Hit): string {
  return `${hit.key}:${(hit.all ?? hit.events).map(({ id }) => id).join('-')}`
}

function live(
  rule: SequenceCorrelation,
  arrivals: readonly Seen[],
  restarts: readonly number[] = [],
): Run {
  const finals: string[] = []
  const hits: Hit[] = []
  const standing = new Map<string, string>()
  const sink: HitSink = {
    hit(hit, certainty) {
      if (certainty === 'final') {
        finals.push(text(hit))
        hits.push(hit)
      } else {
        expect(standing.has(`${hit.key}/${hit.name}`)).toBe(false)
        standing.set(`${hit.key}/${hit.name}`, text(hit))
      }
    },
    final(hit) {
      expect(standing.delete(`${hit.key}/${hit.name}`)).toBe(true)
      finals.push(text(hit))
      hits.push(hit)
    },
    retract: (hit) => expect(standing.delete(`${hit.key}/${hit.name}`)).toBe(true),
  }
  let correlator: Correlator = createSequence(rule, CORRELATOR_LIMITS)
  let watermarkMs = Number.NEGATIVE_INFINITY
  for (const [index, seen] of arrivals.entries()) {
    if (restarts.includes(index)) {
      const rows = [...correlator.table.rows()]
      correlator = createSequence(rule, CORRELATOR_LIMITS)
      correlator.table.restore(rows)
    }
    const { time, order, key } = seen
    const events: EventRef[] = [{ id: seen.id, time, order }]
    const parts = seen.inputs.map((input) => ({ input, key, values: [] }))
    correlator.observe({ time, order, events, parts }, { watermarkMs, sink })
    watermarkMs = Math.max(watermarkMs, time - LATENESS)
    correlator.advance({ watermarkMs, sink })
  }
  const endMs = Math.max(0, ...arrivals.map(({ time }) => time))
  correlator.finish({ watermarkMs: endMs, sink })
  return { finals: finals.sort(), standing: [...standing.values()], hits }
}

const INPUTS = ['a', 'b', 'c', 'm', 'n', 'u'] as const

const anyRule = fc
  .record({
    stages: fc.array(
      fc.record({
        input: fc.constantFrom(...INPUTS.slice(0, 5)),
        missing: fc.boolean(),
        runs: fc.integer({ min: 1, max: 3 }),
      }),
      { minLength: 1, maxLength: 5 },
    ),
    until: fc.boolean(),
    maxspanMs: fc.option(fc.integer({ min: 1, max: 300 }), { nil: undefined }),
  })
  .filter(({ stages, maxspanMs }) => {
    const runs = stages.filter((one) => !one.missing).reduce((sum, one) => sum + one.runs, 0)
    return runs >= 1 && (maxspanMs !== undefined || stages.every((one) => !one.missing))
  })
  .map(({ stages, until, maxspanMs }) =>
    sequence(
      stages.map(({ input, missing, runs }) => stage(input, { missing, runs })),
      {
        ...(until ? { until: stage('u') } : {}),
        ...(maxspanMs === undefined ? {} : { maxspanMs }),
      },
    ),
  )

/**
 * Events whose arrival is shuffled by the lateness at most, in some lists many of one time; `order` is
 * that of arrival.
 */
const anyArrivals = fc
  .record({
    density: fc.constantFrom(1, 1, 1, 10),
    items: fc.array(
      fc.record({
        gap: fc.nat(30),
        delay: fc.nat(LATENESS),
        key: fc.constantFrom('["x"]', '["y"]'),
        inputs: fc.uniqueArray(fc.constantFrom(...INPUTS), { minLength: 1, maxLength: 2 }),
      }),
      { maxLength: 60 },
    ),
  })
  .map(({ items, density }) => {
    let time = 1_000
    const timed = items.map((item) => {
      time += Math.floor(item.gap / density)
      return { ...item, time }
    })
    timed.sort((a, b) => a.time + a.delay - (b.time + b.delay))
    return timed.map(({ key, inputs, time: at }, order): Seen => {
      return { id: `e${order}`, time: at, order, key, inputs }
    })
  })

describe('a live sequence', () => {
  test('finds what a search over the sorted log finds, whatever the arrival', () => {
    fc.assert(
      fc.property(anyRule, anyArrivals, (rule, arrivals) => {
        const run = live(rule, arrivals)
        expect(run.standing).toEqual([])
        expect(run.finals).toEqual(searched(rule, arrivals))
      }),
      { numRuns: 1_500 },
    )
  })

  test('goes on exactly from saved rows', () => {
    fc.assert(
      fc.property(anyRule, anyArrivals, fc.array(fc.nat(59), { maxLength: 5 }), (rule, all, at) => {
        expect(live(rule, all, at)).toEqual(live(rule, all))
      }),
      { numRuns: 400 },
    )
  })

  test('names each event once among the settled hits of a key', () => {
    fc.assert(
      fc.property(anyRule, anyArrivals, (rule, arrivals) => {
        const given = live(rule, arrivals).hits.flatMap((hit) =>
          hit.events.map(({ id }) => `${hit.key}${id}`),
        )
        expect(new Set(given).size).toBe(given.length)
      }),
      { numRuns: 200 },
    )
  })
})

function events(list: string): Seen[] {
  return list.split(' ').map((item, order): Seen => {
    const [inputs = '', at] = item.split('@')
    const time = at === undefined ? 1_000 + order : Number(at)
    return { id: String(order + 1), time, order, key: '[]', inputs: inputs.split('') }
  })
}

function found(rule: SequenceCorrelation, list: string): string[] {
  return live(rule, events(list)).finals.map((one) => one.replace('[]:', ''))
}

describe('sequences', () => {
  const ab = [stage('a'), stage('b')]

  test.each([
    ['a newer match of a stage replaces the older', ab, {}, 'a a b', ['2-3']],
    ['what moved on is no longer there', ab, {}, 'a b b', ['1-2']],
    ['one event cannot be two stages', [stage('a'), stage('a')], {}, 'a', []],
    ['sequences may overlap', [stage('a'), stage('a')], {}, 'a a a', ['1-2', '2-3']],
    ['until between ends it', ab, { until: stage('u') }, 'a u b', []],
    ['until after does not', ab, { until: stage('u') }, 'a b u', ['1-2']],
    ['until that is the last event does not', ab, { until: stage('u') }, 'a bu', ['1-2']],
    ['until that is the first event does', ab, { until: stage('u') }, 'au b', []],
    ['maxspan includes its end', ab, { maxspanMs: 10 }, 'a@1 b@11', ['1-2']],
    ['maxspan is from the first event', ab, { maxspanMs: 10 }, 'a@1 b@12', []],
    ['runs repeat a stage', [stage('a', { runs: 2 }), stage('b')], {}, 'a a a b', ['2-3-4']],
  ])('%s', (_name, stages, more, list, expected) => {
    expect(found(sequence(stages, more), list)).toEqual(expected)
  })

  const no = stage('m', { missing: true })

  test.each([
    ['none between', [stage('a'), no, stage('b')], 10, 'a@1 b@3', ['1-2']],
    ['one between', [stage('a'), no, stage('b')], 10, 'a@1 m@2 b@3', []],
    [
      'one at the same instant is not between',
      [stage('a'), no, stage('b')],
      10,
      'a@1 m@1 b@3',
      ['1-3'],
    ],
    ['none after', [stage('a'), no], 10, 'a@1 m@12', ['1']],
    ['one after, at the end of the span', [stage('a'), no], 10, 'a@1 m@11', []],
    ['none before', [no, stage('a')], 10, 'm@1 a@12', ['2']],
    ['one before, at the start of the span', [no, stage('a')], 10, 'm@1 a@11', []],
    ['before and after: one alone does not matter', [no, stage('a'), no], 10, 'm@1 a@2', ['2']],
    ['before and after: both do', [no, stage('a'), no], 10, 'm@1 a@2 m@11', []],
    ['before and after, too far apart', [no, stage('a'), no], 10, 'm@1 a@2 m@12', ['2']],
  ])('missing events: %s', (_name, stages, maxspanMs, list, expected) => {
    expect(found(sequence(stages, { maxspanMs }), list)).toEqual(expected)
  })

  test('a spoilt candidate still takes the place of another', () => {
    const stages = [stage('a'), stage('b'), stage('m', { missing: true }), stage('c'), stage('d')]
    // a1 b2 c3 waits for d; a4 b5 m6 c7 takes its place, and is no match.
    expect(found(sequence(stages, { maxspanMs: 100 }), 'a b c a b m c d')).toEqual([])
  })

  test('a missing event at the end is decided only after the deadline', () => {
    const rule = sequence([stage('a'), stage('m', { missing: true })], { maxspanMs: 100 })
    const said: string[] = []
    const sink: HitSink = {
      hit: (hit, certainty) => void said.push(`${certainty}@${hit.time}`),
      final: () => undefined,
      retract: () => undefined,
    }
    const correlator = createSequence(rule, CORRELATOR_LIMITS)
    const parts = [{ input: 'a', key: '[]', values: [] }]
    const seen = [{ id: 'e', time: 1_000, order: 0 }]
    correlator.observe({ time: 1_000, order: 0, events: seen, parts }, { watermarkMs: 900, sink })
    correlator.advance({ watermarkMs: 1_100, sink })
    expect(said).toEqual([])
    correlator.advance({ watermarkMs: 1_101, sink })
    expect(said).toEqual(['final@1100'])
    expect(correlator.table.size).toBe(0)
  })
})

describe('the state of a sequence', () => {
  const rule = sequence([stage('a'), stage('b'), stage('c')], { maxspanMs: 1_000_000 })
  const none: HitSink = { hit: () => undefined, final: () => undefined, retract: () => undefined }

  test('a flood of new keys does not push out a sequence under way', () => {
    const correlator = createSequence(rule, { keysMax: 100, entriesMax: 100 })
    const hits: string[] = []
    const sink: HitSink = { ...none, hit: (hit) => void hits.push(hit.key) }
    let order = 0
    const see = (key: string, input: string) => {
      const time = 1_000 + order++
      const seen = [{ id: `e${order}`, time, order }]
      const moment = { watermarkMs: time - 1, sink }
      const parts = [{ input, key, values: [] }]
      correlator.observe({ time, order, events: seen, parts }, moment)
      correlator.advance(moment)
    }
    see('["v"]', 'a')
    see('["v"]', 'b')
    for (let flood = 0; flood < 1_000; flood++) see(`["${flood}"]`, 'a')
    see('["v"]', 'c')
    expect(hits).toEqual(['["v"]'])
    expect(correlator.table.size).toBeLessThanOrEqual(100)
    expect(correlator.table.losses.evicted).toBeGreaterThan(800)
  })

  test('a key forgets what is over', () => {
    const correlator = createSequence(
      sequence([stage('a'), stage('b')], { maxspanMs: 10 }),
      CORRELATOR_LIMITS,
    )
    for (let at = 0; at < 1_000; at++) {
      const seen = [{ id: String(at), time: at, order: at }]
      const parts = [{ input: 'a', key: `[${at}]`, values: [] }]
      const moment = { watermarkMs: at, sink: none }
      correlator.observe({ time: at, order: at, events: seen, parts }, moment)
      correlator.advance(moment)
    }
    expect(correlator.table.size).toBeLessThan(15)
  })

  test('no more waits for a deadline than the limit', () => {
    const rule2 = sequence([stage('a'), stage('m', { missing: true })], { maxspanMs: 1_000_000 })
    const correlator = createSequence(rule2, { keysMax: 10, entriesMax: 50 })
    let hits = 0
    const sink: HitSink = { ...none, hit: () => void hits++ }
    for (let order = 0; order < 200; order++) {
      const seen = [{ id: String(order), time: order, order }]
      const moment = { watermarkMs: order, sink }
      const parts = [{ input: 'a', key: '[]', values: [] }]
      correlator.observe({ time: order, order, events: seen, parts }, moment)
      correlator.advance(moment)
    }
    correlator.finish({ watermarkMs: 200, sink })
    expect(hits).toBeLessThanOrEqual(51)
    expect(hits + correlator.table.losses.trimmed).toBe(200)
  })

  test('one key may hold many entries: the older half settles early', () => {
    const correlator = createSequence(sequence([stage('a'), stage('a')]), {
      keysMax: 10,
      entriesMax: 50,
    })
    let hits = 0
    const sink: HitSink = { ...none, hit: () => void hits++ }
    for (let order = 0; order < 500; order++) {
      const seen = [{ id: String(order), time: order, order }]
      const parts = [{ input: 'a', key: '[]', values: [] }]
      correlator.observe({ time: order, order, events: seen, parts }, { watermarkMs: -1, sink })
    }
    expect(hits).toBe(499)
    expect(correlator.table.losses.trimmed).toBeGreaterThan(400)
  })
})
