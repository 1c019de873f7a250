import { describe, expect, test } from 'vitest'
import { parseSigmaFile } from '../../src/lang/sigma/read.ts'
import { lowerSigma } from '../../src/lang/sigma/sigma.ts'
import { interpret } from '../../src/rule/interpret.ts'
import { lower, matches, problemsOf, ruleOf } from './sigma.ts'

describe('selections and keywords', () => {
  test('a map is AND, a list of maps OR, nested lists of values OR', () => {
    const detection = 'sel:\n  - {a: 1, b: 2}\n  - c: 3\ncondition: sel'
    expect(matches(detection, { a: 1, b: 2 })).toBe(true)
    expect(matches(detection, { a: 1 })).toBe(false)
    expect(matches(detection, { c: 3 })).toBe(true)
  })

  test('keywords are found anywhere, in any letter case, with wildcards', () => {
    const detection = "words:\n  - 'evil'\n  - 'a*z'\n  - 4697\ncondition: words"
    expect(matches(detection, { x: { y: ['so EVIL it is'] } })).toBe(true)
    expect(matches(detection, { x: 'the a to z of it' })).toBe(true)
    expect(matches(detection, { x: 4697 })).toBe(true)
    expect(matches(detection, { evil: 'name of a field' })).toBe(false)
  })

  test('keywords with all must all be found, and may be regular expressions', () => {
    expect(matches("words:\n  '|all': [one, two]\ncondition: words", { a: 'two', b: 'one' })).toBe(
      true,
    )
    expect(matches("words:\n  '|all': [one, two]\ncondition: words", { a: 'two' })).toBe(false)
    expect(matches("words:\n  '|re': '^t.o$'\ncondition: words", { a: 'two' })).toBe(true)
  })

  test('maps and texts may stand in one list', () => {
    const detection = 'sel:\n  - word\n  - {a: 1}\ncondition: sel'
    expect(matches(detection, { x: 'a word' })).toBe(true)
    expect(matches(detection, { a: 1 })).toBe(true)
  })
})

describe('conditions', () => {
  const body = (condition: string) =>
    `sel_a: {a: 1}\nsel_b: {b: 1}\nsel_c: {c: 1}\n_hidden: {h: 1}\nfilter: {f: 1}\ncondition: ${condition}`

  test.each<[string, Record<string, number>, boolean]>([
    ['sel_a and sel_b', { a: 1, b: 1 }, true],
    ['sel_a or sel_b and sel_c', { a: 1 }, true],
    ['(sel_a or sel_b) and sel_c', { a: 1 }, false],
    ['not sel_a and sel_b', { b: 1 }, true],
    ['not (sel_a and sel_b)', { a: 1 }, true],
    ['not not sel_a', { a: 1 }, true],
    ['SEL_A', {}, false],
    ['sel_a AND NOT sel_b', { a: 1 }, true],
    ['1 of sel_*', { c: 1 }, true],
    ['any of sel_*', { c: 1 }, true],
    ['all of sel_*', { a: 1, b: 1 }, false],
    ['all of sel_*', { a: 1, b: 1, c: 1 }, true],
    ['2 of sel_*', { a: 1, c: 1 }, true],
    ['2 of sel_*', { a: 1 }, false],
    ['1 of them', { h: 1 }, false],
    ['1 of them', { f: 1 }, true],
    ['1 of *_a', { a: 1 }, true],
    ['1 of s*_?', { b: 1 }, true],
    ['1 of sel_* and not 1 of filter*', { a: 1, f: 1 }, false],
    ['sel_a and not filter', { a: 1 }, true],
  ])('%s on %j is %s', (condition, event, expected) => {
    if (condition === 'SEL_A') {
      expect(problemsOf(lower(ruleOf(body(condition))))[0]).toContain('RULE_REFERENCE')
      return
    }
    expect(matches(body(condition), event)).toBe(expected)
  })

  test('a list of conditions matches where one of them does', () => {
    const detection = 'sel_a: {a: 1}\nsel_b: {b: 1}\ncondition:\n  - sel_a\n  - sel_b'
    expect(matches(detection, { b: 1 })).toBe(true)
  })

  test.each([
    ['sel_a and', 'RULE_CONDITION 11:14', 'at its end'],
    ['(sel_a', 'RULE_CONDITION', ''],
    ['sel_a sel_b', 'RULE_CONDITION', ''],
    ['sel_x', 'RULE_REFERENCE 11:14', 'no such selection'],
    ['1 of nothing*', 'RULE_REFERENCE', ''],
    [`${'('.repeat(5_000)}sel_a`, 'RULE_LIMIT', ''],
    [`${'not '.repeat(5_000)}sel_a`, 'RULE_LIMIT', ''],
  ])('%.20s is refused', (condition, start, part) => {
    const [problem] = problemsOf(lower(ruleOf(body(condition))))
    expect(problem?.startsWith(start.split(' ')[0] ?? '')).toBe(true)
    expect(problem).toContain(part)
  })
})

