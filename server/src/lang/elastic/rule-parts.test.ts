import { describe, expect, test } from 'vitest'
import type { EcsDoc } from '../../model/event.ts'
import { decide } from '../testing/decide.ts'
import { keyPlaces, lineOfPath } from './places.ts'
import { parseElasticRule, type ElasticRule } from './rule.ts'

const HEAD = '[rule]\nname = "One"\nrule_id = "one"\n'

function rule(body: string): ElasticRule {
  return parseElasticRule(`${HEAD}${body}`, 'one.toml')
}

/** Whether the one match rule of the file finds the event, or the problem of the file. */
function finds(body: string, doc: EcsDoc): boolean | string {
  const { matches, problems } = rule(`type = "query"\n${body}`)
  const [match] = matches
  if (match === undefined) return problems[0]?.code ?? ''
  return decide({ ok: true, value: match.condition }, doc) === true
}

const filter = (text: string) => `query = "*"\n[[rule.filters]]\n${text}`
const except = (entry: string, item = '') =>
  `query = "*"\n[[rule.exceptions_list]]\n[[rule.exceptions_list.items]]\n${item}
[[rule.exceptions_list.items.entries]]\n${entry}`

describe('filters of Kibana', () => {
  test.each<[string, EcsDoc, boolean | string]>([
    ['query = {match_phrase = {a = "x y"}}', { a: 'x y' }, true],
    ['query = {match_phrase = {a = "x y"}}', { a: 'x' }, false],
    ['query = {match_phrase = {message = "x y"}}', { message: 'so X y' }, true],
    ['query = {match = {message = {query = "x y"}}}', { message: 'Y' }, true],
    ['query = {match_phrase = {a = 5}}', { a: 5 }, true],
    ['query = {term = {"source.ip" = "10.0.0.0/8"}}', { source: { ip: '10.1.2.3' } }, true],
    ['query = {term = {a = {value = "X", case_insensitive = true}}}', { a: 'x' }, true],
    ['query = {terms = {a = ["x", "y"]}}', { a: 'y' }, true],
    ["query = {wildcard = {a = 'x\\*?'}}", { a: 'x*y' }, true],
    ["query = {wildcard = {a = 'x\\*?'}}", { a: 'xyy' }, false],
    ['query = {exists = {field = "a.*"}}', { a: { b: 1 } }, true],
    ['exists = {field = "a"}', { a: 1 }, true],
    ['query = {range = {a = {gte = 2, lt = 5}}}', { a: 5 }, false],
    [
      'query = {range = {"@timestamp" = {lt = "2021"}}}',
      { '@timestamp': '2020-12-31T23:00Z' },
      true,
    ],
    ['query = {range = {ip = {gte = "10.0.0.9"}}}', { ip: '10.0.0.10' }, true],
    ['query = {query_string = {query = "a:x AND NOT b:y"}}', { a: 'x' }, true],
    ['query = {match_none = {}}', {}, false],
    ['meta = {disabled = true}\nquery = {match_none = {}}', {}, true],
    ['meta = {negate = true}\nquery = {match_phrase = {a = "x"}}', { a: 'y' }, true],
    [
      'meta = {type = "combined", relation = "OR", params = [{query = {exists = {field = "a"}}}, ' +
        '{meta = {negate = true}, query = {exists = {field = "b"}}}]}',
      { b: 1 },
      false,
    ],
    // one of `should` is needed only where nothing else is asked for, or where it says so
    ['query = {bool = {should = [{term = {a = 1}}], filter = [{term = {b = 1}}]}}', { b: 1 }, true],
    [
      'query = {bool = {should = [{term = {a = 1}}], filter = [{term = {b = 1}}], ' +
        'minimum_should_match = 1}}',
      { b: 1 },
      false,
    ],
    ['query = {bool = {should = [{term = {a = 1}}]}}', { b: 1 }, false],
    ['query = {bool = {must_not = {term = {a = 1}}}}', { b: 1 }, true],
    [
      'query = {bool = {should = [{term = {a = 1}}, {term = {b = 1}}], minimum_should_match = 2}}',
      { b: 1 },
      false,
    ],
    [
      'query = {bool = {should = [{term = {a = 1}}, {term = {b = 1}}], minimum_should_match = -1}}',
      { b: 1 },
      'RULE_UNSUPPORTED',
    ],
    ['query = {fuzzy = {a = "x"}}', {}, 'RULE_UNSUPPORTED'],
    [
      'query = {range = {"@timestamp" = {lt = "2021", time_zone = "+02:00"}}}',
      {},
      'RULE_UNSUPPORTED',
    ],
    ['query = {range = {a = {lt = "now-1d"}}}', {}, 'RULE_UNSUPPORTED'],
    ['query = {query_string = {query = "x", default_field = "a"}}', {}, 'RULE_UNSUPPORTED'],
  ])('%s on %j: %s', (text, doc, expected) => {
    expect(finds(filter(text), doc)).toBe(expected)
  })
})

