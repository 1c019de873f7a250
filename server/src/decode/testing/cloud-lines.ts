import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'

const CORPUS = join(import.meta.dirname, '../../../test/corpus')

/** Lines of a decoder's golden files, in any order and number. */
export function corpusLines(name: string): fc.Arbitrary<string> {
  const folder = join(CORPUS, name)
  const lines = readdirSync(folder)
    .filter((file) => file.endsWith('.in'))
    .flatMap((file) => readFileSync(join(folder, file), 'utf8').split('\n').slice(0, -1))
  return fc.constantFrom(...lines)
}
