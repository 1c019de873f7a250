import { expect, test } from 'vitest'
import { decodeText } from '../testing/decode-text.ts'
import { hawkbit } from './hawkbit.ts'
import { mender } from './mender.ts'

test('polls of targets are counted, changes of a rollout are told', () => {
  const poll = JSON.stringify({
    type: 'TargetPollEvent',
    timestamp: 1_795_301_345_000,
    controllerId: 'p',
  })
  const stop = JSON.stringify({
    type: 'RolloutStoppedEvent',
    timestamp: 1_795_301_345_000,
    rolloutId: 5,
  })
  const told = decodeText(hawkbit, `${poll}\n${stop}\n`)
  expect(told.routineLines).toBe(1)
  expect(told.drafts.map(({ action, timeMs }) => [action, timeMs])).toEqual([
    ['config-change', 1_795_301_345_000],
  ])
})

test.each([
  ['hawkbit', hawkbit],
  ['mender', mender],
])('%s rejects what it does not know', (_name, spec) => {
  const told = decodeText(spec, '{"hello":"world"}\n{"broken":')
  expect(told.drafts).toEqual([])
  expect(told.rejects.map(({ line }) => line)).toEqual([1, 2])
})
