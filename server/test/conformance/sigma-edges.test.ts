import { describe, expect, test } from 'vitest'
import { parseSigmaFile } from '../../src/lang/sigma/read.ts'
import { lowerSigma } from '../../src/lang/sigma/sigma.ts'
import { interpret } from '../../src/rule/interpret.ts'
import { alertsOf, itemMatches, lower, matches, problemsOf, ruleOf } from './sigma.ts'

/** Corners of the specification (2.1.0) and of pySigma's own tests that others get wrong. */

describe('patterns of selection names', () => {
  const body = (condition: string) =>
    `sel_a: {a: 1}\nsel_b: {b: 1}\n_hidden: {h: 1}\ncondition: ${condition}`

  // Specification, "1/all of search-identifier-pattern": the same as `them`, but restricted.
  test.each<[string, Record<string, number>, boolean]>([
    ['1 of *', { h: 1 }, false],
    ['all of *', { a: 1, b: 1 }, true],
    ['1 of *e*', { h: 1 }, false],
    ['1 of _*', { h: 1 }, true],
    ['1 of _hidden', { h: 1 }, true],
    ['_hidden', { h: 1 }, true],
  ])('%s on %j is %s', (condition, event, expected) => {
    expect(matches(body(condition), event)).toBe(expected)
  })

  test('room for filters that are not there excludes nothing, and is warned of', () => {
    const detection = body('sel_a and not 1 of filter_*').replace('sel_b:', '_sel_b:')
    expect(matches(detection, { a: 1 })).toBe(true)
    expect(problemsOf(lower(ruleOf(detection)))).toEqual([
      'RULE_REFERENCE 9:28 No selection fits "filter_*".',
    ])
    for (const condition of ['1 of filter_*', 'not not 1 of filter_*', 'not all of filter_*']) {
      expect(lower(ruleOf(body(condition))).matches).toEqual([])
    }
  })
})

describe('modifiers', () => {
  test('windash takes every kind of dash for every other', () => {
    for (const dash of ['-', '/', '\u2013', '\u2014', '\u2015']) {
      for (const other of ['-', '/', '\u2013', '\u2014', '\u2015']) {
        expect(itemMatches(`f|windash|contains: ' ${dash}x'`, { f: `cmd ${other}x` })).toBe(true)
      }
    }
  })

  const filled = (item: string, items: string) =>
    `${ruleOf(`sel:\n  ${item}\ncondition: sel`)}---\nlist: who\nitems: ${items}\n`

  test('placeholders stand in regular expressions too', () => {
    const holds = (item: string, items: string, value: string): boolean => {
      const { matches: rules } = lower(filled(item, items))
      return rules.length > 0 && interpretOne(filled(item, items), { f: value })
    }
    for (const item of ["f|re|expand: '^%who%-[0-9]$'", "f|expand|re: '^%who%-[0-9]$'"]) {
      expect(holds(item, '[cam, door]', 'door-7')).toBe(true)
      expect(holds(item, '[cam, door]', 'lamp-7')).toBe(false)
      expect(holds(item, '["c.m"]', 'cam-7')).toBe(true)
    }
    expect(problemsOf(lower(filled("f|re|expand: 'x%who%'", '["("]')))[0]).toContain('RULE_REGEX')
    const unknown = ruleOf("sel:\n  f|re|expand: '%them%'\ncondition: sel")
    expect(problemsOf(lower(unknown))[0]).toContain('The placeholder %them% has no values.')
  })

  test('a percent sign with a backslash is plain; a placeholder may hold a space', () => {
    const plain = filled(String.raw`f|expand: '\%plain%who%'`, '[x]')
    expect(interpretOne(plain, { f: '%plainx' })).toBe(true)
    const spaced = filled("f|expand: '%no one%'", '[x]')
    expect(problemsOf(lower(spaced))[0]).toContain('The placeholder %no one% has no values.')
  })
})

