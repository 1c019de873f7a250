/** Every configuration of Picket that the guide shows is one that Picket takes. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { configSchema } from '../src/config/schema.ts'
import { sourceKinds } from '../src/source/registry.ts'

const GUIDE = join(import.meta.dirname, '..', '..', 'docs', 'guide')
const pages = readdirSync(GUIDE, { recursive: true, encoding: 'utf8' }).filter((name) =>
  name.endsWith('.md'),
)

test.each(pages)('%s', (page) => {
  const text = readFileSync(join(GUIDE, page), 'utf8')
  const blocks = [...text.matchAll(/^```yaml\n(.*?)^```$/gms)].map(([, block = '']) => block)
  for (const block of blocks.filter((one) => one.startsWith('sources:\n'))) {
    const config = parse(block) as { sources: Record<string, { type?: string }> }
    // Vector's configuration has sources too.
    if (!Object.values(config.sources).every(({ type }) => Object.hasOwn(sourceKinds, type ?? '')))
      continue
    const checked = configSchema.safeParse(config)
    expect(checked.success ? [] : checked.error.issues).toEqual([])
  }
})

test('each sender has its page, and the page of listeners names it', () => {
  const listeners = readFileSync(join(GUIDE, 'sources', 'listeners.md'), 'utf8')
  const senders = readdirSync(join(GUIDE, 'senders'))
  expect(senders.filter((name) => !listeners.includes(`../senders/${name}`))).toEqual([])
})
