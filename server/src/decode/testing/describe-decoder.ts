import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Decoder, DecoderSpec, Draft } from '../../model/decoder.ts'
import {
  decodeInto,
  linesWithEvents,
  newTold,
  RECEIVED_MS,
  settleInto,
  type Told,
} from './decode-text.ts'

export interface DecoderUnderTest {
  readonly spec: DecoderSpec
  /** Lines of the kind that the decoder is for, related to one another. */
  readonly lines: fc.Arbitrary<string>
  readonly options?: Readonly<Record<string, unknown>>
  /** Names of the counters of `stats` and their limits. */
  readonly limits?: Readonly<Record<string, number>>
}

/** The contract that every decoder keeps. */
export function describeDecoder(
  name: string,
  { spec: given, lines, limits = {}, options }: DecoderUnderTest,
): void {
  const spec: DecoderSpec = { ...given, create: () => given.create(options) }
  describe(`${name} keeps the contract of decoders`, () => {
    const hostile = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 300 }),
      fc.string({ unit: 'grapheme', maxLength: 100 }),
      lines.chain((line) => mutated(line)),
      fc.tuple(lines, lines).map(([a, b]) => a + b),
      fc.tuple(fc.nat(2_000), fc.string({ maxLength: 5 })).map(([n, s]) => s.repeat(n)),
    )

    test('any text ends in exactly one of events, routine and reject, and nothing is thrown', () => {
      fc.assert(
        fc.property(fc.array(fc.oneof(lines, hostile), { maxLength: 40 }), (texts) => {
          const told = run(spec.create(), texts)
          const events = linesWithEvents(told)
          expect(told.lines).toBe(events + told.routineLines + told.rejects.length)
        }),
        { numRuns: 400 },
      )
    })

    test('a restart at any place changes nothing', () => {
      fc.assert(
        fc.property(
          fc.array(fc.oneof({ weight: 5, arbitrary: lines }, hostile), { maxLength: 60 }),
          fc.array(fc.nat(60), { maxLength: 4 }),
          (texts, cuts) => {
            const whole = run(spec.create(), texts)
            const parts = runWithRestarts(spec, texts, new Set(cuts))
            expect(view(parts)).toEqual(view(whole))
          },
        ),
        { numRuns: 400 },
      )
    })

    test('what was taken is not given again', () => {
      fc.assert(
        fc.property(fc.array(lines, { maxLength: 30 }), (texts) => {
          const decoder = spec.create()
          run(decoder, texts)
          decoder.takeChanges?.()
          expect(decoder.takeChanges?.() ?? []).toEqual([])
        }),
        { numRuns: 50 },
      )
    })

    test('saved memory of another making is survived', () => {
      const entry = fc.tuple(fc.string({ maxLength: 12 }), fc.string({ maxLength: 40 }))
      fc.assert(
        fc.property(fc.array(entry), fc.array(lines, { maxLength: 10 }), (entries, texts) => {
          const decoder = spec.create()
          decoder.restore?.(entries)
          run(decoder, texts)
        }),
        { numRuns: 100 },
      )
    })

    test('memory keeps its limits', () => {
      const decoder = spec.create()
      const [sample = []] = fc.sample(fc.array(lines, { minLength: 200, maxLength: 200 }), {
        numRuns: 1,
        seed: 7,
      })
      for (let round = 0; round < 20; round++) {
        run(
          decoder,
          sample.map((line) => line.replaceAll('1', String(round))),
        )
      }
      const stats = decoder.stats?.() ?? {}
      for (const [counter, limit] of Object.entries(limits)) {
        expect(stats[counter], counter).toBeLessThanOrEqual(limit)
      }
    })

    test('deep and odd values are answered, never thrown at', () => {
      const deep = (open: string, close: string): string => open.repeat(5_000) + close.repeat(5_000)
      const keys = '"__proto__":{"a":1},"constructor":{"b":2},"toString":"x"'
      for (const text of [
        deep('{"a":', '}').replace('{"a":}', '{"a":1}'),
        deep('[', ']'),
        `{"event":${deep('[', ']')},"type":"x"}`,
        `{${keys}}`,
        `{"timestamp":1e308,"time":-1e308,"ts":"9".repeat(400),${keys}}`,
        '{"timestamp":{"a":[]},"message":["x",null,{"y":1}],"type":[1],"event_type":null}',
        '\u0000'.repeat(3),
        'a\u0000b \ud800 c\udfff',
        '{"message":"\\ud800","type":"\\udc00\\u0000"}',
        '\ufeff{"a":1}',
        '\u2028\u2029\u0085',
      ]) {
        expect(run(spec.create(), [text]).lines).toBe(1)
      }
    })

    test('real lines with NULs and lone surrogates in them are answered', () => {
      const spoilt = fc
        .tuple(
          lines,
          fc.nat(300),
          fc.constantFrom('\u0000', '\ud800', '\udfff', '\u001b', '\ufffe'),
        )
        .map(([line, at, put]) => line.slice(0, at) + put + line.slice(at))
      fc.assert(
        fc.property(fc.array(spoilt, { maxLength: 30 }), (texts) => {
          const told = run(spec.create(), texts)
          expect(told.lines).toBe(linesWithEvents(told) + told.routineLines + told.rejects.length)
        }),
        { numRuns: 100 },
      )
    })

    test('a line of a megabyte is answered at once', () => {
      for (const unit of [
        'a',
        '(',
        ' (p2, c1',
        " (c1, k1, u'",
        '"',
        '[',
        '{"a":',
        "', ... (",
        ': ',
        '\u001b[',
        '=',
        'k="',
        '\\"',
        ', ',
      ]) {
        const text = unit.repeat(Math.floor(1_000_000 / unit.length))
        const told = run(spec.create(), [text, `1795301345: Client ${text}`, text.slice(0, 60_000)])
        expect(told.lines).toBe(3)
      }
    })
  })
}