function interpretOne(text: string, event: Record<string, unknown>): boolean {
  return alertsOf([text], [event]).length > 0
}

describe('keys and values of correlations', () => {
  const many = (body: string, logsource = 'product: windows, service: security') =>
    `title: Base\nid: base\nname: base\nlogsource: {${logsource}}\n` +
    `detection: {sel: {EventID: 4625}, condition: sel}\n---\n` +
    `title: Many\nid: many\ncorrelation:\n  type: ${body}\n  rules: [base]\n  timespan: 5m\n`
  const counted = many('event_count\n  group-by: [TargetUserName]\n  condition: {gte: 2}')

  test('are found wherever the field may stand', () => {
    const plain = { EventID: 4625, TargetUserName: 'root' }
    const found = alertsOf([counted], [plain, plain], { ignoreLogsource: true })
    expect(found).toMatchObject([{ rule: { id: 'many' }, group: { TargetUserName: 'root' } }])
    const shipped = {
      winlog: { channel: 'Security', event_data: { TargetUserName: 'root' } },
      event: { code: 4625 },
    }
    expect(alertsOf([counted], [shipped, shipped], {})).toMatchObject([
      { group: { TargetUserName: 'root' } },
    ])
    const distinct = many(
      'value_count\n  group-by: [TargetUserName]\n  condition: {gte: 2, field: IpAddress}',
    )
    const from = (address: string) => ({ ...plain, IpAddress: address })
    const spread = alertsOf([distinct], [from('10.0.0.1'), from('10.0.0.2')], {
      ignoreLogsource: true,
    })
    expect(spread).toMatchObject([{ rule: { id: 'many' } }])
  })

  test('a value may be named by an alias, and differ between rules', () => {
    const text =
      'title: A\nid: a\nname: a\nlogsource: {product: x}\ndetection: {s: {k: a}, condition: s}\n---\n' +
      'title: B\nid: b\nname: b\nlogsource: {product: x}\ndetection: {s: {k: b}, condition: s}\n---\n' +
      'title: C\nid: c\ncorrelation:\n  type: value_count\n  rules: [a, b]\n  timespan: 5m\n' +
      '  group-by: [user]\n  aliases:\n    user: {a: src_user, b: dst_user}\n' +
      '    address: {a: src_ip, b: dst_ip}\n  condition: {field: address, gte: 2}\n'
    const one = { k: 'a', src_user: 'u', src_ip: '1' }
    expect(alertsOf([text], [one, { k: 'b', dst_user: 'u', dst_ip: '2' }])).toMatchObject([
      { rule: { id: 'c' }, group: { user: 'u' }, count: 2 },
    ])
    expect(alertsOf([text], [one, { k: 'b', dst_user: 'u', dst_ip: '1' }])).toEqual([])
    expect(alertsOf([text], [one, { k: 'b', dst_user: 'v', dst_ip: '2' }])).toEqual([])
  })

  test('of a rule with the old count are found alike', () => {
    const text =
      'title: Old\nid: old\nlogsource: {product: windows, service: security}\n' +
      'detection:\n  sel: {EventID: 4625}\n  timeframe: 5m\n' +
      '  condition: sel | count(IpAddress) by TargetUserName > 1\n'
    const event = (address: string) => ({ EventID: 4625, TargetUserName: 'u', IpAddress: address })
    const events = [event('10.0.0.1'), event('10.0.0.2')]
    expect(alertsOf([text], events, { ignoreLogsource: true })).toHaveLength(1)
  })
})

