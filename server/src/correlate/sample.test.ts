import { describe, expect, test } from 'vitest'
import type { SampleCorrelation } from '../model/correlation.ts'
import { CORRELATOR_LIMITS, type Hit, type HitSink } from './correlator.ts'
import { chooseDistinct, createSample } from './sample.ts'

function sampleOf(...inputs: readonly string[]): SampleCorrelation {
  const stages = inputs.map((input) => ({ input, by: [], runs: 1, missing: false }))
  return { type: 'sample', inputs, groupBy: [], stages }
}

/** Events as `inputs:key`, in order; hits as `key:id-id`, in stage order. */
function found(rule: SampleCorrelation, list: string): string[] {
  const correlator = createSample(rule, CORRELATOR_LIMITS)
  const hits: string[] = []
  const show = (hit: Hit) => {
    hits.push(`${hit.key}:${(hit.all ?? []).map(({ id }) => id).join('-')}`)
  }
  const sink: HitSink = {
    hit: (hit, certainty) => (certainty === 'final' ? show(hit) : undefined),
    final: show,
    retract: () => undefined,
  }
  for (const [order, item] of list.split(' ').entries()) {
    const [inputs = '', key = ''] = item.split(':')
    const parts = inputs.split('').map((input) => ({ input, key, values: [] }))
    const events = [{ id: String(order + 1), time: order, order }]
    correlator.observe({ time: order, order, events, parts }, { watermarkMs: order, sink })
    correlator.advance({ watermarkMs: order, sink })
  }
  correlator.finish({ watermarkMs: 1_000, sink })
  return hits
}

describe('samples', () => {
  test('take one event for each stage, in any order, of one key', () => {
    expect(found(sampleOf('a', 'b'), 'b:x a:y a:x b:y')).toEqual(['x:3-1', 'y:2-4'])
  })

  test('are one a key', () => {
    expect(found(sampleOf('a', 'b'), 'a:x b:x a:x b:x')).toEqual(['x:1-2'])
  })

  test('never take one event for two stages', () => {
    expect(found(sampleOf('a', 'b'), 'ab:x')).toEqual([])
    expect(found(sampleOf('a', 'b'), 'ab:x a:x')).toEqual(['x:2-1'])
    expect(found(sampleOf('a', 'b', 'c'), 'abc:x ab:x a:x')).toEqual(['x:3-2-1'])
  })

  test('the choice is made without trying every combination', () => {
    const items = Array.from({ length: 30 }, (_, order) => {
      return { ref: { id: String(order), time: order, order }, given: false, place: -1 }
    })
    const few = items.slice(0, 29)
    expect(chooseDistinct(Array.from({ length: 30 }, () => few))).toBeUndefined()
    expect(chooseDistinct(Array.from({ length: 30 }, () => items))).toEqual(items)
  })
})

test('a key whose sample was found is remembered longer than one that has begun', () => {
  const limits = { keysMax: 2, entriesMax: 10 }
  const correlator = createSample(sampleOf('a', 'b'), limits)
  const hits: string[] = []
  const sink: HitSink = {
    hit: ({ key }) => void hits.push(key),
    final: () => undefined,
    retract: () => undefined,
  }
  for (const [time, [input, key]] of ['ax', 'bx', 'ay', 'az', 'ax', 'bx'].entries()) {
    const parts = [{ input: input!, key: key!, values: [] }]
    const events = [{ id: String(time), time, order: time }]
    correlator.observe({ time, order: time, events, parts }, { watermarkMs: time, sink })
    correlator.advance({ watermarkMs: time + 1, sink })
  }
  expect(hits).toEqual(['x'])
  expect(correlator.table.losses).toMatchObject({ evicted: 1, refused: 0 })
})
