import { describe, expect, test } from 'vitest'
import type { Tick } from '../model/journal.ts'
import { SourceClock } from './source-clock.ts'

const tick = (source: string, watermarkMs: number, more: Partial<Tick> = {}): Tick => ({
  ...{ source, watermarkMs, state: 'connected', atMs: 1_000_000 },
  ...more,
})

describe('the clock of sources', () => {
  test('the watermark is the least of the connected sources, held back by their lateness', () => {
    const clock = new SourceClock({ latenessMs: 1_000, latenessOf: { slow: 50_000 } })
    clock.tick(tick('fast', 500_000))
    expect(clock.watermarkMs).toBe(499_000)
    clock.tick(tick('slow', 600_000))
    expect(clock.watermarkMs).toBe(499_000)
    clock.tick(tick('fast', 700_000))
    expect(clock.watermarkMs).toBe(550_000)
    // A device that is a day ahead moves nothing past the receipt.
    clock.tick(tick('fast', 90_000_000))
    clock.tick(tick('slow', 90_000_000))
    expect(clock.watermarkMs).toBe(950_000)
  })

  test('a source that is paused or down does not hold it back, and it never goes back', () => {
    const clock = new SourceClock({ latenessMs: 0 })
    clock.tick(tick('a', 500))
    clock.tick(tick('b', 100))
    expect(clock.watermarkMs).toBe(500)
    clock.tick(tick('a', 900))
    expect(clock.watermarkMs).toBe(500)
    clock.tick(tick('b', 100, { state: 'down' }))
    expect(clock.watermarkMs).toBe(900)
    clock.tick(tick('new', 10))
    clock.tick(tick('b', 200, { state: 'paused' }))
    expect(clock.watermarkMs).toBe(900)
  })

  test('time in which we held the source, or were down, is no silence of it', () => {
    const clock = new SourceClock({})
    const at = (atMs: number, state: Tick['state'] = 'connected'): number | undefined => {
      clock.tick(tick('s', atMs, { atMs, state }))
      return clock.silence('s')?.silentMs
    }
    expect(at(0)).toBe(0)
    expect(at(1_000)).toBe(1_000)
    expect(at(2_000, 'paused')).toBeUndefined()
    expect(at(20_000, 'paused')).toBeUndefined()
    expect(at(21_000)).toBe(2_000)
    // An hour without any tick: the program did not run.
    expect(at(3_621_000)).toBe(2_000)
    clock.input('s', 3_621_500)
    expect(at(3_622_000)).toBe(500)
    expect(at(3_623_000, 'down')).toBe(1_500)
    // It gave something before the first tick after another such hour.
    clock.input('s', 7_300_000)
    expect(at(7_300_400)).toBe(0)
    expect(at(7_302_400)).toBe(2_000)
    expect(at(7_303_400, 'paused')).toBeUndefined()
    clock.input('s', 7_310_000)
    expect(at(7_310_100)).toBe(0)
    expect(at(7_311_000)).toBe(900)
  })

  test('a silence goes by one name, however often it is interrupted by us', () => {
    const clock = new SourceClock({})
    clock.tick(tick('s', 0, { atMs: 0 }))
    for (const atMs of [20_000, 90_000, 95_000]) clock.tick(tick('s', 0, { atMs }))
    expect(clock.silence('s')).toEqual({ sinceMs: 0, atMs: 95_000, silentMs: 25_000 })
    const restored = new SourceClock({})
    restored.restore(JSON.parse(JSON.stringify(clock.row())))
    restored.tick(tick('s', 0, { atMs: 96_000 }))
    expect(restored.silence('s')).toEqual({ sinceMs: 0, atMs: 96_000, silentMs: 26_000 })
  })

  test('a source may have any name', () => {
    const clock = new SourceClock({ latenessMs: 10, latenessOf: { other: 5 } })
    clock.tick(tick('constructor', 500))
    expect(clock.watermarkMs).toBe(490)
  })
})

test('a source that was taken away holds nothing up', () => {
  const clock = new SourceClock({ latenessMs: 0 })
  const at = (source: string, ms: number) =>
    clock.tick({ source, state: 'connected', watermarkMs: ms, atMs: ms })
  at('gone', 1_000)
  at('there', 1_000)
  at('there', 9_000)
  expect(clock.watermarkMs).toBe(1_000)
  clock.keep(['there', 'new'])
  at('there', 9_000)
  expect(clock.watermarkMs).toBe(9_000)
  expect(clock.silence('gone')).toBeUndefined()
})

describe('our own clock is set back', () => {
  test('further than the lateness: the watermark goes with it, and silence counts from then', () => {
    const clock = new SourceClock({ latenessMs: 10_000 })
    const at = (source: string, ms: number) =>
      clock.tick({ source, state: 'connected', watermarkMs: ms, atMs: ms })
    for (const ms of [7_200_000, 3_600_000]) for (const name of ['a', 'b']) at(name, ms)
    expect(clock.watermarkMs).toBe(3_590_000)
    at('a', 3_605_000)
    at('b', 3_601_000)
    expect(clock.watermarkMs).toBe(3_591_000)
    expect(clock.silence('a')).toEqual({ sinceMs: 3_600_000, atMs: 3_605_000, silentMs: 5_000 })
  })

  test('by less: the watermark waits for it', () => {
    const clock = new SourceClock({ latenessMs: 10_000 })
    for (const ms of [100_000, 90_500]) clock.tick(tick('s', ms, { atMs: ms }))
    expect(clock.watermarkMs).toBe(90_000)
  })
})
