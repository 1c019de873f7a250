import { z } from 'zod'
import {
  durationOption,
  secretOption,
  secretOrCommandOption,
  sizeOption,
} from '../model/options.ts'
import { apiSection, OPEN_DOOR } from './api-section.ts'
import { filterSection } from './filter-section.ts'
import { isLoopback } from '../base/net.ts'
import { DECODER_ALIASES } from '../decode/aliases.ts'
import { decoderNamed, decoders } from '../decode/registry.ts'
import { identitySection } from './identity-section.ts'
import { lookupSection } from './lookup-section.ts'
import { multilineSection } from './multiline-section.ts'
import { checkPull } from '../source/pull/check.ts'
import type { SourceSpec } from '../source/define.ts'
import { type SourceKind, sourceKinds } from '../source/registry.ts'
import { timeSection } from './time-section.ts'

const path = z.string().min(1).max(4_096)
const instanceName = z
  .string()
  .regex(/^[a-z0-9][a-z0-9_-]{0,62}$/, 'a name is of a-z, 0-9, - and _, at most 63 long')

/** What every source takes beside the options of its kind. */
const DECODER_NAMES = [...Object.keys(decoders), ...Object.keys(DECODER_ALIASES)]

const ofEverySource = {
  decoder: z.enum(DECODER_NAMES).describe('How its input is read; see Decoders below.'),
  decoder_options: z
    .record(z.string().max(64), z.unknown())
    .default({})
    .describe('Options of the decoder, by name.'),
  decoders: z
    .array(
      z.strictObject({
        when: z
          .record(z.string().min(1).max(200), z.string().min(1).max(1_000))
          .describe(
            'What a delivery says of itself, all of it: `sourcetype`, `index`, `host`, `source`, `topic`, ' +
              '`peer`, `path`. A value may end in `*`.',
          ),
        decoder: z.enum(DECODER_NAMES).describe('The decoder of such input.'),
        decoder_options: z
          .record(z.string().max(64), z.unknown())
          .default({})
          .describe('Options of that decoder, by name.'),
        multiline: multilineSection,
      }),
    )
    .max(200)
    .default([])
    .describe('Other decoders for part of the input; the first that fits is taken.'),
  multiline: multilineSection,
  unwrap: z
    .string()
    .min(1)
    .max(200)
    .default('auto')
    .describe(
      'Where the line stands in the documents that a log shipper makes around it. `auto`: as Beats, Elastic ' +
        'Agent, Logstash, Vector, Fluent Bit and Docker make them; `never`; or the path of a field. The decoder ' +
        '`json` gets the documents themselves.',
    ),
  lateness: durationOption({ maxMs: 7 * 86_400_000 })
    .optional()
    .describe(
      'How late its events may come and still count in detection; else `detection.lateness`.',
    ),
}

interface Decoding {
  readonly decoder: string
  readonly decoder_options: Readonly<Record<string, unknown>>
}

function checkDecoders(
  source: Decoding & { readonly decoders: readonly Decoding[] },
  context: z.RefinementCtx,
): void {
  checkDecoder(source, context, [])
  for (const [at, one] of source.decoders.entries()) checkDecoder(one, context, ['decoders', at])
}

/** Options of decoders are their own affair: what they say of them stands in the file's place. */
function checkDecoder(
  source: Decoding,
  context: z.RefinementCtx,
  at: readonly (string | number)[],
): void {
  const spec = decoderNamed(source.decoder)
  const known = Object.keys(spec?.options ?? {})
  const path = [...at, 'decoder_options']
  for (const name of Object.keys(source.decoder_options)) {
    if (known.includes(name)) continue
    const list = known.length === 0 ? 'it takes none' : `it takes ${known.join(', ')}`
    const message = `the decoder ${source.decoder} has no such option; ${list}`
    context.addIssue({ code: 'custom', message, path: [...path, name] })
  }
  const message = spec?.check?.(source.decoder_options)
  if (message !== undefined) context.addIssue({ code: 'custom', message, path })
}

/** What other machines can reach speaks TLS, unless it is said in as many words that it does not. */
function checkDoors(
  source: { readonly type: SourceKind; readonly plaintext?: boolean },
  context: z.RefinementCtx,
): void {
  if (source.plaintext === true) return
  const spec: SourceSpec = sourceKinds[source.type]
  for (const { address, option } of spec.inTheClear?.(source) ?? []) {
    if (isLoopback(address.host)) continue
    context.addIssue({ code: 'custom', message: OPEN_DOOR, path: [...option] })
  }
}

