import fc from 'fast-check'
import { expect, test } from 'vitest'
import { MetricsRegistry } from '../../base/metrics.ts'
import { mosquitto } from '../../decode/mosquitto/mosquitto.ts'
import { text as textDecoder } from '../../decode/text/text.ts'
import type { StateChange } from '../../model/decoder.ts'
import { fieldOf } from '../../model/event.ts'
import type { RawItem } from '../../model/source.ts'
import { createRoutedPreparer } from '../routed.ts'
import { partsJoiner } from './parts.ts'

const TIME = '2026-11-21T22:51:22.123456789Z'
const cri = (flag: string, said: string, stream = 'stdout'): string =>
  `${TIME} ${stream} ${flag} ${said}`
const docker = (log: string, stream = 'stdout'): string =>
  JSON.stringify({ log, stream, time: TIME })

let keys = 0
const item = (text: string, stream = 'f'): RawItem => {
  keys += 1
  return { text, key: `k${keys}`, stream, receivedMs: 0 }
}
const texts = (items: readonly RawItem[]): string[] => items.map(({ text }) => text)
function join(lines: readonly string[]): string[] {
  const joiner = partsJoiner()
  return texts([
    ...joiner.join(
      lines.map((line) => item(line)),
      0,
    ),
    ...joiner.settle(0, true),
  ])
}
const BUFFER = 'x'.repeat(16_384)

test('parts of Kubernetes become one line, with the time of the first', () => {
  const lines = [
    cri('P', 'New client '),
    cri('P', 'connected '),
    cri('F', 'from'),
    cri('F', 'next'),
  ]
  expect(join(lines)).toEqual([cri('F', 'New client connected from'), cri('F', 'next')])
  expect(join([cri('P:x', 'a '), cri('F:y', ' b')])).toEqual([cri('F', 'a  b')])
})

test('both streams of a container are joined apart', () => {
  const lines = [
    cri('P', 'out '),
    cri('P', 'err ', 'stderr'),
    cri('F', 'end'),
    cri('F', 'or', 'stderr'),
  ]
  expect(join(lines)).toEqual([cri('F', 'out end'), cri('F', 'err or', 'stderr')])
})

test("parts of Docker's buffer become one line", () => {
  expect(join([docker(BUFFER), docker(BUFFER), docker('end\n'), docker('next\n')])).toEqual([
    docker(`${BUFFER}${BUFFER}end\n`),
    docker('next\n'),
  ])
  const half = 'ä'.repeat(8_192)
  expect(join([docker(half), docker('x\n')])).toEqual([docker(`${half}x\n`)])
})

test('what is no part is left alone, however it looks', () => {
  const lines = [
    // The last words of a container that ended, and documents of which another took the line ends off.
    docker('Segmentation fault'),
    docker('mosquitto version 2.0.20 starting'),
    docker('x'.repeat(16_383)),
    docker('y\n'),
    `{"log":"${BUFFER}","level":"info"}`,
    `{"log":"${BUFFER}`,
    cri('F', 'stdout P x'),
    '2026-11-21T22:51:22 stdout Plain words',
    '1795301345: stdout P x',
    '',
  ]
  expect(join(lines)).toEqual(lines)
})

test('what never ends is told when nothing more comes, and when it grows too large', () => {
  const joiner = partsJoiner()
  expect(joiner.join([item(cri('P', 'a')), item(cri('P', 'b'))], 0)).toEqual([])
  expect(joiner.settle(4_999, false)).toEqual([])
  expect(texts(joiner.settle(5_000, false))).toEqual([cri('F', 'ab')])
  const large = join(Array.from({ length: 100 }, () => cri('P', BUFFER)))
  expect(large).toHaveLength(2)
  expect(Math.max(...large.map(({ length }) => length))).toBeLessThan(1_048_576)
  expect(large.join('').replaceAll(/[^x]/g, '')).toHaveLength(100 * 16_384)
})

test('however lines are cut, mixed and interrupted, they come out whole and once', () => {
  const said = fc.string({ maxLength: 12 }).filter((one) => !/[\r\n]/.test(one))
  const line = fc.record({
    file: fc.constantFrom('a', 'b'),
    stream: fc.constantFrom('stdout', 'stderr'),
    parts: fc.array(said, { minLength: 1, maxLength: 4 }),
  })
  fc.assert(
    fc.property(
      fc.array(line, { size: 'max', maxLength: 8 }),
      fc.array(fc.nat(3), { size: 'max', maxLength: 40 }),
      fc.array(fc.nat(40), { maxLength: 3 }),
      (lines, turns, kills) => {
        // Entries of each stream in their order, the streams mixed.
        const queues = new Map<string, RawItem[]>()
        for (const { file, stream, parts } of lines) {
          const queue = queues.get(file + stream) ?? []
          parts.forEach((part, at) => {
            queue.push(item(cri(at === parts.length - 1 ? 'F' : 'P', part, stream), file))
          })
          queues.set(file + stream, queue)
        }
        const rows = [...queues.values()]
        const saved = new Map<string, string>()
        let joiner = partsJoiner()
        const out: string[] = []
        const commit = (changes: readonly StateChange[]): void => {
          for (const { key, value } of changes) {
            if (value === undefined) saved.delete(key)
            else saved.set(key, value)
          }
        }
        for (let step = 0; rows.some((row) => row.length > 0); step++) {
          const full = rows.filter((row) => row.length > 0)
          const next = full[(turns[step % Math.max(1, turns.length)] ?? 0) % full.length]!.shift()!
          out.push(...joiner.join([next], 0).map(({ text, stream }) => `${stream} ${text}`))
          commit(joiner.takeChanges())
          if (!kills.includes(step)) continue
          joiner = partsJoiner()
          expect(joiner.restore([...saved])).toEqual([])
        }
        const expected = lines.map(({ file, stream, parts }) => {
          return `${file} ${cri('F', parts.join(''), stream)}`
        })
        expect(out.toSorted()).toEqual(expected.toSorted())
        expect([...saved]).toEqual([])
      },
    ),
    { numRuns: 150 },
  )
})

test('a source joins them before a decoder is chosen and before lines are taken out of documents', () => {
  const words = `${'long '.repeat(3_400)}words\n`
  const options = {
    ...{ source: 's', decoderSpec: mosquitto, plainSpec: textDecoder, tenant: 'default' },
    metrics: new MetricsRegistry(),
    routes: [{ when: { path: '/var/log/*' }, decoderSpec: textDecoder }],
  }
  const facts = { path: '/var/log/containers/mosquitto.log' }
  const entries = [docker(words.slice(0, 16_384)), docker(words.slice(16_384))].map((entry) => {
    return { ...item(entry), facts }
  })
  const first = createRoutedPreparer(options)
  const held = first.prepare({ items: [entries[0]!], cursor: { key: 'c', value: '1' } }, 0)
  expect(held.batch.events).toBeUndefined()
  expect(held.commit.cursor).toEqual({ source: 's', key: 'c', value: '1' })
  expect(first.waitsSinceMs()).toBe(0)
  const second = createRoutedPreparer(options)
  const saved = (held.commit.decoderState?.changes ?? []).map(({ key, value }) => {
    return [key, value ?? ''] as const
  })
  second.restore(saved)
  const { batch, commit } = second.prepare({ items: [entries[1]!] }, 1)
  expect(batch.events).toHaveLength(1)
  expect(fieldOf(batch.events![0]!.doc, 'message')).toBe(words.trimEnd())
  const gone = commit.decoderState?.changes.filter(({ key }) => key.startsWith('parts/'))
  expect(gone).toEqual(saved.map(([key]) => ({ key, value: undefined })))
})