describe('collections in one file', () => {
  const parts = (head: string) =>
    `action: global\ntitle: Both\n${head}detection: {condition: sel}\n---\n` +
    'logsource: {product: a}\ndetection: {sel: {x: 1}}\n---\n' +
    'logsource: {product: b}\ndetection: {sel: {y: 1}}\n'

  test('documents that have the id of their global document are one rule', () => {
    const { matches: rules } = lower(parts('id: both\n'))
    expect(rules.map((rule) => rule.meta.id)).toEqual(['both'])
    for (const event of [{ x: 1 }, { y: 1 }]) {
      expect(alertsOf([parts('id: both\n')], [event])).toMatchObject([{ rule: { id: 'both' } }])
    }
    const count =
      '---\ntitle: C\nid: c\ncorrelation: {type: event_count, rules: [both], timespan: 1m, condition: {gte: 2}}\n'
    expect(alertsOf([parts('id: both\n') + count], [{ x: 1 }, { y: 1 }])).toMatchObject([
      { rule: { id: 'c' }, count: 2 },
    ])
  })

  test('one rule has the group key and fields of all of its log sources', () => {
    const both = (head: string) =>
      `action: global\ntitle: Both\nid: both\n${head}detection: {sel: {x: 1}, condition: sel}\n---\n` +
      'logsource: {product: linux, category: process_creation}\n---\n' +
      'logsource: {product: windows, category: process_creation}\nfields: [LogonGuid]\n'
    const [rule, ...others] = lower(both('group-by: [Image]\nfields: [Image]\n'), {}).matches
    expect(others).toEqual([])
    const paths = rule?.groupBy.flatMap((path) => [path, ...(rule.alternatives?.[path] ?? [])])
    expect(paths).toContain('winlog.event_data.Image')
    expect(rule?.fields).toContain(rule?.groupBy[0])
    expect(rule?.fields).toHaveLength(2)
  })

  test('without an id they are rules of their own; an id that stands twice is refused', () => {
    expect(lower(parts('')).matches).toHaveLength(2)
    const twice = parts('id: both\n').replaceAll('logsource', 'id: own\nlogsource')
    expect(problemsOf(lower(twice))[0]).toContain('RULE_DUPLICATE')
  })

  test('a repeated document adds to the one before it, a reset ends what is global', () => {
    const text =
      'title: A\nid: a\nlogsource: {product: a}\ndetection: {sel: {x: 1}, condition: sel}\n---\n' +
      'action: repeat\nid: b\ndetection: {sel: {y: 1}}\n---\n' +
      'action: global\nlevel: high\n---\naction: reset\n---\n' +
      'title: C\nid: c\nlogsource: {product: a}\ndetection: {sel: {z: 1}, condition: sel}\n'
    const { matches: rules } = lower(text)
    expect(rules.map(({ meta }) => [meta.id, meta.severity])).toEqual([
      ['a', 'medium'],
      ['b', 'medium'],
      ['c', 'medium'],
    ])
    expect(alertsOf([text], [{ x: 1, y: 1 }]).map((alert) => alert.rule.id)).toEqual(['a', 'b'])
    expect(alertsOf([text], [{ y: 1 }])).toEqual([])
  })

  test('an action that there is not is refused', () => {
    expect(problemsOf(lower(`action: globl\n${ruleOf('sel: {f: a}\ncondition: sel')}`))).toEqual([
      'RULE_INVALID 1:9 "globl" is no action; it is one of global, reset, repeat.',
    ])
  })
})

