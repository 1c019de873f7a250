/** Golden files: `test/corpus/DECODER/NAME.in`; written anew with UPDATE_GOLDEN=1. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { createNormalizer } from '../normalize/normalize.ts'
import { decoders } from './registry.ts'
import { exampleMapping } from './testing/example-mapping.ts'
import { decodeInto, newTold, RECEIVED_MS, settleInto } from './testing/decode-text.ts'

const CORPUS = join(import.meta.dirname, '../../test/corpus')

function decodeFile(name: string, text: string): string {
  const spec = decoders[name]!
  const decoder = spec.create(name === 'custom' ? exampleMapping : {})
  const told = newTold()
  const normalize = createNormalizer({ source: 'golden', decoder: spec, tenant: 'default' })
  const lines = text.split('\n').slice(0, -1)
  const out: unknown[] = []
  const item = { text: '', key: '', receivedMs: RECEIVED_MS }
  const flush = (line: number): void => {
    for (const draft of told.drafts.splice(0)) {
      const { doc } = normalize(draft, { ...item, key: String(line) }, RECEIVED_MS)
      const event = doc['event'] as Record<string, unknown>
      for (const field of ['id', 'created', 'ingested', 'module', 'dataset', 'provider', 'kind']) {
        delete event[field]
      }
      delete doc['ecs']
      delete doc['observer']
      out.push({ line, ...doc })
    }
  }
  for (const [index, line] of lines.entries()) {
    decodeInto(told, decoder, { ...item, text: line, key: String(index + 1) })
    flush(index + 1)
  }
  settleInto(told, decoder)
  flush(lines.length + 1)
  const routine = Object.fromEntries([...told.routine].sort(([a], [b]) => (a < b ? -1 : 1)))
  const rows = [...out, ...told.rejects.map((reject) => ({ reject })), { routine }]
  return `[\n${rows.map((row) => JSON.stringify(row)).join(',\n')}\n]\n`
}

describe('golden files', () => {
  for (const name of Object.keys(decoders)) {
    const folder = join(CORPUS, name)
    const inputs = readdirSync(folder).filter((file) => file.endsWith('.in'))
    test(`${name} has some`, () => expect(inputs.length).toBeGreaterThan(0))
    test.each(inputs)(`${name}: %s`, (file) => {
      const made = decodeFile(name, readFileSync(join(folder, file), 'utf8'))
      const path = join(folder, file.replace(/\.in$/, '.out.json'))
      if (process.env['UPDATE_GOLDEN'] === '1' || !existsSync(path)) writeFileSync(path, made)
      expect(made).toBe(readFileSync(path, 'utf8'))
    })
  }
})