const FEED = `title: Feed
id: 11111111-aaaa
name: feed
logsource: {product: test}
detection: {sel: {kind: x}, condition: sel}
`
const correlation = (body: string, head = '') =>
  `${FEED}---\ntitle: Many\nid: many\n${head}correlation:\n  ${body.trim().replaceAll('\n', '\n  ')}\n`

describe('correlations', () => {
  test('a count names its rule by name or id, and silences it unless it says generate', () => {
    for (const reference of ['feed', '11111111-aaaa']) {
      const text = `type: event_count\nrules: [${reference}]\ngroup-by: [user]\ntimespan: 5m\ncondition: {gte: 10}`
      const { matches: rules, correlations } = lower(correlation(text))
      expect(rules[0]?.alerts).toBe(false)
      expect(correlations[0]?.correlation).toEqual({
        type: 'event_count',
        inputs: ['11111111-aaaa'],
        groupBy: [{ name: 'user', path: 'user' }],
        timespanMs: 300_000,
        condition: { gte: 10 },
        fields: [],
      })
    }
    const text = 'type: event_count\nrules: [feed]\ntimespan: 1h\ncondition: {gt: 1, lte: 5}'
    const loud = lower(correlation(text, 'generate: true\n'))
    expect(loud.matches[0]?.alerts).toBe(true)
    expect(loud.correlations[0]?.correlation).toMatchObject({ condition: { gt: 1, lte: 5 } })
  })

  test('aliases say per rule which field a key is read from', () => {
    const second = FEED.replace('name: feed', 'name: second').replace('11111111-aaaa', 'second-id')
    const text = `${second}---\n${correlation(
      'type: temporal\nrules: [feed, second]\ngroup-by: [ip]\ntimespan: 10s\n' +
        'aliases:\n  ip: {feed: destination.ip, second: source.ip}',
    )}`
    const { correlations } = lower(text)
    expect(correlations[0]?.correlation.groupBy).toEqual([
      {
        name: 'ip',
        path: 'destination.ip',
        paths: { '11111111-aaaa': 'destination.ip', 'second-id': 'source.ip' },
      },
    ])
  })

  test('fields of keys and values are mapped as those of the rule that feeds', () => {
    const text = correlation(
      'type: value_count\nrules: [feed]\ngroup-by: [src_ip]\ntimespan: 1m\ncondition: {gte: 3, field: client_id}',
    ).replace('product: test', 'product: mosquitto')
    const { correlations } = lower(text, {})
    expect(correlations[0]?.correlation).toMatchObject({
      fields: ['iot.mqtt.client_id'],
      groupBy: [{ name: 'src_ip', path: 'source.ip' }],
    })
  })

  test('temporal takes a boolean condition, or how many of its rules must occur', () => {
    const second = FEED.replace('name: feed', 'name: second').replace('11111111-aaaa', 'second-id')
    const of = (condition: string) =>
      lower(
        `${second}---\n${correlation(
          `type: temporal\nrules: [feed, second]\ntimespan: 1m\ncondition: ${condition}`,
        )}`,
      ).correlations[0]?.correlation
    expect(of('feed and not second')).toMatchObject({
      condition: {
        kind: 'and',
        parts: [
          { kind: 'ref', rule: '11111111-aaaa' },
          { kind: 'not', part: { kind: 'ref', rule: 'second-id' } },
        ],
      },
    })
    expect(of('{gte: 1}')).toMatchObject({ condition: { kind: 'or' } })
    expect(of('{gte: 2}')).not.toHaveProperty('condition')
  })

  test('an ordered temporal keeps its order where its condition joins all rules by and', () => {
    const second = FEED.replace('name: feed', 'name: second').replace('11111111-aaaa', 'second-id')
    const of = (rules: string, condition: string) =>
      lower(
        `${second}---\n${correlation(
          `type: temporal_ordered\n${rules}timespan: 1m\ncondition: ${condition}`,
        )}`,
      ).correlations[0]?.correlation
    const named = of('rules: [second, feed]\n', 'feed and second')
    expect(named).not.toHaveProperty('condition')
    expect(named?.inputs).toEqual(['second-id', '11111111-aaaa'])
    // Without a list of rules their order is that of the condition.
    const unnamed = of('', 'feed and second')
    expect(unnamed).not.toHaveProperty('condition')
    expect(unnamed?.inputs).toEqual(['11111111-aaaa', 'second-id'])
    expect(of('', 'feed or second')).toMatchObject({ condition: { kind: 'or' } })
  })

  test('a chain is lowered whatever the order of its documents', () => {
    const top =
      'title: Top\nid: top\ncorrelation: {type: temporal_ordered, rules: [many, feed], timespan: 1h}\n---\n'
    const { correlations, matches: rules } = lower(
      top + correlation('type: event_count\nrules: [feed]\ntimespan: 5m\ncondition: {gte: 10}'),
    )
    expect(correlations.map((rule) => [rule.meta.id, rule.alerts])).toEqual([
      ['many', false],
      ['top', true],
    ])
    expect(rules[0]?.alerts).toBe(false)
  })

  test('our own kinds: absence, first_seen, cardinality', () => {
    expect(
      lower(correlation('type: absence\nrules: [feed]\ngroup-by: [d]\ntimespan: 1h'))
        .correlations[0]?.correlation,
    ).toMatchObject({ type: 'absence', of: 'events', timespanMs: 3_600_000 })
    expect(
      lower(correlation('type: absence\nof: source\ntimespan: 10m')).correlations[0]?.correlation,
    ).toMatchObject({ of: 'source', inputs: [] })
    const first = correlation(
      'type: first_seen\nrules: [feed]\nfield: ip\ngroup-by: [user]\nhistory: 14d\nlearn: 1d',
    )
    expect(lower(first).correlations[0]?.correlation).toMatchObject({
      type: 'first_seen',
      fields: ['ip'],
      historyMs: 14 * 86_400_000,
      learnMs: 86_400_000,
    })
    const spread = correlation(
      'type: event_count\nrules: [feed]\ntimespan: 1m\ncondition: {gte: 9}\ncardinality: {field: ip, gte: 3}',
    )
    expect(lower(spread).correlations[0]?.correlation).toMatchObject({
      cardinality: [{ field: 'ip', condition: { gte: 3 } }],
    })
  })

  const over = (head: string): string => `type: ${head}\nrules: [feed]\ntimespan: 1m\n`
  test.each([
    ['event_count', 'condition: {gte: 100001}'],
    ['event_count', 'condition: {gt: 5, lt: 10001}'],
    ['value_count', 'condition: {field: ip, gte: 10001}'],
    ['event_count', 'condition: {gte: 9}\ncardinality: {field: ip, gte: 10001}'],
    ['event_count', 'condition: {gte: 10001}\ncardinality: {field: ip, gte: 3}'],
  ])('a correlation that counts to more than a group holds is refused: %s', (type, body) => {
    const lowered = lower(correlation(over(type) + body))
    expect(lowered.correlations).toEqual([])
    expect(problemsOf(lowered).join()).toMatch(/at most|more than/)
    const less = body.replace(/10000?1/, (text) => (text === '100001' ? '100000' : '10000'))
    expect(problemsOf(lower(correlation(over(type) + less)))).toEqual([])
  })

  test('what is no number of events may be as large as it likes', () => {
    const lowered = lower(correlation(`${over('value_sum')}condition: {field: ip, gte: 1e12}`))
    expect(problemsOf(lowered)).toEqual([])
  })

  test.each([
    ['type: event_cnt\nrules: [feed]\ntimespan: 1m\ncondition: {gte: 1}', 'RULE_INVALID'],
    ['type: event_count\nrules: [fed]\ntimespan: 1m\ncondition: {gte: 1}', 'RULE_REFERENCE'],
    ['type: event_count\nrules: [feed]\ntimespan: soon\ncondition: {gte: 1}', 'RULE_INVALID'],
    ['type: event_count\nrules: [feed]\ntimespan: 1m\ncondition: {about: 1}', 'RULE_INVALID'],
    ['type: value_count\nrules: [feed]\ntimespan: 1m\ncondition: {gte: 1}', 'RULE_INVALID'],
    ['type: event_count\ntimespan: 1m\ncondition: {gte: 1}', 'RULE_INVALID'],
  ])('%j is refused', (body, code) => {
    const lowered = lower(correlation(body))
    expect(lowered.correlations).toEqual([])
    expect(problemsOf(lowered)[0]).toContain(code)
  })
})

