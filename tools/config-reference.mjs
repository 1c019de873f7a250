// Writes docs/reference/config.md and docs/reference/config.schema.json from the schema of the
// configuration. Run after `npm run build`; a test compares the pages with the schema.
import { writeFileSync } from 'node:fs'
import { configJsonSchema, renderReference } from '../server/dist/config/reference.js'

const at = (name) => new URL(`../docs/reference/${name}`, import.meta.url)
writeFileSync(at('config.md'), renderReference())
writeFileSync(at('config.schema.json'), `${JSON.stringify(configJsonSchema, null, 2)}\n`)