const fileSection = z
  .strictObject({
    type: z.literal('file').describe(sourceKinds.file.summary),
    ...ofEverySource,
    ...sourceKinds.file.options.shape,
  })
  .superRefine(checkDecoders)

const syslogSection = z
  .strictObject({
    type: z.literal('syslog').describe(sourceKinds.syslog.summary),
    ...ofEverySource,
    ...sourceKinds.syslog.options.shape,
  })
  .superRefine(checkDecoders)

const firehoseSection = z
  .strictObject({
    type: z.literal('firehose').describe(sourceKinds.firehose.summary),
    ...ofEverySource,
    ...sourceKinds.firehose.options.shape,
  })
  .superRefine(checkDecoders)

const flowSection = z
  .strictObject({
    type: z.literal('flow').describe(sourceKinds.flow.summary),
    ...ofEverySource,
    ...sourceKinds.flow.options.shape,
  })
  .superRefine(checkDecoders)

const hecSection = z
  .strictObject({
    type: z.literal('hec').describe(sourceKinds.hec.summary),
    ...ofEverySource,
    ...sourceKinds.hec.options.shape,
  })
  .superRefine(checkDecoders)

const httpSection = z
  .strictObject({
    type: z.literal('http').describe(sourceKinds.http.summary),
    ...ofEverySource,
    ...sourceKinds.http.options.shape,
  })
  .superRefine(checkDecoders)

const elasticSection = z
  .strictObject({
    type: z.literal('elastic').describe(sourceKinds.elastic.summary),
    ...ofEverySource,
    ...sourceKinds.elastic.options.shape,
  })
  .superRefine(checkDecoders)

const kafkaSection = z
  .strictObject({
    type: z.literal('kafka').describe(sourceKinds.kafka.summary),
    ...ofEverySource,
    ...sourceKinds.kafka.options.shape,
  })
  .superRefine(checkDecoders)

const mqttSection = z
  .strictObject({
    type: z.literal('mqtt').describe(sourceKinds.mqtt.summary),
    ...ofEverySource,
    ...sourceKinds.mqtt.options.shape,
  })
  .superRefine(checkDecoders)

const otlpSection = z
  .strictObject({
    type: z.literal('otlp').describe(sourceKinds.otlp.summary),
    ...ofEverySource,
    ...sourceKinds.otlp.options.shape,
  })
  .superRefine(checkDecoders)

const pullSection = z
  .strictObject({
    type: z.literal('pull').describe(sourceKinds.pull.summary),
    ...ofEverySource,
    ...sourceKinds.pull.options.shape,
  })
  .superRefine(checkDecoders)
  .superRefine(checkPull)

const sourceSection = z
  .discriminatedUnion('type', [
    elasticSection,
    fileSection,
    firehoseSection,
    flowSection,
    hecSection,
    httpSection,
    kafkaSection,
    mqttSection,
    otlpSection,
    pullSection,
    syslogSection,
  ])
  .superRefine(checkDoors)

const journalSection = z.strictObject({
  bytes_max: sizeOption({ minBytes: 64 * 2 ** 20 })
    .prefault('10GiB')
    .describe('Most disk space of the journal. When it is used up, sources are made to wait.'),
  age_max: durationOption({ minMs: 60_000 })
    .prefault('7d')
    .describe('Oldest batch that is kept once every essential reader has passed it.'),
  trim_interval: durationOption({ minMs: 100, maxMs: 86_400_000 })
    .prefault('10s')
    .describe('How often what every essential reader has passed is removed.'),
})

const storeSection = z.strictObject({
  memory_max: sizeOption({ minBytes: 256 * 2 ** 20 })
    .prefault('1GiB')
    .describe('Most memory that the store process may use.'),
  threads_max: z.int().min(1).max(256).default(2).describe('Most threads of one query.'),
  keep_days: z
    .int()
    .min(1)
    .max(36_500)
    .default(365)
    .describe('Events can be searched this many days; then whole days of ingest are dropped.'),
})

const stateSection = z.strictObject({
  postgres_url: secretOption()
    .optional()
    .describe(
      'Address of a PostgreSQL database (`postgres://user:password@host/name`) that keeps alerts and ' +
        'people instead of an SQLite file in the data folder.',
    ),
})