describe('what Sigma 1 wrote after a bar', () => {
  const legacy = (condition: string) =>
    lower(`${ruleOf(`sel: {a: 1}\nother: {b: 1}\ntimeframe: 10m\ncondition: ${condition}`)}`)

  test.each([
    [
      'sel | count() by src > 5',
      { type: 'event_count', condition: { gt: 5 }, timespanMs: 600_000 },
    ],
    ['sel | count(user) by src, dst >= 5', { type: 'value_count', fields: ['user'] }],
    ['sel | count() > 5', { groupBy: [] }],
    ['sel | sum(bytes) by src > 1000', { type: 'value_sum', fields: ['bytes'] }],
    ['sel | near other', { type: 'temporal', inputs: ['rule#1', 'rule#2'] }],
  ])('%s is a correlation', (condition, expected) => {
    expect(legacy(condition).correlations[0]?.correlation).toMatchObject(expected)
    expect(legacy(condition).matches.every((rule) => !rule.alerts)).toBe(true)
  })

  test('what has no clear meaning is refused by name', () => {
    expect(problemsOf(legacy('sel | max(x) by y > 5'))[0]).toContain('RULE_UNSUPPORTED')
    expect(problemsOf(legacy('sel | near other or sel'))[0]).toContain('RULE_UNSUPPORTED')
    expect(problemsOf(legacy('sel | count(x) by y > 10001'))[0]).toContain('RULE_UNSUPPORTED')
  })
})

