import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Hit } from './correlator.ts'
import { wholeOf, type Episode } from './episode.ts'
import { EPISODE_MAX_MS, Episodes, OVERFLOW_KEY, type Said } from './episodes.ts'

const GAP = 300_000

interface Report extends Said {
  readonly id: string
  readonly key: string
  readonly count: number
  readonly revision: number
  readonly continues: string | undefined
  readonly firstMs: number
  readonly lastMs: number
}

function rig(keysMax = 100) {
  const reports: Report[] = []
  const said = (key: string, episode: Episode, say: Said): void => {
    const { id, revision, continues } = episode
    const { count, firstMs, lastMs } = wholeOf(episode)
    reports.push({ ...say, id, key, revision, continues, count, firstMs, lastMs })
  }
  const episodes = new Episodes({ ruleId: 'r', gapMs: GAP, keysMax, sink: { said } })
  let order = 0
  const hitAt = (time: number, key = 'k'): Hit => {
    order += 1
    return { key, name: `${order}`, time, order, events: [{ id: `e${order}`, time, order }] }
  }
  const occasion = () => ({ position: `p${order}`, watermarkMs: 0 })
  return {
    ...{ reports, episodes, hitAt },
    final: (time: number, key?: string) => episodes.hit(hitAt(time, key), 'final', occasion()),
    provisional: (time: number): Hit => {
      const hit = hitAt(time)
      episodes.hit(hit, 'provisional', occasion())
      return hit
    },
    retract: (hit: Hit) => episodes.retract(hit, occasion()),
  }
}

