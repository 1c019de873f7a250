import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Problem } from '../base/problems.ts'
import { checkConfig, loadConfig, parseConfig } from './config.ts'
import { sourceKinds } from '../source/registry.ts'
import { configJsonSchema, renderReference } from './reference.ts'
import { probeSecrets, readSecret } from './secret.ts'
import { renderConfig } from './show.ts'

const ORIGIN = { file: 'picket.yml', baseDir: '/etc/picket' }

function problemsOf(text: string): Problem[] {
  const parsed = parseConfig(text, ORIGIN)
  return parsed.ok ? [] : parsed.problem
}

function firstOf(text: string): Problem {
  const [first] = problemsOf(text)
  if (first === undefined) throw new Error('no problem was found')
  return first
}

const SOURCE = (more: string): string => `sources:\n  b:\n    {paths: [x], type: file, ${more}}\n`

const WHOLE = `
data: /var/lib/picket
master_key: { env: PICKET_KEY }
journal: { bytes_max: 2GiB, age_max: 36h }
detection: { rules: [builtin, rules/own.yml], lateness: 90s }
sources:
  broker:
    type: file
    decoder: mosquitto
    paths: [/var/log/mosquitto/mosquitto.log]
    poll_interval: 100ms
    lateness: 5s
outputs: { terminal: false, json_lines: { path: alerts.jsonl } }
api: { listen: '[::1]:8600' }
log: { level: debug, format: json }
`

describe('a configuration', () => {
  test('of nothing is the defaults', () => {
    for (const text of ['', '# only a comment\n', '{}', '---\n']) {
      const parsed = parseConfig(text, { baseDir: '/x' })
      expect(parsed.ok && parsed.value).toMatchObject({
        data: '/x/data',
        api: { listen: { host: '127.0.0.1', port: 8600 } },
        detection: { rules: ['builtin'], lateness: 60_000 },
        sources: {},
      })
    }
  })

  test('has durations in ms, sizes in bytes, paths from its own folder', () => {
    const parsed = parseConfig(WHOLE, ORIGIN)
    expect(parsed.ok && parsed.value).toMatchObject({
      data: '/var/lib/picket',
      journal: { bytes_max: 2 * 2 ** 30, age_max: 36 * 3_600_000 },
      detection: { rules: ['builtin', '/etc/picket/rules/own.yml'], lateness: 90_000 },
      sources: { broker: { type: 'file', poll_interval: 100, lateness: 5_000, watch: true } },
      outputs: { json_lines: { path: '/etc/picket/alerts.jsonl' } },
      api: { listen: { host: '::1', port: 8600 } },
    })
  })

  test('as it is shown can be read again and is the same', () => {
    const parsed = parseConfig(WHOLE, ORIGIN)
    if (!parsed.ok) throw new Error('not read')
    const again = parseConfig(renderConfig(parsed.value), ORIGIN)
    expect(again).toEqual(parsed)
  })

  test('shows no argument of a command that gives a secret', () => {
    const parsed = parseConfig('master_key: { command: [vault, read, token-123] }', ORIGIN)
    const shown = parsed.ok ? renderConfig(parsed.value) : ''
    expect(shown).toContain('vault')
    expect(shown).not.toContain('token-123')
  })
})

