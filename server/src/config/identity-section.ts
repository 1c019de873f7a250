import { z } from 'zod'
import { IDENTIFIER_KINDS } from '../model/asset.ts'

const path = z.string().min(1).max(4_096)

/** By what events are joined to devices. */
export const identitySection = z.strictObject({
  assets: path
    .optional()
    .describe(
      'A table of assets (CSV, YAML or NDJSON), read at the start, at a reload, and when it changed. ' +
        'What it no longer ' +
        'lists goes; assets that came over the API stay.',
    ),
  precedence: z
    .array(z.enum(IDENTIFIER_KINDS))
    .min(1)
    .max(IDENTIFIER_KINDS.length)
    .default([...IDENTIFIER_KINDS])
    .describe(
      'By what an event is joined to an asset, the most trusted first; what is not listed is not ' +
        'looked at.',
    ),
})
