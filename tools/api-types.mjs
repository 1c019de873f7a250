/**
 * Writes the types of the API's client from docs/reference/openapi.json, or with --check only says
 * whether they are fresh (exit code 1 if not). Run after a route changed.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

const ROOT = join(import.meta.dirname, '..')
const DESCRIPTION = join(ROOT, 'docs/reference/openapi.json')
const TYPES = join(ROOT, 'console/src/api/generated/api.ts')

// openapi-typescript builds its output with the TypeScript 5 of the console's own folder.
const tool = createRequire(join(ROOT, 'console/package.json'))('openapi-typescript')

const nodes = await tool.default(pathToFileURL(DESCRIPTION), { alphabetize: true, silent: true })
const head =
  '// Generated from docs/reference/openapi.json by tools/api-types.mjs; not to be edited.\n'
const text = `${head}${tool.astToString(nodes)}`

if (process.argv.includes('--check')) {
  if (readFileSync(TYPES, 'utf8') !== text) {
    process.stderr.write('The client types are stale: run node tools/api-types.mjs\n')
    process.exitCode = 1
  }
} else writeFileSync(TYPES, text)
