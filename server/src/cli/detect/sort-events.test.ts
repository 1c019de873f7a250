import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { ProblemError } from '../../base/problems.ts'
import { compareOffline, type OfflineEvent } from '../../detect/event-lines.ts'
import { EventSorter } from './sort-events.ts'

const event = fc.record(
  {
    id: fc.constant(''),
    time: fc.oneof(fc.nat(5), fc.constant(1.000_5), fc.nat(1_000_000)),
    tie: fc.oneof(fc.constant(undefined), fc.nat(2), fc.constantFrom('a', 'b')),
    doc: fc.dictionary(fc.string(), fc.oneof(fc.string({ unit: 'binary' }), fc.nat()), {
      maxKeys: 2,
    }),
    nanos: fc.integer({ min: 1, max: 3 }),
  },
  { requiredKeys: ['id', 'time', 'tie', 'doc'] },
)

describe('sorting input that may be larger than memory', () => {
  let folder = ''
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'picket-test-'))
    vi.stubEnv('TMPDIR', folder)
  })
  afterEach(() => {
    vi.unstubAllEnvs()
    rmSync(folder, { recursive: true, force: true })
  })

  test('events come in the same order whatever fits into memory', () => {
    const batches = fc.array(fc.array(event, { maxLength: 12 }), { maxLength: 12 })
    const limits = fc.record({ events: fc.integer({ min: 1, max: 30 }), bytes: fc.nat(400) })
    fc.assert(
      fc.property(batches, limits, (input, limit) => {
        let count = 0
        const named = input.map((list) =>
          list.map((one): OfflineEvent => {
            count += 1
            // A document as JSON gives it: no __proto__, no lone surrogates that UTF-8 cannot hold.
            const doc = JSON.parse(JSON.stringify({ n: count, k: Object.values(one.doc) })) as {}
            return { ...one, id: `e${count}`, doc: { ...doc } }
          }),
        )
        const sorter = new EventSorter(limit)
        for (const list of named) sorter.add(list, list.length * 10)
        expect([...sorter.sorted()]).toEqual(named.flat().sort(compareOffline))
      }),
      { numRuns: 300 },
    )
  })

  test('leaves no file behind, not even while it works', () => {
    const sorter = new EventSorter({ events: 1, bytes: 1 })
    sorter.add([{ id: 'a', time: 2, tie: undefined, doc: {} }], 1)
    sorter.add([{ id: 'b', time: 1, tie: undefined, doc: { text: 'x\n\u2028"ü' } }], 1)
    const sorted = sorter.sorted()
    expect(sorted.next().value).toMatchObject({ id: 'b', doc: { text: 'x\n\u2028"ü' } })
    expect(readdirSync(folder)).toEqual([])
    expect(sorted.next().value).toMatchObject({ id: 'a' })
  })

  test('a folder that cannot be written is a problem that says so', () => {
    vi.stubEnv('TMPDIR', join(folder, 'is-not-there'))
    const sorter = new EventSorter({ events: 1, bytes: 1 })
    const add = () => sorter.add([{ id: 'a', time: 2, tie: undefined, doc: {} }], 1)
    expect(add).toThrow(ProblemError)
    expect(add).toThrow(/cannot wait on disk/)
  })
})