describe('values that Elastic agents write otherwise', () => {
  const rule = (body: string, category = 'network_connection') =>
    `title: R\nid: r\nlogsource: {product: windows, category: ${category}}\ndetection:\n  sel:\n    ${body}\n  condition: sel\n`
  const holds = (text: string, event: Record<string, unknown>): boolean => {
    const [one] = lower(text, {}).matches
    return one !== undefined && interpret(one.condition, event)
  }
  const network = (more: object) => ({
    event: { category: ['network'] },
    host: { os: { type: 'windows' } },
    ...more,
  })
  const sysmon = (data: object) => network({ winlog: { event_data: data } })

  test('who opened a connection is the direction of the flow', () => {
    for (const value of ["'true'", 'true']) {
      const text = rule(`Initiated: ${value}`)
      expect(holds(text, sysmon({ Initiated: 'true' }))).toBe(true)
      expect(holds(text, network({ network: { direction: 'egress' } }))).toBe(true)
      expect(holds(text, network({ network: { direction: 'ingress' } }))).toBe(false)
    }
    expect(holds(rule('Initiated: false'), network({ network: { direction: 'ingress' } }))).toBe(
      true,
    )
    const not = rule('Initiated|neq: true')
    expect(holds(not, network({ network: { direction: 'egress' } }))).toBe(false)
    expect(holds(not, network({ network: { direction: 'ingress' } }))).toBe(true)
    expect(lower(text0, { pipeline: 'none' }).matches[0]?.condition).toMatchObject({
      parts: [{ path: 'Initiated' }],
    })
  })
  const text0 = rule('Initiated: true')

  test('a list of hashes is a field for each', () => {
    const md5 = '987B65CD9B9F4E9A1AFD8F8B48CF64A7'
    const process = (more: object) => ({
      event: { category: ['process'], type: ['start'] },
      host: { os: { type: 'windows' } },
      ...more,
    })
    const text = rule(`Hashes|contains: ['MD5=${md5}', 'IMPHASH=${md5}']`, 'process_creation')
    expect(holds(text, process({ process: { hash: { md5: md5.toLowerCase() } } }))).toBe(true)
    expect(holds(text, process({ process: { pe: { imphash: md5 } } }))).toBe(true)
    expect(holds(text, process({ process: { hash: { md5: '00' } } }))).toBe(false)
    const listed = { event_data: { Hashes: `SHA1=aa,MD5=${md5}` } }
    expect(holds(text, process({ winlog: listed }))).toBe(true)
    const both = rule(`Hashes|contains|all: ['MD5=${md5}', 'SHA1=aa']`, 'process_creation')
    expect(holds(both, process({ process: { hash: { md5 } } }))).toBe(false)
    expect(holds(both, process({ winlog: listed }))).toBe(true)
  })
})