describe('tuning without touching a rule', () => {
  const filter = (rules: string, condition = 'not sel') =>
    `title: Not ours\nid: filter\nlogsource: {product: test}\nfilter:\n  rules: ${rules}\n  sel: {host: lab}\n  condition: ${condition}\n`
  const holds = (text: string, event: Record<string, unknown>): boolean => {
    const [rule] = lower(text).matches
    return rule !== undefined && interpret(rule.condition, event)
  }

  test('a filter leaves events out of the rules it names', () => {
    for (const rules of ['[feed]', '11111111-aaaa', 'any', '[]']) {
      expect(holds(`${FEED}---\n${filter(rules)}`, { kind: 'x', host: 'lab' })).toBe(false)
      expect(holds(`${FEED}---\n${filter(rules)}`, { kind: 'x', host: 'plant' })).toBe(true)
    }
    expect(holds(`${FEED}---\n${filter('[other]')}`, { kind: 'x', host: 'lab' })).toBe(true)
    const elsewhere = filter('any').replace('product: test', 'product: windows')
    expect(holds(`${FEED}---\n${elsewhere}`, { kind: 'x', host: 'lab' })).toBe(true)
  })

  test('a filter that excludes nothing is warned of', () => {
    expect(problemsOf(lower(`${FEED}---\n${filter('any', 'sel')}`))[0]).toContain(
      'keeps only events',
    )
  })

  test('lists fill placeholders, macros are selections; both are appended to and overridden', () => {
    const rule = ruleOf("sel:\n  user|expand: '%admins%'\ncondition: sel and not trusted")
    const list = 'list: admins\nitems: [root, "adm*"]\n'
    const macro = 'macro: trusted\nselection: {host: jump}\n'
    const both = [rule, list, macro].join('---\n')
    expect(holds(both, { user: 'ADM-7' })).toBe(true)
    expect(holds(both, { user: 'root', host: 'jump' })).toBe(false)
    const more = `${both}---\nlist: admins\noverride: append\nitems: [svc]\n---\nmacro: trusted\noverride: append\nselection: {host: lab}\n`
    expect(holds(more, { user: 'svc' })).toBe(true)
    expect(holds(more, { user: 'root' })).toBe(true)
    expect(holds(more, { user: 'svc', host: 'lab' })).toBe(false)
    const other = `${both}---\nlist: admins\noverride: replace\nitems: [svc]\n`
    expect(holds(other, { user: 'root' })).toBe(false)
    expect(problemsOf(lower(`${both}---\n${list}`))[0]).toContain('RULE_DUPLICATE')
  })
})

