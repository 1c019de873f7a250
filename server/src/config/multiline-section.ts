import { RE2JS } from 're2js'
import { z } from 'zod'
import { LINE_FORMS, MULTILINE_DEFAULTS } from '../ingest/lines/joining.ts'
import { durationOption, sizeOption } from '../model/options.ts'

const pattern = z
  .string()
  .min(1)
  .max(1_000)
  .refine(compiles, 'not a regular expression (RE2: no look-around, no back-references)')

const WAYS = ['form', 'start', 'continues'] as const

/** How lines that belong together become one record before they are decoded. */
export const multilineSection = z
  .strictObject({
    form: z
      .enum(LINE_FORMS)
      .optional()
      .describe(
        '`json` and `xml`: documents, up to their end. `trace`: stack traces with the line that tells of ' +
          'them. `indented`: lines that begin with white space belong to the one before.',
      ),
    start: pattern
      .optional()
      .describe('Lines that match begin a record; all others belong to the one before.'),
    continues: pattern.optional().describe('Lines that match belong to the one before.'),
    lines_max: z
      .int()
      .min(2)
      .max(100_000)
      .default(MULTILINE_DEFAULTS.lines_max)
      .describe('Most lines of a record; a longer one is cut into several.'),
    bytes_max: sizeOption({ minBytes: 1_024, maxBytes: 16 * 2 ** 20 })
      .prefault('1MiB')
      .describe('Most text of a record.'),
    timeout: durationOption({ minMs: 100, maxMs: 600_000 })
      .prefault('5s')
      .describe('A record to which nothing was added for so long is at its end.'),
  })
  .superRefine((given, context) => {
    if (WAYS.filter((way) => given[way] !== undefined).length === 1) return
    const message = 'say how records are known: one of form, start and continues'
    context.addIssue({ code: 'custom', message })
  })
  .optional()
  .describe(
    'Joins lines that belong together before they are decoded, for each connection, partition, topic or ' +
      'file by itself. Unset: JSON documents, for decoders of JSON behind files, objects and syslog.',
  )

function compiles(text: string): boolean {
  try {
    RE2JS.compile(text)
    return true
  } catch {
    return false
  }
}