describe('correlations', () => {
  const base = (name: string) =>
    `title: ${name}\nname: ${name}\nid: id-${name}\nlogsource: {product: x}\ndetection: {s: {k: ${name}}, condition: s}\n---\n`
  const of = (body: string, id = 'top') =>
    `title: ${id}\nid: ${id}\ncorrelation:\n  ${body.replaceAll('\n', '\n  ')}\n`
  const three = base('a') + base('b') + base('c')
  const told = (text: string, kinds: string): number =>
    alertsOf(
      [text],
      kinds.split('').map((k) => ({ k })),
    ).length

  // Specification, "Condition": how many of the rules match in the time frame.
  test.each<[string, string, number]>([
    ['{gte: 2}', 'ac', 1],
    ['{gte: 2}', 'aa', 0],
    ['{gt: 2}', 'ac', 0],
    ['{gt: 2}', 'abc', 1],
    ['{eq: 2}', 'ac', 1],
    ['{eq: 2}', 'abc', 0],
    ['{eq: 3}', 'cab', 1],
    ['{neq: 2}', 'ac', 0],
    ['{neq: 2}', 'a', 1],
    ['{neq: 2}', 'abc', 1],
    ['{lt: 2}', 'aaa', 1],
    ['{lt: 2}', 'ab', 0],
    ['{lte: 2}', 'ab', 1],
    ['{lte: 2}', 'abc', 0],
    ['{gte: 1, lte: 2}', 'ab', 1],
    ['{gte: 2, lt: 3}', 'a', 0],
  ])('temporal with %s over %s tells %d', (condition, kinds, expected) => {
    const text = of(`type: temporal\nrules: [a, b, c]\ntimespan: 10s\ncondition: ${condition}`)
    expect(told(three + text, kinds)).toBe(expected)
  })

  test('the type is read in any letter case', () => {
    const text = of('type: EVENT_COUNT\nrules: a\ntimespan: 1m\ncondition: {gte: 2}')
    expect(told(three + text, 'aa')).toBe(1)
  })

  test('a correlation over another that lacks its key is warned of', () => {
    const inner = of(
      'type: event_count\nrules: [a]\ngroup-by: [host]\ntimespan: 1m\ncondition: {gte: 2}',
      'many',
    )
    const outer = of('type: temporal\nrules: [many, b]\ngroup-by: [user]\ntimespan: 1m')
    expect(problemsOf(lower(`${three}${inner}---\n${outer}`))).toEqual([
      expect.stringContaining('does not group by user'),
    ])
  })

  test.each<[string, string]>([
    [
      'type: temporal\nrules: [a, b]\ntimespan: 1m\ncondition: {gte: 3}',
      '25:14 The condition counts',
    ],
    [
      'type: temporal\nrules: [a]\ntimespan: 1m\ncondition: a and b',
      '25:14 The condition names "b"',
    ],
    ['type: temporal\nrules: [a, b]\ntimespan: 1m\ncondition: a', '25:14 "rules" lists "b"'],
    ['type: temporal\nrules: [a, bb]\ntimespan: 1m', '23:14 The correlation names the rule "bb"'],
    ['type: temporal\nrules: [a, {x: y}]\ntimespan: 1m', '23:14 "rules" takes a name'],
    [
      'type: event_count\nrules: [a]\ncondition: {gte: 1}',
      '22:3 This correlation needs "timespan".',
    ],
    [
      'type: event_count\nrules: [a]\ntimespan: 1m\ncondition: {ge: 1}',
      '25:15 "ge" is no condition',
    ],
    [
      'type: event_count\nrules: [a]\ntimespan: 1m\ngenerate: maybe\ncondition: {gte: 1}',
      '25:13 "generate"',
    ],
    [
      'type: event_count\nrules: [a]\ntimespan: 1m\ngroup-by: {x: y}\ncondition: {gte: 1}',
      '25:13 "group-by"',
    ],
    [
      'type: event_count\nrules: [a]\ntimespan: 1m\ngroup_by: [x]\ncondition: {gte: 1}',
      '25:3 A correlation has no "group_by"',
    ],
    [
      'type: event_count\nrules: [a]\ntimespan: 1m\naliases: {x: y}\ncondition: {gte: 1}',
      '25:16 An alias is',
    ],
    [
      'type: temporal\nrules: [top, a]\ntimespan: 1m',
      '23:10 The correlations refer to each other in a ring: top → top.',
    ],
  ])('%j is told of at its place', (body, expected) => {
    expect(problemsOf(lower(three + of(body))).join('\n')).toContain(expected)
  })
})

describe('what is told of mistakes', () => {
  const told = (detection: string): string[] => {
    const { documents, problems } = parseSigmaFile(ruleOf(detection), 'r.yml')
    const found = [
      ...problems,
      ...lowerSigma([{ path: 'r.yml', documents, problems }], {
        pipeline: 'none',
      }).documents.flatMap((each) => each.problems),
    ]
    return found.map(
      ({ at, message, hint }) => `${at?.line}:${at?.column} ${message} (${hint ?? ''})`,
    )
  }
  test.each<[string, string]>([
    [
      'sel: {f: a}\ncondition: sel && other',
      `7:18 The condition "sel && other" cannot be read at "&& other". (Sigma writes and, or, not)`,
    ],
    [
      'sel: {f: *a}\ncondition: sel',
      `6:12 The alias names no anchor. (text that begins with * stands in '…')`,
    ],
    [
      'sel:\n\tf: a\ncondition: sel',
      '7:3 Tabs are not allowed as indentation. (indent with spaces)',
    ],
    [
      'sel: {f: a}\nfilter: {f: b}\ncondition: sel',
      '8:14 No condition uses the selection "filter". (name it, or begin its name with _)',
    ],
    ['sel:\n  f|contains: a\n  f|contains: b\ncondition: sel', 'all of them: "f|contains|all"'],
  ])('%j', (detection, expected) => {
    expect(told(detection).join('\n')).toContain(expected)
  })

  test('selections that a pattern, a list or an underscore accounts for are not', () => {
    expect(
      told('sel_a: {f: a}\nsel_b: {f: b}\n_c: {f: c}\ncondition:\n  - 1 of sel_*\n  - sel_a'),
    ).toEqual([])
    expect(told('a: {f: a}\nb: {f: b}\ntimeframe: 1m\ncondition: a | near b')).toEqual([])
  })
})

