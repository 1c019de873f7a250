import { expect, test } from 'vitest'
import type { EventRef, Hit } from './correlator.ts'
import { type Pass, Passage } from './passage.ts'

const ref = (time: number): EventRef => ({ id: `e${time}`, time, order: time })
const hitOf = (key: string, time: number, events: readonly number[]): Hit => {
  return { key, name: String(time), time, order: time, events: events.map(ref) }
}

function rig(limits = { keysMax: 2, entriesMax: 3 }) {
  const passed: string[] = []
  const pass: Pass = ({ key, time, events }, matched) => {
    const why = matched === undefined ? '' : ` ${Object.keys(matched).join()}`
    passed.push(`${key}@${time}: ${events.map(({ id }) => id).join(' ')}${why}`)
  }
  let passage = new Passage(limits)
  return {
    passed,
    hold: (hit: Hit, why?: string) =>
      passage.hold(hit, () => (why === undefined ? undefined : { [why]: [] }), pass),
    more: (hit: Hit) => passage.more(hit),
    advance: (watermarkMs: number) => passage.advance(watermarkMs, pass),
    losses: () => passage.table.losses,
    restart: () => {
      const rows = [...passage.table.rows()]
      passage = new Passage(limits)
      passage.table.restore(rows)
    },
  }
}

test('hits go on in the order of event time, each event with the first that it lies before', () => {
  const { hold, more, advance, restart, passed } = rig()
  hold(hitOf('k', 30, [25, 30]), 'why')
  hold(hitOf('k', 10, [5, 10]))
  more(hitOf('k', 30, [8]))
  more(hitOf('gone', 30, [8]))
  restart()
  advance(10)
  expect(passed).toEqual([])
  advance(11)
  expect(passed).toEqual(['k@10: e5 e8 e10 why'])
  more(hitOf('k', 30, [28, 31]))
  advance(100)
  expect(passed.slice(1)).toEqual(['k@30: e25 e28 e30 e31 why'])
})

test('what finds no room goes on at once and is counted; what waits is not pushed out', () => {
  const { hold, advance, passed, losses } = rig()
  for (const key of ['a', 'b', 'c']) hold(hitOf(key, 10, [10]))
  expect(passed).toEqual(['c@10: e10'])
  expect(losses()).toEqual({ evicted: 0, refused: 1, trimmed: 0 })
  for (const time of [12, 11, 13]) hold(hitOf('a', time, [time]))
  expect(passed.slice(1)).toEqual(['a@10: e10'])
  expect(losses()).toEqual({ evicted: 0, refused: 1, trimmed: 1 })
  advance(100)
  expect(passed.slice(2)).toEqual(['b@10: e10', 'a@11: e11', 'a@12: e12', 'a@13: e13'])
})
