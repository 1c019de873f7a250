import { readFileSync } from 'node:fs'
import { join } from 'node:path'

const path = join(import.meta.dirname, '../../../../content/mappings/acme-gateway.yml')

/** Options of the decoder `custom`: the worked example of the guide. */
export const exampleMapping = { mapping: { path, text: readFileSync(path, 'utf8') } } as const
