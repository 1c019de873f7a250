import { expect, test } from 'vitest'
import type { Condition, ValueTest } from '../../model/condition.ts'
import type { EcsDoc } from '../../model/event.ts'
import { Evaluator } from './evaluate.ts'
import { Fields } from './fields.ts'
import { Marks } from './marks.ts'
import { programSteps } from './program.ts'
import { finish } from './steps.ts'
import { firstCostSteps, witnessSteps } from './witness.ts'

const at = (path: string, test: ValueTest): Condition => ({ kind: 'field', path, test })
const either: Condition = {
  kind: 'or',
  parts: [
    at('x', { kind: 'equals', value: 'a', cased: true }),
    at('y', { kind: 'regex', pattern: 'b+c', flags: '' }),
  ],
}

test('after four billion events marks begin anew, and nothing of before is taken for now', () => {
  // Shared by two rules, so that its answer is kept.
  const other = at('z', { kind: 'exists' })
  const program = finish(programSteps([{ kind: 'and', parts: [either, other] }, either]))
  const fields = finish(Fields.steps(program.predicates))
  const witnesses = finish(witnessSteps(program, finish(firstCostSteps(program))))
  const marks = new Marks(program.predicates.length, 2, witnesses)
  const evaluator = new Evaluator(program, { fields, marks, runs: [] })
  const matches = (doc: EcsDoc): boolean[] => {
    marks.begin()
    fields.look(doc, marks)
    evaluator.begin(doc)
    return [...program.roots].map((root) => evaluator.holds(root))
  }
  expect(matches({ x: 'a', y: 'abbc' })).toEqual([false, true])
  marks.epoch = 0xffff_fffe
  // The same number as the first event has: values, answers and marks of that one are long gone.
  expect(matches({ y: 'bc?' })).toEqual([false, true])
  expect(marks.epoch).toBe(1)
  marks.epoch = 0xffff_fffe
  expect(matches({ y: 'b c' })).toEqual([false, false])
  marks.epoch = 0xffff_fffe
  expect(matches({ z: 1 })).toEqual([false, false])
  expect(matches({ x: 'a', z: 1 })).toEqual([true, true])
})
