import { fileURLToPath } from 'node:url'
import { defineConfig, type Plugin } from 'vitest/config'

const SEEDED = fileURLToPath(new URL('test/seeded-fast-check.ts', import.meta.url))

/** Random values of tests come from a fixed seed; see test/seeded-fast-check.ts. */
const seeded: Plugin = {
  name: 'seeded-fast-check',
  enforce: 'pre',
  resolveId: (source, importer) =>
    source === 'fast-check' && importer !== SEEDED ? SEEDED : undefined,
}

export default defineConfig({
  plugins: [seeded],
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
    pool: 'forks',
    maxWorkers: 2,
    // Generous: a slow machine is no failure, a hung test still is.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    expect: { poll: { timeout: 30_000 } },
    benchmark: { include: ['src/**/*.bench.ts'] },
  },
})
