// Writes the mapping files of content/mappings that are decoders of their own into the program:
// node tools/mappings.mjs
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

const ROOT = join(import.meta.dirname, '..')
const BUILT_IN = ['hivemq', 'vernemq']

export const target = join(ROOT, 'server/src/decode/custom/generated/built-in.ts')

export function render() {
  const lines = ['// Made by tools/mappings.mjs from content/mappings. Do not edit.']
  lines.push('export const BUILT_IN = {')
  for (const name of BUILT_IN) {
    const text = readFileSync(join(ROOT, 'content/mappings', `${name}.yml`), 'utf8')
    lines.push(`  ${name}: ${JSON.stringify(text)},`)
  }
  return `${lines.join('\n')}\n} as const\n`
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) writeFileSync(target, render())