describe('what is wrong is said with its place', () => {
  test.each([
    ['journal:\n  bytes_mx: 1GiB\n', 'CONFIG_UNKNOWN_KEY', 2, 3, 'did you mean "bytes_max"?'],
    ['dta: x\n', 'CONFIG_UNKNOWN_KEY', 1, 1, 'did you mean "data"?'],
    ['journal:\n  age_max: 7\n', 'CONFIG_INVALID', 2, 12, undefined],
    ['journal:\n  age_max: 7y\n', 'CONFIG_INVALID', 2, 12, undefined],
    ['journal: {bytes_max: 1KiB}\n', 'CONFIG_INVALID', 1, 22, undefined],
    ['api:\n  listen: 127.0.0.1:99999\n', 'CONFIG_INVALID', 2, 11, undefined],
    ['log:\n  level: loud\n', 'CONFIG_INVALID', 2, 10, undefined],
    [
      'sources:\n  a: {type: fiel, decoder: json}\n',
      'CONFIG_INVALID',
      2,
      13,
      'did you mean "file"?',
    ],
    [SOURCE('decoder: jsn'), 'CONFIG_INVALID', 3, 39, 'did you mean "json"?'],
    [SOURCE('decoder: json, decoder_options: {zone: x}'), 'CONFIG_INVALID', 3, 69, undefined],
    [
      SOURCE('decoder: mosquitto, decoder_options: {zone: Mars}'),
      'CONFIG_INVALID',
      3,
      67,
      undefined,
    ],
    ['sources:\n  A b: {}\n', 'CONFIG_INVALID', 2, 3, undefined],
    ['data: [\n', 'CONFIG_SYNTAX', 2, 1, undefined],
    ['data: a\ndata: b\n', 'CONFIG_SYNTAX', 2, 1, undefined],
    ['- a\n', 'CONFIG_INVALID', 1, 1, undefined],
  ])('%j', (text, code, line, column, hint) => {
    const problem = firstOf(text)
    expect(problem).toMatchObject({ code, at: { file: 'picket.yml', line, column } })
    expect(problem.hint).toBe(hint)
  })

  test('the nearest key of a source is looked for among the keys of its kind', () => {
    const text =
      'sources:\n  b:\n    type: file\n    decoder: json\n    pahts: [x]\n    paths: [y]\n'
    expect(firstOf(text)).toMatchObject({
      code: 'CONFIG_UNKNOWN_KEY',
      at: { line: 5, column: 5, field: 'sources.b.pahts' },
      hint: 'did you mean "paths"?',
    })
  })

  test('all problems come at once, in the order of the file', () => {
    const lines = problemsOf('api: {listen: x}\nlgo: {}\ndata: 1\n').map((one) => one.at?.line)
    expect(lines).toEqual([1, 2, 3])
  })

  test('a secret that is written out is refused, and its value not repeated', () => {
    const problem = firstOf('master_key: "hunter2hunter2"\n')
    expect(problem.code).toBe('CONFIG_INVALID')
    expect(problem.message).toContain('{ env: NAME }')
    expect(JSON.stringify(problem)).not.toContain('hunter2')
  })

  test.each([
    ['a bomb of aliases', bomb()],
    ['deep nesting in a line', '- '.repeat(20_000)],
    ['deep brackets', '['.repeat(50_000)],
    ['deep braces', '{a: '.repeat(20_000)],
    ['too many parts', '- a\n'.repeat(50_000)],
    ['too many characters', ' '.repeat(2_000_000)],
    ['two documents', 'data: a\n---\ndata: b\n'],
    ['an unknown tag', 'data: !!js/function "x"\n'],
  ])('%s', (_, text) => {
    expect(firstOf(text).code).toBe('CONFIG_SYNTAX')
  })
})

function bomb(): string {
  const lines = ['a0: &a0 [x, x, x, x, x, x, x, x, x]']
  for (let level = 1; level < 9; level++) {
    lines.push(
      `a${level}: &a${level} [${Array(9)
        .fill(`*a${level - 1}`)
        .join(', ')}]`,
    )
  }
  return lines.join('\n')
}

