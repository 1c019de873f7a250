import { z } from 'zod'
import { durationOption, sizeOption } from '../../model/options.ts'
import type { SourceDeps } from '../define.ts'
import { FILE_ENCODINGS } from './encoding.ts'

const pattern = z.string().min(1).max(4_096)

/** Options of the source kind `file`. */
export const fileOptions = z.strictObject({
  paths: z
    .array(pattern)
    .min(1)
    .max(1_000)
    .describe(
      'Files to follow, as glob patterns: `*` and `?` within a name, `[a-z]`, `{a,b}`, and `**` ' +
        'for any depth of folders. Patterns that match nothing yet are watched for.',
    ),
  exclude: z
    .array(pattern)
    .max(1_000)
    .default([])
    .describe('Patterns of files to leave out, compared with the whole path.'),
  encoding: z
    .enum(FILE_ENCODINGS)
    .default('utf-8')
    .describe('How text is encoded. A byte-order mark at the start of a file decides over this.'),
  start_at: z
    .enum(['beginning', 'end'])
    .default('beginning')
    .describe(
      'Where to begin in files that are there at the very first start. Files that appear later ' +
        'are always read from the beginning, and known files from where reading stopped; so are ' +
        'packet captures, whose beginning says how they are to be read.',
    ),
  poll_interval: durationOption({ minMs: 10, maxMs: 3_600_000 })
    .prefault('250ms')
    .describe('How often followed files are looked at when the system gives no hint of a change.'),
  scan_interval: durationOption({ minMs: 10, maxMs: 3_600_000 })
    .prefault('1s')
    .describe('How often the patterns are searched for new, renamed and vanished files.'),
  watch: z
    .boolean()
    .default(true)
    .describe('Take change notices of the operating system as hints to look at once.'),
  partial_line_timeout: durationOption({ maxMs: 86_400_000 })
    .prefault('0s')
    .describe(
      'After how long a last line without line end is taken as it is. 0s: only when its file ' +
        'is finished (rotated away, compressed or deleted).',
    ),
  rotated_wait: durationOption({ minMs: 0, maxMs: 86_400_000 })
    .prefault('10s')
    .describe('How long a rotated file is still read, since its writer may not have let go of it.'),
  line_bytes_max: sizeOption({ minBytes: 1_024, maxBytes: 16 * 2 ** 20 })
    .prefault('1MiB')
    .describe('Longer lines are cut here and rejected, with their true length counted.'),
  batch_lines_max: z
    .int()
    .min(1)
    .max(100_000)
    .default(10_000)
    .describe('Most lines that are delivered at once.'),
  batch_bytes_max: sizeOption({ minBytes: 4_096, maxBytes: 64 * 2 ** 20 })
    .prefault('256KiB')
    .describe('About how many bytes are read and delivered at once; a longer line goes alone.'),
  files_max: z
    .int()
    .min(1)
    .max(100_000)
    .default(4_096)
    .describe('Most files followed at once; further ones wait and are counted.'),
  open_files_max: z
    .int()
    .min(1)
    .max(10_000)
    .default(256)
    .describe('Most files held open; others are opened when they change.'),
  files_remembered_max: z
    .int()
    .min(16)
    .max(1_000_000)
    .default(10_000)
    .describe('How many finished files are remembered, so that they are not read again.'),
})

/** `framing`: as the source's decoder wants it. */
export type FileOptions = z.output<typeof fileOptions> & {
  readonly framing?: SourceDeps['framing']
}