describe('files', () => {
  test('a global document adds to those that follow', () => {
    const text =
      'action: global\ntitle: Both\nlevel: high\ndetection: {condition: sel}\n---\n' +
      'id: one\nlogsource: {product: a}\ndetection: {sel: {x: 1}}\n---\n' +
      'id: two\nlogsource: {product: b}\ndetection: {sel: {y: 1}}\n'
    const { matches: rules } = lower(text)
    expect(rules.map((rule) => [rule.meta.id, rule.meta.title, rule.meta.severity])).toEqual([
      ['one', 'Both', 'high'],
      ['two', 'Both', 'high'],
    ])
  })

  test('a rule without a log source mapping matches nothing, and is warned of', () => {
    const text = FEED.replace('product: test', 'product: unheard_of')
    const byDefault = lower(text, {})
    expect(problemsOf(byDefault)[0]).toContain('RULE_LOGSOURCE')
    expect(interpret(byDefault.matches[0]!.condition, { kind: 'x' })).toBe(false)
    const ignoring = lower(text, { ignoreLogsource: true })
    expect(interpret(ignoring.matches[0]!.condition, { kind: 'x' })).toBe(true)
  })

  test("Sigma's taxonomy becomes ECS", () => {
    const text = ruleOf(String.raw`sel: {Image|endswith: '\cmd.exe', Details: x, LogonType: 3}
condition: sel`).replace('product: test', 'product: windows\n  category: process_creation')
    const [rule] = lowerSigma([parseSigmaFile(text)]).matches
    const event = {
      event: { category: ['process'], type: ['start'] },
      host: { os: { type: 'windows' } },
      process: { executable: 'C:\\Windows\\cmd.exe' },
      registry: { data: { strings: ['x'] } },
      winlog: { event_data: { LogonType: '3' } },
    }
    expect(interpret(rule!.condition, event)).toBe(true)
    expect(interpret(rule!.condition, { ...event, host: { os: { type: 'linux' } } })).toBe(false)
  })

  test('a category without a product is that of any system', () => {
    const text = `title: t\nid: r\nlogsource: {category: process_creation}\ndetection: {s: {Image|endswith: /sh}, condition: s}`
    const [rule] = lower(text, {}).matches
    const of = (doc: Record<string, unknown>): boolean => interpret(rule!.condition, doc)
    const process = { executable: '/bin/sh' }
    expect(of({ event: { category: 'process', type: 'start' }, process })).toBe(true)
    expect(of({ event: { category: 'process', type: 'end' }, process })).toBe(false)
    expect(of({ Image: '/bin/sh' })).toBe(false)
  })

  test('where no log source is asked, names as written are looked at as well', () => {
    const text = (source: string) =>
      `title: t\nid: r\nlogsource: {${source}}\ndetection: {s: {CommandLine: a, X: null}, condition: s}`
    const windows = lower(text('product: windows'), { ignoreLogsource: true })
    const of = (doc: Record<string, unknown>): boolean =>
      interpret(windows.matches[0]!.condition, doc)
    expect(of({ CommandLine: 'A' })).toBe(true)
    expect(of({ process: { command_line: 'A' } })).toBe(true)
    expect(of({ CommandLine: 'A', X: 'x' })).toBe(false)
    expect(of({ CommandLine: 'A', winlog: { event_data: { X: 'x' } } })).toBe(false)
    // Nothing to warn of: the rule is tried.
    expect(problemsOf(lower(text('product: unheard-of'), { ignoreLogsource: true }))).toEqual([])
  })

  test('fields of Windows event logs are found where the agents leave them and where they move them', () => {
    const lowered = lower(
      `title: t\nid: r\nlogsource: {product: windows, service: security}\ndetection: {s: {NewProcessName|endswith: cmd.exe}, condition: s}`,
      {},
    )
    const [rule] = lowered.matches
    const of = (doc: Record<string, unknown>): boolean =>
      interpret(rule!.condition, { winlog: { channel: 'Security' }, ...doc })
    expect(of({ process: { executable: 'C:\\cmd.exe' } })).toBe(true)
    expect(of({ 'winlog.event_data.NewProcessName': 'C:\\cmd.exe' })).toBe(true)
    expect(of({ NewProcessName: 'C:\\cmd.exe' })).toBe(true)
    expect(of({ process: { name: 'C:\\cmd.exe' } })).toBe(false)
  })

  test("Sysmon's events are known by channel and code where no ECS category is set", () => {
    const text = ruleOf(String.raw`sel: {ImageLoaded|endswith: '\evil.dll', User|contains: 'SYSTEM'}
condition: sel`).replace('product: test', 'product: windows\n  category: image_load')
    const [rule] = lowerSigma([parseSigmaFile(text)]).matches
    const event = {
      event: { code: '7' },
      file: { path: 'C:\\Temp\\evil.dll' },
      winlog: {
        channel: 'Microsoft-Windows-Sysmon/Operational',
        event_data: { User: 'NT AUTHORITY\\SYSTEM' },
      },
    }
    expect(interpret(rule!.condition, event)).toBe(true)
    expect(interpret(rule!.condition, { ...event, event: { code: '11' } })).toBe(false)
    const winlog = { ...event.winlog, channel: 'Security' }
    expect(interpret(rule!.condition, { ...event, winlog })).toBe(false)
  })
})