function run(decoder: Decoder, texts: readonly string[]): Told {
  const told = newTold()
  for (const [index, text] of texts.entries()) {
    decodeInto(told, decoder, { text, key: String(index), receivedMs: RECEIVED_MS + index * 10 })
  }
  settleInto(told, decoder)
  return told
}

function runWithRestarts(spec: DecoderSpec, texts: readonly string[], cuts: Set<number>): Told {
  const told = newTold()
  const saved = new Map<string, string>()
  let decoder = spec.create()
  for (const [index, text] of texts.entries()) {
    if (cuts.has(index)) {
      for (const { key, value } of decoder.takeChanges?.() ?? []) {
        if (value === undefined) saved.delete(key)
        else saved.set(key, value)
      }
      decoder = spec.create()
      decoder.restore?.(saved)
    }
    decodeInto(told, decoder, { text, key: String(index), receivedMs: RECEIVED_MS + index * 10 })
  }
  settleInto(told, decoder)
  return told
}

/** What is compared: everything that leaves the decoder. */
function view(told: Told): unknown {
  const draftView = ({ timeMs, action, doc, part, origin, original }: Draft): unknown =>
    JSON.parse(JSON.stringify({ timeMs, action, doc, part, origin: origin?.key, original }))
  return {
    drafts: told.drafts.map(draftView),
    routine: [...told.routine].sort(([a], [b]) => (a < b ? -1 : 1)),
    rejects: told.rejects,
  }
}

/** A line with a part cut out, doubled or changed. */
function mutated(line: string): fc.Arbitrary<string> {
  const at = fc.nat(Math.max(0, line.length))
  return fc.tuple(at, at, fc.string({ unit: 'binary', maxLength: 6 })).map(([a, b, put]) => {
    const [from, to] = a < b ? [a, b] : [b, a]
    return line.slice(0, from) + put + line.slice(to)
  })
}