const detectionSection = z.strictObject({
  rules: z
    .array(path)
    .max(1_000)
    .default(['builtin'])
    .describe(
      'Rule files and folders. The word `builtin` stands for the rules that come with Picket.',
    ),
  lateness: durationOption({ maxMs: 7 * 86_400_000 })
    .prefault('60s')
    .describe('How late events may come and still count, for sources that do not say.'),
  skew_max: durationOption({ maxMs: 7 * 86_400_000 })
    .prefault('5m')
    .describe(
      'How far a time that a device claims may lie ahead of receipt before it is set aside.',
    ),
  tick_interval: durationOption({ minMs: 100, maxMs: 60_000 })
    .prefault('2s')
    .describe('How often the journal notes how far every source is complete.'),
  keys_max: z
    .int()
    .min(100)
    .max(100_000_000)
    .default(100_000)
    .describe('Most group keys that one rule keeps state for; what is evicted is counted.'),
  snapshot_interval: durationOption({ minMs: 100, maxMs: 86_400_000 })
    .prefault('5s')
    .describe('How often the state of detection is saved, from which a restart continues.'),
})

const huntsSection = z.strictObject({
  at_once: z
    .int()
    .min(1)
    .max(32)
    .default(2)
    .describe('Most hunts over the API at one time; of one user there is one.'),
  memory_max: sizeOption({ minBytes: 64 * 2 ** 20 })
    .prefault('512MiB')
    .describe('Most memory that one of them may hold.'),
  time_max: durationOption({ minMs: 1_000, maxMs: 7 * 86_400_000 })
    .prefault('1h')
    .describe('Longest that one of them may take.'),
})

const jsonLinesOutput = z.strictObject({
  path: path.describe('File that every alert revision is appended to, one JSON object a line.'),
  format: z
    .enum(['json', 'ocsf'])
    .default('json')
    .describe('`json`: as Picket has them. `ocsf`: Detection Findings (class 2004) of OCSF 1.8.'),
})

const outputsSection = z.strictObject({
  terminal: z.boolean().default(true).describe('Show alerts on the terminal.'),
  json_lines: jsonLinesOutput.optional().describe('Write alerts to a file as JSON lines.'),
})

const logSection = z.strictObject({
  level: z
    .enum(['debug', 'info', 'warn', 'error'])
    .default('info')
    .describe("Least weight of what is written to Picket's own log."),
  format: z
    .enum(['auto', 'text', 'json'])
    .default('auto')
    .describe('`auto`: text on a terminal, else one JSON object a line.'),
})

/** The whole configuration file. Every key has a description; the reference page is made from it. */
export const configSchema = z.strictObject({
  data: path.default('./data').describe('Folder of everything that Picket stores.'),
  master_key: secretOrCommandOption()
    .optional()
    .describe(
      'The key that all stored data is sealed with. Without it the first run makes a key file ' +
        'in the data folder.',
    ),
  journal: journalSection.prefault({}).describe('The durable log between sources and readers.'),
  store: storeSection.prefault({}).describe('The engine that searches run on.'),
  state: stateSection.prefault({}).describe('Where alerts, users and settings are kept.'),
  filter: filterSection
    .prefault({})
    .describe('What is kept as a security event, and what is folded into rollups.'),
  identity: identitySection.prefault({}).describe('How events are joined to known devices.'),
  lookups: z
    .record(instanceName, lookupSection)
    .default({})
    .describe(
      'Tables and services that tell more of a device, such as a CMDB, by a name of your choice.',
    ),
  time: timeSection.prefault({}).describe('Clocks of devices.'),
  detection: detectionSection.prefault({}).describe('Rules and how they see time.'),
  hunts: huntsSection.prefault({}).describe('Rules over the stored past, asked for over the API.'),
  sources: z
    .record(instanceName, sourceSection)
    .default({})
    .describe('Where input comes from, by a name of your choice.'),
  outputs: outputsSection.prefault({}).describe('Where alerts go.'),
  api: apiSection.prefault({}).describe('The HTTP interface.'),
  log: logSection.prefault({}).describe("Picket's own log, on standard error."),
})

export type ConfigValues = z.output<typeof configSchema>
export type SourceConfig = ConfigValues['sources'][string]

/** The values, and the folder that relative paths in them started from. */
export type Config = ConfigValues & {
  readonly baseDir: string
  /** The file they came from; absent: the defaults. */
  readonly file?: string
}
