import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { StateChange } from '../../model/decoder.ts'
import type { RawItem } from '../../model/source.ts'
import { type JoinEnd, type Joining, LineJoiner } from './joiner.ts'
import { jsonForm } from './json-form.ts'
import { continuesForm, indentedForm, startForm, traceForm } from './text-forms.ts'
import { xmlForm } from './xml-form.ts'

const joining = (more: Partial<Joining> = {}): Joining => ({
  ...{ form: jsonForm, unwrap: false, bare: true },
  ...{ linesMax: 1_000, charactersMax: 100_000, timeoutMs: 5_000 },
  ...more,
})
let keys = 0
const item = (text: string, stream = 'f'): RawItem => {
  keys += 1
  return { text, key: `k${keys}`, stream, receivedMs: 0 }
}
const texts = (items: readonly RawItem[]): string[] => items.map(({ text }) => text)

/** All at once, to the end. */
function join(lines: readonly string[], how: Partial<Joining> = {}): string[] {
  const joiner = new LineJoiner(joining(how))
  const items = lines.map((line) => item(line))
  return texts([...joiner.join(items, 0), ...joiner.settle(0, true)])
}

test('a document on several lines is one item, named by its first line', () => {
  const pretty = JSON.stringify({ Records: [{ a: 'x } {' }, { b: [] }] }, null, 2).split('\n')
  const lines = ['{"before":1}', ...pretty, 'text', '$aws/t/x {', '"a": 1}', '[', ']']
  const items = lines.map((line, at) => ({ ...item(line), facts: { line: String(at + 1) } }))
  const made = new LineJoiner(joining()).join(items, 0)
  expect(texts(made)).toEqual([
    ...['{"before":1}', pretty.join('\n'), 'text', '$aws/t/x {\n"a": 1}', '[\n]'],
  ])
  expect(made[1]).toMatchObject({
    key: items[1]!.key,
    facts: { line: '2', lines: String(pretty.length) },
  })
})

test('what breaks off is left as lines, and hides nothing behind it', () => {
  const lines = ['{"a":', '{"b":1}', '{', '  "a": "x', '}', '[{"c":1},', '{"d":1}]', '{', '"e": 1']
  expect(join(lines)).toEqual([
    ...['{"a":', '{"b":1}', '{', '  "a": "x', '}', '[{"c":1},\n{"d":1}]', '{', '"e": 1'],
  ])
})

test('XML goes to the end of its element, whatever stands in comments, sections and values', () => {
  const event = [
    ...[
      '<?xml version="1.0"?>',
      '<Event a="<>/">',
      ' <!-- </Event>',
      ' -->',
      ' <Data',
      "  b='/>'/>",
    ],
    ...[' <![CDATA[ </Event>', ' ]]>', ' <Name>x</Name>', '</Event>'],
  ]
  expect(join([...event, 'plain', '<a/>', '<a>', 'x < y', '</a>'], { form: xmlForm })).toEqual([
    event.join('\n'),
    ...['plain', '<a/>', '<a>', 'x < y', '</a>'],
  ])
  expect(join(['<13>Nov 22 06:00:00 a b: x', '</a>'], { form: xmlForm })).toHaveLength(2)
})

test.each([
  [
    'Java',
    ['java.lang.X: is told', '\tat a.B.c(B.java:1)', 'Caused by: y.ZException: w', '\t... 3 more'],
  ],
  [
    'Java behind its log line',
    [
      '06:00 ERROR cannot',
      'java.io.IOException: no',
      '\tat a.B.c(B.java:1)',
      'Suppressed: x.YError',
      '  at d',
    ],
  ],
  [
    'Python, chained',
    [
      ...[
        'ERROR:root:failed',
        'Traceback (most recent call last):',
        '  File "a.py", line 1, in f',
        "KeyError: 'a'",
        '',
      ],
      ...['During handling of the above exception, another exception occurred:', ''],
      ...['Traceback (most recent call last):', '  File "a.py", line 3, in g', 'ValueError'],
    ],
  ],
  [
    'Go',
    [
      ...[
        'panic: runtime error: index out of range',
        '',
        'goroutine 1 [running]:',
        'main.(*T).run(0xc0, 0x1)',
      ],
      ...['\t/src/main.go:8 +0x1d', 'created by main.main', '\t/src/main.go:3 +0x2'],
    ],
  ],
  [
    '.NET',
    [
      'System.Exception: a',
      ' ---> System.IO.IOException: b',
      '   at C.D()',
      '   --- End of inner exception',
    ],
  ],
])('a stack trace of %s is one record; what follows is another', (_, lines) => {
  const after = '2026-11-22 06:00:01 INFO goes on'
  expect(join(['06:00 INFO before', ...lines, after], { form: traceForm })).toEqual(
    // A thrown class alone belongs to the line that tells of it.
    lines[0]!.startsWith('System')
      ? [['06:00 INFO before', ...lines].join('\n'), after]
      : ['06:00 INFO before', lines.join('\n'), after],
  )
})