describe('episodes', () => {
  test('hits within the gap are one episode, beyond it another', () => {
    const { final, episodes, reports } = rig()
    final(0)
    final(GAP)
    final(2 * GAP + 1)
    episodes.advance(2 * GAP + 1)
    expect(reports.map(({ count, open }) => [count, open])).toEqual([
      [1, true],
      [2, true],
      [1, true],
      [2, false],
    ])
    expect(new Set(reports.map(({ id }) => id)).size).toBe(2)
  })

  test('an episode ends at 24 hours and goes on in a linked one', () => {
    const { final, reports } = rig()
    for (let time = 0; time <= EPISODE_MAX_MS; time += GAP) final(time)
    const [first] = reports
    const last = reports.at(-1)!
    expect(last.id).not.toBe(first!.id)
    expect(last.continues).toBe(first!.id)
    expect(last.count).toBe(1)
  })

  test('a hit between two episodes makes them one: the younger is retracted and names the older', () => {
    const { final, reports } = rig()
    final(0)
    final(2 * GAP)
    const [older, younger] = reports.map(({ id }) => id)
    final(GAP)
    expect(reports.slice(2)).toMatchObject([
      { id: older, count: 3, state: 'amended', open: true },
      { id: younger, state: 'retracted', open: false, merged: older },
    ])
  })

  test('a provisional hit becomes final, or is taken back; what is left is amended', () => {
    const { provisional, episodes, retract, reports } = rig()
    const [one, two] = [provisional(0), provisional(1_000)]
    expect(reports.at(-1)).toMatchObject({ state: 'provisional', count: 2 })
    retract(two)
    episodes.final(one)
    expect(reports.at(-1)).toMatchObject({ state: 'amended', count: 1 })
    const other = provisional(10 * GAP)
    retract(other)
    expect(reports.at(-1)).toMatchObject({ state: 'retracted', open: false, count: 1 })
  })

  test('retracting a hit that held two runs together leaves two episodes', () => {
    const { provisional, retract, episodes, reports } = rig()
    const [first, middle, last] = [provisional(0), provisional(GAP), provisional(2 * GAP)]
    retract(middle)
    episodes.final(first)
    episodes.final(last)
    const finals = new Map(reports.map((report) => [report.id, report]))
    expect([...finals.values()].map(({ count }) => count)).toEqual([1, 1])
  })

  test('a growing episode is reported when it has doubled, after ten seconds, and at its end', () => {
    const { final, episodes, reports } = rig()
    for (let hit = 0; hit < 100; hit += 1) final(hit)
    expect(reports.map(({ count }) => count)).toEqual([1, 2, 4, 8, 16, 32, 64])
    final(10_064)
    expect(reports.at(-1)!.count).toBe(101)
    final(10_065)
    episodes.advance(10_066 + GAP)
    expect(reports.at(-1)).toMatchObject({ count: 102, open: false })
    expect(reports.map(({ revision }) => revision)).toEqual(reports.map((_, at) => at + 1))
    expect(episodes.table.size).toBe(0)
  })

  test('an episode is open until the watermark has passed its end, and each on its own', () => {
    const { final, episodes, reports } = rig()
    final(0)
    final(GAP + 1)
    episodes.advance(2 * GAP + 1)
    expect(reports.filter(({ open }) => !open)).toHaveLength(1)
    final(2 * GAP + 1)
    expect(reports.at(-1)).toMatchObject({ count: 2, open: true })
    expect(new Set(reports.map(({ id }) => id)).size).toBe(2)
  })

  test('what stands in the end does not depend on the order of hits, nor on what is taken back', () => {
    const hit = fc.record({
      time: fc
        .oneof(
          fc.nat(30),
          fc.nat(3 * 288).map((n) => n + 0.5),
        )
        .map((n) => (n * GAP) / 3),
      final: fc.boolean(),
      taken: fc.integer({ min: 0, max: 4 }).map((n) => n === 0),
      rank: fc.nat(),
    })
    fc.assert(
      fc.property(fc.array(hit, { maxLength: 40 }), fc.boolean(), (list, mayTake) => {
        const { episodes, reports, hitAt, retract } = rig()
        // What may be taken back is not said among what is final at once.
        const said = list
          .map((one) => (mayTake ? { ...one, final: false } : { ...one, taken: false }))
          .map((one) => ({ ...one, hit: hitAt(one.time) }))
          .sort((a, b) => a.time - b.time)
        for (const one of said.toSorted((a, b) => a.rank - b.rank)) {
          const certainty = one.final ? 'final' : 'provisional'
          episodes.hit(one.hit, certainty, { position: 'p', watermarkMs: -1 })
        }
        for (const one of said) {
          if (one.taken) retract(one.hit)
          else if (!one.final) episodes.final(one.hit)
        }
        const kept = said.filter(({ taken }) => !taken)
        episodes.close()
        const last = new Map(reports.map((report) => [report.id, report]))
        const counts = [...last.values()].filter(({ state }) => state !== 'retracted')
        const want: { firstMs: number; lastMs: number; count: number }[] = []
        for (const { time } of kept) {
          const run = want.at(-1)
          const joins = run !== undefined && time - run.lastMs <= GAP
          if (!joins || time - run.firstMs >= EPISODE_MAX_MS) {
            want.push({ firstMs: time, lastMs: time, count: 1 })
          } else {
            run.lastMs = time
            run.count += 1
          }
        }
        const byTime = (a: { firstMs: number }, b: { firstMs: number }): number =>
          a.firstMs - b.firstMs
        const got = counts.map(({ firstMs, lastMs, count }) => ({ firstMs, lastMs, count }))
        expect(got.sort(byTime)).toEqual(want)
      }),
      { numRuns: 300 },
    )
  })

  test('events of one instant are told apart, settled or not', () => {
    for (const certainty of ['final', 'provisional'] as const) {
      const { episodes, hitAt } = rig()
      const hits = [hitAt(5), hitAt(5), hitAt(5)]
      const [a, b, c] = hits.map(({ events }) => events[0]!)
      const all = [
        { ...hits[0]!, events: [a!, b!] },
        { ...hits[2]!, events: [b!, c!] },
      ]
      for (const hit of all) episodes.hit(hit, certainty, { position: 'p', watermarkMs: 0 })
      const whole = wholeOf(episodes.table.get('k')![0]!)
      expect(whole.events).toEqual([a, b, c])
      expect(whole).toMatchObject({ count: 2, eventsTotal: 3 })
    }
  })

  test('with too many open, further groups share one overflow episode', () => {
    const { final, episodes, reports } = rig(3)
    for (let key = 0; key < 10; key += 1) final(0, `k${key}`)
    expect(episodes.overflowed).toBe(7)
    expect(episodes.table.size).toBe(4)
    expect(reports.at(-1)).toMatchObject({ key: OVERFLOW_KEY, count: 4 })
    final(1, 'k0')
    expect(reports.at(-1)).toMatchObject({ key: 'k0', count: 2 })
  })
})
