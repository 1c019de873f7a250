// Tests get this in place of `fast-check` (vitest.config.ts): the same random values in every run, so
// that a red run says something of the change under test. `npm run fuzz` takes other values each time.
import fc from 'fast-check'

const FIXED = 20_261_122
const wanted = process.env['PICKET_SEED']
fc.configureGlobal({
  seed: wanted === undefined ? FIXED : Number(wanted),
  // Else a list of at most 10,000 has ten elements at most.
  defaultSizeToMaxWhenMaxSpecified: true,
})

export * from 'fast-check'
// oxlint-disable-next-line import/no-default-export -- it takes the place of a module that has one
export { default } from 'fast-check'