test('by patterns, and by white space', () => {
  const lines = ['2026 a', 'b', ' c', '2026 d']
  expect(join(lines, { form: startForm('^\\d{4} ') })).toEqual(['2026 a\nb\n c', '2026 d'])
  expect(join(lines, { form: continuesForm('^ ') })).toEqual(['2026 a', 'b\n c', '2026 d'])
  expect(join(lines, { form: indentedForm })).toEqual(['2026 a', 'b\n c', '2026 d'])
})

test('streams, and the senders in one stream, are joined each by itself', () => {
  const joiner = new LineJoiner(joining({ form: indentedForm, unwrap: true, bare: false }))
  const head = (host: string): string => `<11>Nov 22 06:00:00 ${host} app[7]: `
  const docker = (log: string): string => JSON.stringify({ log: `${log}\n`, stream: 'stdout' })
  const made = [
    ...joiner.join([item(`${head('a')}one`, 's'), item(docker('in'), 'd')], 0),
    ...joiner.join([item(`${head('b')}two`, 's'), item(`${head('a')}#011more`, 's')], 1),
    ...joiner.join([item(' stray', 't'), item(docker(' it'), 'd')], 2),
    ...joiner.settle(3, true),
  ]
  expect(texts(made).toSorted()).toEqual(
    [
      ...[`${head('a')}one\n\tmore`, `${head('b')}two`, ' stray'],
      JSON.stringify({ log: 'in\n it', stream: 'stdout' }),
    ].toSorted(),
  )
})

test('a container line nested without end is joined with nothing, and stops nothing', () => {
  const joiner = new LineJoiner(joining({ form: indentedForm, unwrap: true, bare: false }))
  const deep = `{"log":"in","attrs":${'['.repeat(50_000)}${']'.repeat(50_000)}}`
  const lines = [deep, deep, JSON.stringify({ log: ' it' })]
  const made = joiner.join(
    lines.map((line) => item(line)),
    0,
  )
  expect([...texts(made), ...texts(joiner.settle(1, true))].toSorted()).toEqual(lines.toSorted())
})

test('a record ends when nothing was added for its time, one of a request with it', () => {
  const ends: JoinEnd[] = []
  const joiner = new LineJoiner(joining({ form: indentedForm }), (end) => ends.push(end))
  expect(joiner.join([item('a', 'x'), item(' b', 'x')], 1_000)).toEqual([])
  expect(joiner.settle(5_999, false)).toEqual([])
  expect(texts(joiner.join([item('c', 'y')], 6_000))).toEqual(['a\n b'])
  // What is whole by itself is no part of what is open.
  expect(texts(joiner.join([item('d', 'y'), item(' e', 'y')], 6_001, true))).toEqual(['d\n e'])
  expect(texts(joiner.join([item(' f', 'y')], 6_002))).toEqual([])
  expect(texts(joiner.settle(6_003, true))).toEqual(['c\n f'])
  expect(joiner.isHolding).toBe(false)
  expect(ends).toEqual(['quiet', 'quiet', 'quiet'])
  // A clock that was set back does not hold it.
  joiner.join([item('e')], 9_000)
  expect(texts(joiner.settle(8_000, false))).toEqual(['e'])
})

test('what is open together is limited in characters, however few its streams', () => {
  const ends: JoinEnd[] = []
  const limits = { form: indentedForm, charactersMax: 100 }
  const joiner = new LineJoiner(joining(limits), (end) => ends.push(end))
  let out = 0
  for (let stream = 0; stream < 60; stream++) {
    out += joiner.join(
      [item('x'.repeat(50), `s${stream}`), item(' '.repeat(45), `s${stream}`)],
      0,
    ).length
  }
  // 32 records of the largest size, each of these nearly one.
  expect(out).toBe(60 - 33)
  expect(ends).toEqual(Array.from({ length: 27 }, () => 'limit'))
  // A line that is too long by itself waits for nothing.
  expect(texts(joiner.join([item('y'.repeat(101), 'long')], 0))).toContain('y'.repeat(101))
})

