/** The page of metrics lists what the code registers, and nothing else; UPDATE_GOLDEN=1 writes it. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const SRC = join(import.meta.dirname, '../src')
const PAGE = join(import.meta.dirname, '../../docs/reference/metrics.md')
const REGISTERED =
  /(counter|gauge|histogram)\(\s*'(picket_[a-z_]+)',\s*(?:'([^']*)'|"([^"]*)"|`([^`]*)`)/g
/** Rows of a table of counters: `['picket_…', 'help']`. */
const LISTED = /\['(picket_[a-z_]+_total)', '([^']*)'\]/g
/** The session cookie. */
const NO_METRIC = new Set(['picket_session', 'picket_passage'])
const NAME = /['"`](picket_[a-z_]+)['"`]/g

const sources = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts') && !path.endsWith('.test.ts'))
  .filter((path) => !/(?:^|\/)(?:testing|bench)\//.test(path))
  .map((path) => readFileSync(join(SRC, path), 'utf8'))
const found = new Map<string, string>()
for (const text of sources) {
  for (const [, type, name, ...helps] of text.matchAll(REGISTERED)) {
    found.set(name!, `| \`${name}\` | ${type} | ${helps.find((help) => help !== undefined)} |`)
  }
  for (const [, name, help] of text.matchAll(LISTED)) {
    found.set(name!, `| \`${name}\` | counter | ${help} |`)
  }
}

test('the code registers many, and the reading of it finds them', () => {
  expect(found.size).toBeGreaterThan(40)
  expect(found.has('picket_source_delay_seconds')).toBe(true)
})

test('no metric is named in the code without standing on the page', () => {
  const page = readFileSync(PAGE, 'utf8')
  const named = sources.flatMap((text) => [...text.matchAll(NAME)].map(([, name]) => name!))
  const metrics = [...new Set(named)].filter((name) => !NO_METRIC.has(name))
  expect(metrics.filter((name) => !page.includes(`\`${name}\``))).toEqual([])
})

test('the table is that of the code', () => {
  const page = readFileSync(PAGE, 'utf8')
  const rows = [...found].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, row]) => row)
  const table = `| Name | Type | Help |\n|---|---|---|\n${rows.join('\n')}\n`
  const written = page.replace(/\| Name \| Type \| Help \|\n[^]*?(?=\n\n|\n?$)/, table.trimEnd())
  if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(PAGE, written)
  expect(readFileSync(PAGE, 'utf8')).toBe(written)
})