describe('files and secrets', () => {
  let folder: string
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'picket-config-'))
  })
  afterEach(() => rm(folder, { recursive: true }))

  test('a file that is not there, is a folder or is too large is a problem', async () => {
    await writeFile(join(folder, 'large'), Buffer.alloc(2_000_000))
    for (const path of [join(folder, 'none'), folder, join(folder, 'large')]) {
      const loaded = await loadConfig(path)
      expect(loaded).toMatchObject({ ok: false, problem: { code: 'CONFIG_UNREADABLE' } })
    }
  })

  test('loading gives the first problem and says how to see the others', async () => {
    const path = join(folder, 'p.yml')
    await writeFile(path, 'a: 1\nb: 2\nc: 3\n')
    const loaded = await loadConfig(path)
    expect(loaded.ok ? '' : loaded.problem.hint).toContain('2 more: picket config check')
    expect(await checkConfig(path)).toMatchObject({ ok: false, problem: { length: 3 } })
  })

  test('secrets come from a variable, a file or a command, and problems name no secret', async () => {
    await writeFile(join(folder, 'key'), 'from file\n')
    const env = { KEY: 'from env', EMPTY: '' }
    const read = (ref: Parameters<typeof readSecret>[0]) => readSecret(ref, env, folder)
    expect(await read({ env: 'KEY' })).toEqual({ ok: true, value: 'from env' })
    expect(await read({ file: join(folder, 'key') })).toEqual({ ok: true, value: 'from file' })
    // As all paths of a configuration: from its folder, wherever the program was started.
    expect(await read({ file: 'key' })).toEqual({ ok: true, value: 'from file' })
    const program = [process.execPath, '-e', 'console.log("from command")']
    expect(await read({ command: program })).toEqual({ ok: true, value: 'from command' })
    const failing = [process.execPath, '-e', 'console.log("s3cret"); process.exit(3)']
    for (const ref of [
      { env: 'NONE' },
      { env: 'EMPTY' },
      { file: join(folder, 'none') },
      { command: failing },
      { command: [join(folder, 'no-program')] },
    ]) {
      const problem = await read(ref)
      expect(problem).toMatchObject({ ok: false, problem: { code: 'CONFIG_SECRET' } })
      expect(JSON.stringify(problem)).not.toContain('s3cret')
    }
  })

  test('checking finds a secret that is not there', async () => {
    const parsed = parseConfig('master_key: { env: NOT_SET }', ORIGIN)
    if (!parsed.ok) throw new Error('not read')
    expect(await probeSecrets(parsed.value, {})).toMatchObject([{ code: 'CONFIG_SECRET' }])
    expect(await probeSecrets(parsed.value, { NOT_SET: 'x' })).toEqual([])
  })

  test('checking finds the missing secrets of sources, each with its field', async () => {
    const text = `sources:
  a: { type: hec, decoder: json, tokens: { x: { env: A }, y: { file: /none/y } } }
  b: { type: file, decoder: mosquitto, paths: [/x], decoders: [{ when: { env: A }, decoder: json }] }
`
    const parsed = parseConfig(text, ORIGIN)
    if (!parsed.ok) throw new Error('not read')
    expect((await probeSecrets(parsed.value, {})).map(({ at }) => at)).toEqual([
      { file: 'picket.yml', field: 'sources.a.tokens.x' },
      { file: 'picket.yml', field: 'sources.a.tokens.y' },
    ])
  })
})

describe('an OpenID provider', () => {
  const oidc = (more: string, url = 'public_url: "https://picket.example",'): string =>
    `api: { ${url} oidc: { issuer: "https://id.example", client_id: picket, ${more} } }`
  const fieldsOf = (text: string): (string | undefined)[] => {
    const parsed = parseConfig(text, ORIGIN)
    return parsed.ok ? [] : parsed.problem.map(({ message }) => message)
  }

  test('is taken with what it needs', () => {
    const grant = '{ claim: groups, values: [a], roles: [analyst], sites: [oslo] }'
    const text = oidc(`client_secret: { file: s }, provision: just_in_time, grants: [${grant}]`)
    const parsed = parseConfig(text, ORIGIN)
    if (!parsed.ok) throw new Error('not read')
    expect(parsed.value.api.oidc).toMatchObject({
      scopes: ['openid', 'profile', 'email'],
      clock_skew: 30_000,
      client_secret: { file: expect.stringMatching(/^\/.*s$/) },
    })
  })

  test.each([
    ['no public address', oidc('', ''), 'api.oidc needs api.public_url'],
    ['a path in it', oidc('', 'public_url: "https://x.example/y",'), 'without a path'],
    ['plain http', oidc('', 'public_url: "http://x.example",'), 'without a path'],
    ['no grants for new users', oidc('provision: just_in_time'), 'needs grants'],
    ['no openid', oidc('scopes: [profile]'), '`openid` is missing'],
    ['a plain issuer', oidc('').replace('https://id', 'http://id'), 'an https address'],
    [
      'a narrowed admin',
      oidc('grants: [{ claim: g, values: [a], roles: [admin], sites: [x] }]'),
      'an admin sees everything',
    ],
  ])('%s is said', (_, text, words) => {
    expect(fieldsOf(text).join()).toContain(words)
  })
})

test('the reference pages are made from the schema', async () => {
  const page = (name: string): Promise<string> =>
    readFile(join(import.meta.dirname, '../../../docs/reference', name), 'utf8')
  const advice = 'run: npm run build && node tools/config-reference.mjs'
  expect(await page('config.md'), advice).toBe(renderReference())
  const schema = `${JSON.stringify(configJsonSchema, null, 2)}\n`
  expect(await page('config.schema.json'), advice).toBe(schema)
})

