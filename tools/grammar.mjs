// Writes the parsers that are checked in under `generated/` from their grammars:
//   node tools/grammar.mjs           writes those that differ
//   node tools/grammar.mjs --check   exits 1 if one differs
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import peggy from 'peggy'

const LANG = join(dirname(fileURLToPath(import.meta.url)), '..', 'server', 'src', 'lang')

/** Every grammar below server/src/lang: [grammar file, parser file]. */
export function grammars() {
  return readdirSync(LANG, { recursive: true })
    .map(String)
    .filter((name) => name.endsWith('.peggy'))
    .sort()
    .map((name) => {
      const folder = join(LANG, dirname(name), 'generated')
      return [join(LANG, name), join(folder, `${basename(name, '.peggy')}.ts`)]
    })
}

/** The text of the parser for a grammar. */
export function parserOf(grammarPath) {
  const source = peggy.generate(readFileSync(grammarPath, 'utf8'), {
    output: 'source',
    format: 'es',
    cache: false,
    grammarSource: basename(grammarPath),
  })
  return `// @ts-nocheck -- written by tools/grammar.mjs from ../${basename(grammarPath)}; do not edit\n${source}\n`
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const check = process.argv.includes('--check')
  let stale = 0
  for (const [grammar, parser] of grammars()) {
    const text = parserOf(grammar)
    if (existsSync(parser) && readFileSync(parser, 'utf8') === text) continue
    stale++
    console.log(`${check ? 'stale' : 'written'}: ${parser}`)
    if (check) continue
    mkdirSync(dirname(parser), { recursive: true })
    writeFileSync(parser, text)
  }
  if (check && stale > 0) process.exitCode = 1
}
