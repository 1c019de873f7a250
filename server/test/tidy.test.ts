/**
 * The repository is tested too: floors, purity, sizes, names, documents. Every gate is a function of
 * (path, text) so that a planted fault can be shown to be caught (see the second half).
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join, posix, relative, sep } from 'node:path'
import { describe, expect, test } from 'vitest'
import { ERROR_CODES } from '../src/base/problems.ts'
import { VERSION } from '../src/base/version.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const SRC = join(ROOT, 'server', 'src')

const FLOORS: Readonly<Record<string, number>> = {
  base: 0,
  model: 1,
  lang: 1.5,
  ...on(
    2,
    'decode normalize fleet rule correlate baseline alert case playbook audit ledger search ocsf',
  ),
  // keys and the data directory: the edges above seal and flush with it
  vault: 2.5,
  ...on(3, 'journal store state source notify action archive library'),
  ...on(4, 'ingest detect respond retain people'),
  // the past through the detectors of the present
  hunt: 4.2,
  // the schema of the configuration names sources and decoders; the faces and the app read it
  config: 4.5,
  ...on(5, 'api cli'),
  app: 6,
  bench: 7,
  'main.ts': 8,
}
const PURE_FLOOR_MAX = 2
/** node modules that a pure floor may import, and where. */
const PURE_NODE: Readonly<Record<string, readonly string[]>> = {
  base: ['node:assert', 'node:crypto', 'node:zlib', 'node:buffer'],
}
const IMPURE =
  /\bDate\.now\b|\bnew Date\(\s*\)|\bMath\.random\b|\bsetTimeout\b|\bsetInterval\b|\bsetImmediate\b|\bperformance\.now\b|\bprocess\.|\bcrypto\.randomUUID\b/
const BANNED_NAME =
  /(^|-)(utils?|helpers?|managers?|handlers?|processors?|misc|common|core|data|info)(-|\.|$)/
const LINES_MAX = { src: 400, test: 700 }
const COLUMNS_MAX = 120
const FOLDER_FILES_MAX = 40

function on(floor: number, names: string): Record<string, number> {
  return Object.fromEntries(names.split(' ').map((name) => [name, floor]))
}

function floorOf(folder: string): number {
  const floor = FLOORS[folder]
  if (floor === undefined) throw new Error(`${folder} is on no floor; add it to FLOORS`)
  return floor
}

/** Comments and string contents blanked, so that words inside them do not count. */
function codeOnly(text: string): string {
  return text.replaceAll(
    /\/\*[\s\S]*?\*\/|\/\/[^\n]*|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"/g,
    (found) => (found.startsWith('/') ? found.replaceAll(/[^\n]/g, ' ') : "''"),
  )
}