test('every key of the schema has a description', () => {
  const bare: string[] = []
  const walk = (at: string, schema: typeof configJsonSchema): void => {
    for (const [key, option] of Object.entries(schema.properties ?? {})) {
      if (option.description === undefined) bare.push(`${at}${key}`)
      walk(`${at}${key}.`, option)
    }
    if (typeof schema.additionalProperties === 'object') walk(at, schema.additionalProperties)
    for (const kind of schema.oneOf ?? []) walk(at, kind)
  }
  walk('', configJsonSchema)
  expect(bare).toEqual([])
})

describe('no text makes it throw or hang', () => {
  const word = fc.constantFrom(
    'data',
    'sources',
    'type',
    'file',
    'paths',
    'x',
    '*a',
    '&a',
    '60s',
    '<<',
    '?',
  )
  const glue = fc.constantFrom(
    ': ',
    '\n',
    '\n  ',
    '\n    ',
    '- ',
    '{',
    '}',
    '[',
    ']',
    ', ',
    '"',
    '|',
  )
  const yamlish = fc
    .array(fc.oneof(word, glue, fc.string({ maxLength: 5 })), { maxLength: 60 })
    .map((parts) => parts.join(''))

  test.each([
    ['like YAML', yamlish],
    ['any text', fc.string({ unit: 'binary', maxLength: 400 })],
    ['any value', fc.json()],
  ])('%s', (_, text) => {
    fc.assert(
      fc.property(text, (one) => {
        const parsed = parseConfig(one, ORIGIN)
        expect(parsed.ok || parsed.problem.length > 0).toBe(true)
      }),
      { numRuns: 500 },
    )
  })
})

test('every kind of source can be configured', () => {
  for (const kind of Object.keys(sourceKinds)) {
    const problems = problemsOf(`sources: { one: { type: ${kind} } }`)
    // Options may be missing, but the kind is known.
    expect(problems.filter(({ at }) => at?.field === 'sources.one.type')).toEqual([])
  }
  expect(firstOf('sources: { one: { type: carrier-pigeon } }').at?.field).toBe('sources.one.type')
})

describe('an address that other machines reach', () => {
  const tls = 'tls: { cert_file: a.crt, key_file: a.key }'
  const over = (kind: string, rest: string): string =>
    `sources: { one: { type: ${kind}, decoder: json, ${rest} } }`
  const listeners = Object.entries(sourceKinds).filter(([, spec]) => 'listen' in spec.options.shape)

  test('is known of every kind that listens', () => {
    expect(listeners.map(([kind]) => kind).sort()).toEqual([
      ...['elastic', 'firehose', 'flow', 'hec', 'http', 'otlp', 'syslog'],
    ])
    for (const [, spec] of listeners) expect(spec).toHaveProperty('inTheClear')
  })

  test.each(listeners)('%s: needs TLS, or plaintext: true', (kind) => {
    const everywhere = kind === 'flow' ? "['127.0.0.1:1', '0.0.0.0:2055']" : '0.0.0.0:5000'
    const where = (text: string) => problemsOf(text).map(({ at }) => at?.field)
    expect(where(over(kind, `listen: ${everywhere}`))).toEqual(['sources.one.listen'])
    expect(where(over(kind, `listen: ${everywhere}, plaintext: false`))).toHaveLength(1)
    expect(where(over(kind, `listen: ${everywhere}, plaintext: true`))).toEqual([])
    const here = kind === 'flow' ? "['127.0.0.1:1', '[::1]:2']" : "'[::1]:5000'"
    expect(where(over(kind, `listen: ${here}`))).toEqual([])
    if (kind === 'flow' || kind === 'syslog') return
    expect(where(over(kind, `listen: ${everywhere}, ${tls}`))).toEqual([])
  })

  test('syslog: each of its doors counts', () => {
    const fields = (rest: string) => problemsOf(over('syslog', rest)).map(({ at }) => at?.field)
    const secure = 'listen: 0.0.0.0:6514, cert_file: a.crt, key_file: a.key'
    expect(fields(`transports: [], listen: 0.0.0.0:5514, tls: { ${secure} }`)).toEqual([])
    expect(fields('relp: { listen: 0.0.0.0:2514 }')).toEqual(['sources.one.relp.listen'])
    expect(fields(`relp: { ${secure} }`)).toEqual([])
  })
})