test('documents nested too deeply are left as lines; of a long line the beginning is judged', () => {
  const opening = Array.from({ length: 70 }, () => '{"a":')
  const braces = [...opening, '1', ...opening.map(() => '}')]
  expect(join(braces)[0]).toBe('{"a":')
  const tags = [
    ...Array.from({ length: 300 }, () => '<a>'),
    ...Array.from({ length: 300 }, () => '</a>'),
  ]
  expect(join(tags, { form: xmlForm }).length).toBeGreaterThan(1)
  const far = `${'x'.repeat(5_000)}END`
  expect(join(['a', far], { form: continuesForm('END$') })).toEqual(['a', far])
})

test('a record, a stream and all of them together are limited; what is over goes out', () => {
  expect(join(['a', ' b', ' c', ' d'], { form: indentedForm, linesMax: 2 })).toEqual([
    'a\n b',
    ' c\n d',
  ])
  expect(join(['{', '"a":1,', '"b":2}'], { linesMax: 2 })).toEqual(['{', '"a":1,', '"b":2}'])
  const joiner = new LineJoiner(joining({ form: indentedForm, charactersMax: 1_024 }))
  let out = 0
  for (let stream = 0; stream < 1_500; stream++) {
    out += joiner.join([item('x'.repeat(stream < 100 ? 1_000 : 1), `s${stream}`)], 0).length
  }
  expect(out).toBeGreaterThanOrEqual(500)
  expect(out + joiner.settle(0, true).length).toBe(1_500)
})

/** A journal's view of the memory: what was committed, as after a kill. */
class Kept {
  readonly entries = new Map<string, string>()

  commit(changes: readonly StateChange[]): void {
    for (const { key, value } of changes) {
      if (value === undefined) this.entries.delete(key)
      else this.entries.set(key, value)
    }
  }
}

const line = fc.constantFrom(
  '{',
  '}',
  '[',
  ']',
  '"',
  '{"a":1}',
  '  "a": {',
  ' x',
  'a/b {',
  '',
  'Caused by: x',
)

test('whatever the lines, the batches and the kills: no line is lost, doubled or changed', () => {
  const forms = fc.constantFrom(jsonForm, xmlForm, traceForm, indentedForm, startForm('^\\w'))
  const batch = fc.tuple(fc.array(line, { maxLength: 5 }), fc.boolean(), fc.nat(6_000))
  fc.assert(
    fc.property(forms, fc.array(batch, { maxLength: 12 }), (form, batches) => {
      const kept = new Kept()
      const how = joining({ form, linesMax: 6 })
      let joiner = new LineJoiner(how)
      const whole = new LineJoiner(how)
      const out: string[] = []
      const expected: string[] = []
      let nowMs = 0
      for (const [lines, isKilled, passedMs] of batches) {
        // A restarted one grants what it holds its time anew: then let no time pass.
        nowMs += isKilled ? 0 : passedMs
        const items = lines.map((text) => item(text))
        out.push(...texts(joiner.join(items, nowMs)))
        kept.commit(joiner.takeChanges())
        expected.push(...texts(whole.join(items, nowMs)))
        if (!isKilled) continue
        joiner = new LineJoiner(how)
        expect(joiner.restore([...kept.entries])).toEqual([])
      }
      out.push(...texts(joiner.settle(nowMs, true)))
      kept.commit(joiner.takeChanges())
      expected.push(...texts(whole.settle(nowMs, true)))
      expect(out.join('\n')).toBe(batches.flatMap(([lines]) => lines).join('\n'))
      expect([...kept.entries]).toEqual([])
      if (batches.every(([, isKilled]) => !isKilled)) expect(out).toEqual(expected)
    }),
    { seed: 6 },
  )
})

test('a killed one goes on where it was, and leaves nothing behind', () => {
  const kept = new Kept()
  const first = new LineJoiner(joining())
  first.join([item('{'), item('"a": [')], 0)
  kept.commit(first.takeChanges())
  first.join([item('1,'), item('2]')], 1)
  kept.commit(first.takeChanges())
  expect(kept.entries.size).toBe(2)
  const second = new LineJoiner(joining())
  expect(second.restore([['other', 'x'], ...kept.entries])).toEqual([['other', 'x']])
  // However long it was away.
  expect(texts(second.join([item('}')], 1_000_000))).toEqual(['{\n"a": [\n1,\n2]\n}'])
  kept.commit(second.takeChanges())
  expect([...kept.entries]).toEqual([])
})

test('what was saved under another form comes out, once', () => {
  const kept = new Kept()
  const first = new LineJoiner(joining({ form: indentedForm }))
  first.join([item('a'), item(' b')], 0)
  kept.commit(first.takeChanges())
  const second = new LineJoiner(joining())
  second.restore([...kept.entries])
  expect(texts(second.settle(0, true))).toEqual(['a', ' b'])
  kept.commit(second.takeChanges())
  expect([...kept.entries]).toEqual([])
})