function importsOf(text: string): string[] {
  const pattern =
    /^(?:import|export)\b[^'";=]*?from '([^']+)'|^import '([^']+)'|\bimport\('([^']+)'\)/gm
  return [...text.matchAll(pattern)].map((found) => (found[1] ?? found[2] ?? found[3])!)
}

const isTest = (path: string): boolean =>
  /\.(test|bench)\.ts$/.test(path) || /(^|\/)testing\//.test(path)
const isGenerated = (path: string): boolean => /(^|\/)generated\//.test(path)

/** `path` is relative to server/src, with forward slashes. */
function floorFaults(path: string, text: string): string[] {
  const from = path.split('/')[0]!
  const faults: string[] = []
  for (const spec of importsOf(text)) {
    if (spec.startsWith('node:') && floorOf(from) <= PURE_FLOOR_MAX && !isTest(path)) {
      if (!['node:assert', ...(PURE_NODE[from] ?? [])].includes(spec)) {
        faults.push(`${path}: pure floor imports ${spec}`)
      }
    }
    if (!spec.startsWith('.')) continue
    const target = posix.join(posix.dirname(path), spec)
    const to = target.split('/')[0]!
    if (isTest(path)) continue
    if (to !== from && floorOf(to) >= floorOf(from))
      faults.push(`${path}: imports up or sideways: ${spec}`)
    if (isTest(target)) faults.push(`${path}: imports test code: ${spec}`)
    if (to !== from && target.includes('/internal/'))
      faults.push(`${path}: imports internals: ${spec}`)
  }
  return faults
}

function purityFaults(path: string, text: string): string[] {
  const from = path.split('/')[0]!
  if (floorOf(from) > PURE_FLOOR_MAX || isTest(path) || isGenerated(path)) return []
  const found = IMPURE.exec(codeOnly(text))
  return found === null ? [] : [`${path}: a pure floor uses ${found[0]}`]
}

function sizeFaults(path: string, text: string): string[] {
  if (isGenerated(path)) return []
  const faults: string[] = []
  const lines = text.split('\n')
  const max = isTest(path) ? LINES_MAX.test : LINES_MAX.src
  if (lines.length - 1 > max) faults.push(`${path}: ${lines.length - 1} lines, at most ${max}`)
  const long = lines.findIndex((line) => line.length > COLUMNS_MAX)
  if (long >= 0 && !isTest(path)) faults.push(`${path}:${long + 1}: over ${COLUMNS_MAX} columns`)
  return faults
}

function nameFaults(path: string): string[] {
  const parts = path.split('/')
  const faults = parts
    .filter((part) => BANNED_NAME.test(part))
    .map((part) => `${path}: banned name ${part}`)
  const file = parts.at(-1)!
  if (!/^[a-z0-9]+(-[a-z0-9]+)*(\.[a-z]+)*\.ts$/.test(file)) faults.push(`${path}: not kebab-case`)
  return faults
}

function codeFaults(codes: readonly string[], page: string): string[] {
  const documented = new Set(
    [...page.matchAll(/^## ([A-Z][A-Z0-9_]+)$/gm)].map((found) => found[1]!),
  )
  const missing = codes
    .filter((code) => !documented.has(code))
    .map((code) => `undocumented: ${code}`)
  const extra = [...documented]
    .filter((code) => !codes.includes(code))
    .map((code) => `no such code: ${code}`)
  return [...missing, ...extra]
}

function openFaults(path: string, text: string): string[] {
  const faults: string[] = []
  if (/\b(TODO|FIXME|XXX)\b/.test(text)) faults.push(`${path}: left open`)
  if (/\b(test|it|describe)\.only\(/.test(text)) faults.push(`${path}: focused test`)
  return faults
}

function filesBelow(folder: string): string[] {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name)
    if (statSync(path).isDirectory()) return name === 'node_modules' ? [] : filesBelow(path)
    return /\.tsx?$/.test(name) && !name.endsWith('.d.ts') ? [path] : []
  })
}

const files = filesBelow(SRC).map((path) => ({
  path: relative(SRC, path).split(sep).join('/'),
  text: readFileSync(path, 'utf8'),
}))

describe('the tree', () => {
  test('was read', () => expect(files.length).toBeGreaterThan(15))
  test('imports go down a floor', () => {
    expect(files.flatMap(({ path, text }) => floorFaults(path, text))).toEqual([])
  })
  test('pure floors have no clock, randomness, timers or process', () => {
    expect(files.flatMap(({ path, text }) => purityFaults(path, text))).toEqual([])
  })
  test('files are small', () => {
    expect(files.flatMap(({ path, text }) => sizeFaults(path, text))).toEqual([])
  })
  test('names are said plainly', () => {
    expect(files.flatMap(({ path }) => nameFaults(path))).toEqual([])
  })
  test('folders are small', () => {
    const counts = new Map<string, number>()
    for (const { path } of files) {
      if (isTest(path)) continue
      counts.set(posix.dirname(path), (counts.get(posix.dirname(path)) ?? 0) + 1)
    }
    expect([...counts].filter(([, count]) => count > FOLDER_FILES_MAX)).toEqual([])
  })
  test('nothing is left open', () => {
    const self = 'test/tidy.test.ts'
    const all = [
      ...files,
      ...filesBelow(join(ROOT, 'server', 'test')).map((path) => ({
        path: relative(join(ROOT, 'server'), path).split(sep).join('/'),
        text: readFileSync(path, 'utf8'),
      })),
    ]
    expect(
      all.filter(({ path }) => path !== self).flatMap(({ path, text }) => openFaults(path, text)),
    ).toEqual([])
  })
  test('every error code has a heading in errors.md, and no other', () => {
    const page = readFileSync(join(ROOT, 'docs', 'reference', 'errors.md'), 'utf8')
    expect(codeFaults(Object.keys(ERROR_CODES), page)).toEqual([])
  })
  test('the server knows nothing of console and simulator', () => {
    const strangers = files.filter(({ text }) =>
      /@picket\/(console|simulator)|\.\.\/(console|simulator)\//.test(text),
    )
    expect(strangers.map(({ path }) => path)).toEqual([])
  })
  test('the lock file names no registry', () => {
    const lock = readFileSync(join(ROOT, 'package-lock.json'), 'utf8')
    expect(lock).not.toMatch(/"resolved": "https?:/)
  })
  test('the version is that of the package', () => {
    const { version } = JSON.parse(readFileSync(join(ROOT, 'server', 'package.json'), 'utf8'))
    expect(VERSION).toBe(version)
  })
  test('every decision record has a status', () => {
    const folder = join(ROOT, 'docs', 'adr')
    if (!existsSync(folder)) return
    const records = readdirSync(folder).filter(
      (name) => name.endsWith('.md') && name !== 'README.md',
    )
    const without = records.filter(
      (name) => !/^(?:[-*] )?\**Status\**:/im.test(readFileSync(join(folder, name), 'utf8')),
    )
    expect(without).toEqual([])
  })
})

describe('a planted fault is caught', () => {
  test('an upward import, also of a type only, and a sideways one', () => {
    expect(floorFaults('model/x.ts', "import type { A } from '../rule/matcher.ts'\n")).toHaveLength(
      1,
    )
    expect(floorFaults('rule/x.ts', "import { a } from '../correlate/y.ts'\n")).toHaveLength(1)
    expect(floorFaults('rule/x.ts', "import { a } from '../model/y.ts'\n")).toEqual([])
  })
  test('a node module in a pure floor, also by a dynamic import', () => {
    expect(floorFaults('rule/x.ts', "import { readFileSync } from 'node:fs'\n")).toHaveLength(1)
    expect(floorFaults('rule/x.ts', "const fs = await import('node:fs')\n")).toHaveLength(1)
    expect(floorFaults('rule/x.ts', "import assert from 'node:assert'\n")).toEqual([])
  })
  test('a clock in a pure floor, but not in a comment or a string', () => {
    expect(purityFaults('decode/x.ts', 'const at = Date.now()\n')).toHaveLength(1)
    expect(purityFaults('decode/x.ts', 'const at = new Date()\n')).toHaveLength(1)
    expect(
      purityFaults('decode/x.ts', "// Date.now is not for here\nconst a = 'Math.random'\n"),
    ).toEqual([])
    expect(purityFaults('journal/x.ts', 'const at = Date.now()\n')).toEqual([])
  })
  test('a file over the size, a banned name, an undocumented code', () => {
    expect(sizeFaults('rule/x.ts', 'a\n'.repeat(401))).toHaveLength(1)
    expect(nameFaults('rule/string-utils.ts')).toHaveLength(1)
    expect(codeFaults(['A_B', 'C_D'], '## A_B\n')).toEqual(['undocumented: C_D'])
    expect(codeFaults(['A_B'], '## A_B\n## E_F\n')).toEqual(['no such code: E_F'])
  })
})
