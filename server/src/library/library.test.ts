import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { loadRules, RULE_FILE_BYTES_MAX } from './library.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'picket-rules-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

const rule = (id: string): string =>
  `title: ${id}\nid: ${id}\nlogsource: {product: picket}\n` +
  'detection: {sel: {event.action: a}, condition: sel}\n'

test('a folder is walked in name order; what is no rule is passed over', () => {
  mkdirSync(join(folder, 'b'))
  mkdirSync(join(folder, '.git'))
  writeFileSync(join(folder, 'b', 'one.yml'), rule('one'))
  writeFileSync(join(folder, 'a.yaml'), rule('two'))
  writeFileSync(join(folder, 'three.eql'), 'any where event.action == "a"')
  writeFileSync(join(folder, 'README.md'), 'no rule')
  writeFileSync(join(folder, '.git', 'x.yml'), 'no rule')
  symlinkSync(folder, join(folder, 'ring'))
  const loaded = loadRules([folder])
  expect(loaded.problems).toEqual([])
  expect(loaded.reports.map((report) => report.meta.id)).toEqual(['two', 'one', 'three'])
  expect(loaded.ruleSet.matches).toHaveLength(3)
})

test('the hash is of what runs: comments and places do not count, rules do', () => {
  const path = join(folder, 'a.yml')
  writeFileSync(path, rule('one'))
  const { hash } = loadRules([folder]).ruleSet
  writeFileSync(path, `# said differently\n${rule('one')}`)
  expect(loadRules([path]).ruleSet.hash).toBe(hash)
  writeFileSync(path, rule('other'))
  expect(loadRules([path]).ruleSet.hash).not.toBe(hash)
})

test('files too large, not UTF-8, missing or of no language are problems; the rest is loaded', () => {
  writeFileSync(join(folder, 'good.yml'), rule('good'))
  writeFileSync(join(folder, 'large.yml'), 'x'.repeat(RULE_FILE_BYTES_MAX + 1))
  writeFileSync(join(folder, 'latin.yml'), Buffer.from([0xe4]))
  writeFileSync(join(folder, 'rule.txt'), 'x')
  const paths = [folder, join(folder, 'none.yml'), join(folder, 'rule.txt')]
  const loaded = loadRules(paths)
  expect(loaded.problems.map((problem) => problem.code).sort()).toEqual([
    'INPUT_UNREADABLE',
    'RULE_LIMIT',
    'RULE_SYNTAX',
    'RULE_UNSUPPORTED',
  ])
  expect(loaded.ruleSet.matches.map((match) => match.meta.id)).toEqual(['good'])
})

test('a file of many aliases and one of deep nesting are refused in no time', () => {
  const bomb = ['a: &a [x, x, x, x, x, x, x, x, x]']
  for (let level = 1; level <= 9; level++) {
    const [name, before] = ['abcdefghij'[level], 'abcdefghij'[level - 1]]
    bomb.push(`${name}: &${name} [${Array.from({ length: 9 }, () => `*${before}`).join(', ')}]`)
  }
  writeFileSync(join(folder, 'bomb.yml'), bomb.join('\n'))
  writeFileSync(join(folder, 'deep.yml'), '['.repeat(100_000))
  writeFileSync(join(folder, 'self.yml'), 'a: &a [*a]')
  writeFileSync(join(folder, 'good.yml'), rule('good'))
  const loaded = loadRules([folder])
  expect(loaded.problems).toHaveLength(3)
  expect(loaded.ruleSet.matches).toHaveLength(1)
})
