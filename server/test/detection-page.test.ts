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
    else if (name !== undefined && !readFileSync(path, 'utf8').includes(name)) missing.push(whole)
  }
  expect(missing).toEqual([])
  const points = page.split(/\n(?=- )/).slice(1)
  expect(points.filter((point) => !point.includes('[`'))).toEqual([])
})
