import { describe, expect, test } from 'vitest'
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
    const detection = body('sel_a and not 1 of filter_*')
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