describe('exceptions', () => {
  test.each<[string, EcsDoc, boolean | string]>([
    [except('field = "a"\ntype = "match"\nvalue = "x"'), { a: 'x' }, false],
    [except('field = "a"\ntype = "match"\nvalue = "x"'), { a: ['y'] }, true],
    [except('field = "ip"\ntype = "match"\nvalue = "10.0.0.0/8"'), { ip: '10.0.0.1' }, false],
    [except('field = "message"\ntype = "match"\nvalue = "x y"'), { message: 'x y z' }, false],
    [except("field = 'a'\ntype = 'wildcard'\nvalue = 'C:\\\\x\\\\*'"), { a: 'C:\\x\\y' }, false],
    [except('field = "a"\ntype = "exists"\noperator = "excluded"'), {}, false],
    [except('field = "a"\ntype = "exists"\noperator = "excluded"'), { a: 1 }, true],
    [
      except(
        'field = "a"\ntype = "nested"\n' +
          'entries = [{field = "b", type = "match", value = "1"}, {field = "c", type = "match", value = "2"}]',
      ),
      { a: [{ b: 1 }, { c: 2 }] },
      true,
    ],
    [except('field = "a"\ntype = "match"\noperator = "excluded"'), {}, 'RULE_UNSUPPORTED'],
    [except('field = "a"\ntype = "nested"\nentries = []'), {}, 'RULE_INVALID'],
    [except('').replace(/\[\[[^[]*$/, 'entries = []'), {}, 'RULE_INVALID'],
    [except('field = "a"\ntype = "list"\nlist = {id = "l", type = "ip"}'), {}, 'RULE_UNSUPPORTED'],
  ])('%s on %j: %s', (text, doc, expected) => {
    expect(finds(text, doc)).toBe(expected)
  })

  test('an exception ends when it expires', () => {
    const text = except('field = "a"\ntype = "exists"', 'expire_time = 2024-05-01T00:00:00Z')
    expect(finds(text, { '@timestamp': '2024-04-30T23:59:59Z', a: 1 })).toBe(false)
    expect(finds(text, { '@timestamp': '2024-05-01T00:00:00Z', a: 1 })).toBe(true)
  })

  test('those that are kept elsewhere are told', () => {
    const read = rule(
      'type = "query"\nquery = "a:b"\n[[rule.exceptions_list]]\nlist_id = "endpoint_list"\ntype = "endpoint"',
    )
    expect(read).toMatchObject({
      problems: [],
      warnings: [{ at: { file: 'one.toml', line: 6 } }],
    })
    expect(read.warnings[0]?.message).toContain('endpoint_list')
    expect(rule(except('field = "a"\ntype = "exists"')).warnings).toEqual([])
  })
})

test('what an alert takes from its event', () => {
  const read = rule(`type = "query"
query = "a:b"
severity = "low"
risk_score = 21.5
enabled = false
rule_name_override = "message"
[[rule.severity_mapping]]
field = "event.severity"
operator = "equals"
value = "99"
severity = "critical"
[[rule.risk_score_mapping]]
field = "event.risk_score"
operator = "equals"
value = ""
[rule.investigation_fields]
field_names = ["user.name", "message"]
[rule.alert_suppression]
group_by = ["host.name"]
duration = {value = 2, unit = "h"}
missing_fields_strategy = "suppress"
`)
  expect(read.problems).toEqual([])
  expect(read.meta).toMatchObject({
    ...{ severity: 'low', risk: 21.5, life: 'draft' },
    mapping: {
      severity: [{ field: 'event.severity', value: '99', severity: 'critical' }],
      risk: [{ field: 'event.risk_score', value: '' }],
      name: 'message',
    },
  })
  expect(read.matches[0]).toMatchObject({
    groupBy: ['host.name'],
    gapMs: 7_200_000,
    fields: ['event.severity', 'event.risk_score', 'message', 'user.name'],
  })
})

test('new terms as Kibana’s API writes them', () => {
  const read = rule(
    'type = "new_terms"\nquery = "a:b"\nnew_terms_fields = ["x"]\nhistory_window_start = "now-2w"',
  )
  expect(read.problems).toEqual([])
  expect(read.correlations[0]?.correlation).toMatchObject({
    fields: ['x'],
    historyMs: 1_209_600_000,
  })
})

describe('what does not run says why, and where', () => {
  test.each<[string, unknown]>([
    ['type = "esql"\nquery = "from x"', { code: 'RULE_UNSUPPORTED', at: { line: 4 } }],
    ['type = "quer"\nquery = "a:b"', { hint: 'did you mean “query”?', at: { line: 4 } }],
    ['type = "constructor"\nquery = "a:b"', { code: 'RULE_UNSUPPORTED', at: { line: 4 } }],
    ['type = "saved_query"\nsaved_id = "q"', { code: 'RULE_UNSUPPORTED', at: { line: 5 } }],
    ['type = "query"', { code: 'RULE_INVALID', at: { field: 'rule.query' } }],
    ['type = "eql"\nquery = " "', { code: 'RULE_INVALID', at: { line: 5 } }],
    ['type = "query"\nquery = "a : b : c"', { code: 'QUERY_SYNTAX', at: { line: 5, column: 16 } }],
    ["type = 'query'\nquery = '''a : (b\n or c'''", { at: { line: 6, column: 6 } }],
    ["type = 'query'\nquery = '''\na :: b\n'''", { at: { line: 6, column: 4 } }],
    [
      "type = 'query'\nnote = '''\nquery = no\n'''\nquery = 'a:'\n[[rule.filters]]\nquery = {match_all = {}}",
      { at: { line: 8, column: 12 } },
    ],
    ['type = "query"\nlanguage = "lucene"\nquery = "a:b~"', { at: { line: 6, column: 13 } }],
    ['type = "threshold"\nquery = "a:b"', { at: { field: 'rule.threshold' } }],
    [
      'type = "threshold"\nfrom = "yesterday"\nquery = "a:b"\n[rule.threshold]\nfield = []\nvalue = 2',
      { code: 'RULE_INVALID', at: { line: 5 } },
    ],
    [
      'type = "threshold"\nquery = "a:b"\n[rule.threshold]\nfield = []\nvalue = 0',
      { code: 'RULE_INVALID', at: { line: 8 } },
    ],
    ['type = "query"\nquery = "a:b"\nseverity = "severe"', { at: { line: 6 } }],
    [
      'type = "query"\nquery = "a:b"\nrisk_score = "high"',
      { message: expect.stringContaining('expected number') as unknown, at: { line: 6 } },
    ],
    [filter('query = {fuzzy = {}}').replace('', 'type = "query"\n'), { at: { line: 6 } }],
  ])('%j', (body, expected) => {
    const { problems, matches } = rule(body)
    expect(matches).toEqual([])
    expect(problems).toMatchObject([expected])
    expect(problems[0]?.at?.file).toBe('one.toml')
  })

  test('pipes have no meaning where there is no end', () => {
    const { problems } = rule('type = "eql"\nquery = "any where true | tail 1"')
    expect(problems[0]?.message).toContain('“| tail 1”')
  })
})

test('places of keys', () => {
  const text = 'a = 1\n[b]\nc = """\nd = 2\n""" \n[[b.e]]\nf = "x"\n[[b.e]]\ng = \'\'\'y\n\'\'\''
  expect(keyPlaces(text)).toEqual([
    { table: '', key: 'a', line: 1, text: undefined },
    { table: 'b', key: 'c', line: 3, text: { line: 4, column: 1 } },
    { table: 'b.e', key: 'f', line: 7, text: { line: 7, column: 6 } },
    { table: 'b.e', key: 'g', line: 9, text: { line: 9, column: 8 } },
  ])
  expect(lineOfPath(text, ['b', 'e', 1, 'g'])).toBe(9)
  expect(lineOfPath(text, ['b', 'e', 1, 'h'])).toBe(6)
  expect(lineOfPath(text, ['x'])).toBeUndefined()
})