describe('event logs of Windows, by whom they came', () => {
  const text =
    'title: R\nid: r\nlogsource: {product: windows, category: process_creation}\ndetection:\n  sel:\n' +
    "    EventID: 1\n    Image|endswith: '\\cmd.exe'\n    ParentUser: bob\n  condition: sel\n"
  const data = { Image: 'C:\\cmd.exe', ParentUser: 'bob' }
  const holds = (event: Record<string, unknown>, ignoreLogsource = false): boolean => {
    const [one] = lower(text, { ignoreLogsource }).matches
    return one !== undefined && interpret(one.condition, event)
  }
  const channel = 'Microsoft-Windows-Sysmon/Operational'

  test('through a pipeline of Elastic, straight from the shipper, or exported', () => {
    const ecs = {
      event: { code: '1', category: ['process'], type: ['start'] },
      host: { os: { type: 'windows' } },
      process: { executable: 'C:\\cmd.exe', parent: { user: { name: 'bob' } } },
    }
    expect(holds(ecs)).toBe(true)
    expect(holds({ winlog: { channel, event_data: data }, event: { code: '1' } })).toBe(true)
    expect(holds({ winlog: { channel, event_data: data }, event: { code: '3' } })).toBe(false)
    const head = { EventID: 1, Channel: channel }
    expect(holds({ ...data, ...head }, true)).toBe(true)
    expect(holds({ Event: { System: head, EventData: data } }, true)).toBe(true)
    const other = { ...head, EventID: 5 }
    expect(holds({ Event: { System: other, EventData: data } }, true)).toBe(false)
  })
})

test('a filter that reaches none of the rules it names is warned of', () => {
  const rule = ruleOf('sel: {f: a}\ncondition: sel')
  const filter = (rules: string, product = 'test') =>
    `---\ntitle: F\nid: f\nlogsource: {product: ${product}}\nfilter:\n  rules: ${rules}\n  s: {g: b}\n  condition: not s\n`
  const warnings = (text: string) => problemsOf(lower(rule + text))
  expect(warnings(filter('[rule]'))).toEqual([])
  expect(warnings(filter('any', 'other'))).toEqual([])
  expect(warnings(filter('[rul]'))[0]).toContain('names the rule "rul", which is not there')
  expect(warnings(filter('[rule]', 'other'))[0]).toContain('which has another log source')
})

test("a taxonomy that is not Sigma's own is told of where it would be translated", () => {
  const rule = (taxonomy: string) =>
    `${ruleOf('sel: {f: a}\ncondition: sel').replace('product: test', 'product: picket')}taxonomy: ${taxonomy}\n`
  expect(problemsOf(lower(rule('acme'), {}))[0]).toContain('The taxonomy "acme" is not known')
  expect(problemsOf(lower(rule('sigma'), {}))).toEqual([])
  expect(problemsOf(lower(rule('acme')))).toEqual([])
})

test('an object is a value like any other only where any value will do', () => {
  expect(itemMatches("f: '*'", { f: { a: 1 } })).toBe(true)
  expect(itemMatches('f|exists: true', { f: { a: 1 } })).toBe(true)
  expect(itemMatches('f: null', { f: { a: 1 } })).toBe(false)
  expect(itemMatches("f|contains: 'a'", { f: { a: 'a' } })).toBe(false)
})
