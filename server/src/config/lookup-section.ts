import { z } from 'zod'
import { isLoopback } from '../base/net.ts'
import { durationOption, secretOption, sizeOption } from '../model/options.ts'

const path = z.string().min(1).max(4_096)
const field = z
  .string()
  .max(200)
  .regex(/^[A-Za-z_@][\w@]*(\.[\w@-]+)*$/, 'a field is written like device.id')
const target = z
  .string()
  .max(200)
  .regex(
    /^(iot|device|host|user|organization|labels|group|service|network|observer)\.[\w.]+$/,
    'a field under iot, device, host, user, organization, labels, group, service, network, observer',
  )

/** One table or service that events are joined to. */
export const lookupSection = z
  .strictObject({
    file: path.optional().describe('A table: CSV, YAML or NDJSON. This or `url`.'),
    url: z
      .url({ protocol: /^https?$/ })
      .max(4_096)
      .optional()
      .describe(
        'A table as JSON, or with `{key}` in it the address of one key. Redirects are not followed.',
      ),
    items: field.optional().describe('Where in a JSON answer the list (or the object) stands.'),
    token: secretOption()
      .optional()
      .describe(
        'Sent as `Authorization: Bearer …`, or as it is in the header that `header` names.',
      ),
    header: z
      .string()
      .regex(/^[A-Za-z][A-Za-z0-9-]{0,62}$/, 'not the name of a header')
      .optional()
      .describe('Header for the token, such as `X-Api-Key`.'),
    key: z
      .union([field, z.array(field).min(1).max(8)], { error: 'a field, or a list of them' })
      .describe('Field of the event; of several the first that has a value.'),
    match: field.default('id').describe('Column of the table that is compared with the key.'),
    fields: z
      .record(field, target)
      .refine((fields) => Object.keys(fields).length > 0, 'at least one field')
      .describe(
        'Columns, and the fields of the event that they become. Fields that are there stay.',
      ),
    refresh: durationOption({ minMs: 1_000, maxMs: 86_400_000 })
      .prefault('5m')
      .describe('How often a table is read anew.'),
    stale: durationOption({ minMs: 1_000 })
      .prefault('1d')
      .describe('Older than this, what is known is marked stale, and a key is asked for again.'),
    timeout: durationOption({ minMs: 100, maxMs: 60_000 })
      .prefault('5s')
      .describe('Longest time that a request may take.'),
    bytes_max: sizeOption({ minBytes: 1_024, maxBytes: 2 ** 30 })
      .prefault('64MiB')
      .describe('Largest file or answer that is read.'),
    entries_max: z
      .int()
      .min(1)
      .max(10_000_000)
      .default(100_000)
      .describe('Most keys that are kept; further ones are counted.'),
  })
  .superRefine(({ file, url, token, header }, context) => {
    const issue = (message: string, at: string): void =>
      context.addIssue({ code: 'custom', message, path: [at] })
    if ((file === undefined) === (url === undefined)) issue('either a file or a url', 'file')
    if (header !== undefined && token === undefined) issue('a header needs a token', 'header')
    if (token === undefined || url === undefined) return
    const { protocol, hostname } = new URL(url)
    const isOpen = protocol === 'http:' && !isLoopback(hostname.replace(/^\[|\]$/g, ''))
    if (isOpen) issue('a token is sent over https only, but to this machine', 'url')
  })