describe('what is malformed is told with its place and what may have been meant', () => {
  const RULE = [
    'title: t',
    'logsource: {product: x}',
    'detection:',
    '  sel: {f: a}',
    '  condition: sel',
    '',
  ].join('\n')
  test.each([
    ['title: t\n', '', 'RULE_INVALID 1:1 A rule needs "title".', /such as/],
    ['condition: sel', 'condition: sel and', 'RULE_CONDITION 5:21', /joined by and, or, not/],
    [
      'condition: sel',
      'condition: []',
      'RULE_CONDITION 5:14 The list of conditions is empty.',
      null,
    ],
    ['condition: sel', 'cond: sel', 'RULE_INVALID 4:3 A detection needs "condition".', /such as/],
    ['sel: {f: a}', 'sel:', 'RULE_INVALID 4:7 The selection is empty.', null],
    [/detection:[^]*/, 'detection: [a]\n', 'RULE_INVALID 3:12 The detection is no map', null],
    [
      'f: a',
      'f: [a, null]',
      'RULE_INVALID 4:9 f has null among its values',
      /selection of its own/,
    ],
  ])('%s becoming %s', (from, to, expected, hint) => {
    const lowered = lower(RULE.replace(from, to))
    expect(problemsOf(lowered)[0]).toContain(expected)
    const [problem] = lowered.documents[0]?.problems ?? []
    if (hint !== null) expect(problem?.hint).toMatch(hint)
  })
})
