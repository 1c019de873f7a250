import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const SERVER = join(import.meta.dirname, '..')
const PAGE = join(SERVER, '..', 'docs', 'reference', 'detection.md')

test('every sentence of the detection page has a test, and every test it names exists', () => {
  const page = readFileSync(PAGE, 'utf8')
  const named = [...page.matchAll(/\[`([^`›]+?)(?: › ([^`]+))?`\]/g)]
  expect(named.length).toBeGreaterThan(30)
  const missing: string[] = []
  for (const [whole, file, name] of named) {
    const path = join(SERVER, file!.startsWith('test/') ? '' : 'src', file!)
    if (!existsSync(path)) missing.push(whole)
    else if (name !== undefined && !titlesOf(readFileSync(path, 'utf8')).has(name))
      missing.push(whole)
  }
  expect(missing).toEqual([])
  const points = page.split(/\n(?=- )/).slice(1)
  expect(points.filter((point) => !point.includes('[`'))).toEqual([])
})

/** Titles of tests and of groups of them, as their texts are written. */
function titlesOf(source: string): ReadonlySet<string> {
  const calls = source.matchAll(/\(\s*(?:'((?:[^'\\\n]|\\.)+)'|"([^"\n]+)"|`([^`]+)`)/g)
  return new Set([...calls].map(([, single, double, tick]) => single ?? double ?? tick ?? ''))
}
