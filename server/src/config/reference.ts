import { z } from 'zod'
import { DECODER_ALIASES } from '../decode/aliases.ts'
import { decoders } from '../decode/registry.ts'
import { configSchema } from './schema.ts'

/** The part of JSON Schema (draft 2020-12) that zod makes of our options. */
interface Schema {
  readonly type?: string
  readonly description?: string
  readonly default?: unknown
  readonly const?: unknown
  readonly enum?: readonly unknown[]
  readonly form?: string
  readonly range?: string
  readonly minimum?: number
  readonly maximum?: number
  readonly items?: Schema
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly additionalProperties?: Schema | boolean
  readonly oneOf?: readonly Schema[]
  readonly anyOf?: readonly Schema[]
}

/** JSON Schema of the configuration file, for editors. */
export const configJsonSchema = z.toJSONSchema(configSchema, { io: 'input' }) as Schema

/** Keys that the schema knows at a path; a part that depends on `type` is chosen by the value. */
export function knownKeys(path: readonly PropertyKey[], value: unknown): readonly string[] {
  let schema: Schema | undefined = configJsonSchema
  let at: unknown = value
  for (const part of path) {
    const name = String(part)
    at = typeof at === 'object' && at !== null ? Reflect.get(at, name) : undefined
    schema = choose(step(schema, name), at)
  }
  return Object.keys(schema?.properties ?? {})
}

function step(schema: Schema | undefined, name: string): Schema | undefined {
  const direct = schema?.properties?.[name]
  if (direct !== undefined) return direct
  const rest = schema?.additionalProperties
  return typeof rest === 'object' ? rest : schema?.items
}

function choose(schema: Schema | undefined, value: unknown): Schema | undefined {
  const kinds = schema?.oneOf
  if (kinds === undefined) return schema
  const type: unknown =
    typeof value === 'object' && value !== null ? Reflect.get(value, 'type') : undefined
  return kinds.find((kind) => kind.properties?.['type']?.const === type)
}

const HEAD = `# Configuration

Picket reads one YAML file: \`picket serve --config FILE\`. Without a file every key has the default below.
\`picket config check --config FILE\` says what is wrong with a file, with line and column;
\`picket config show\` prints what is in force. An unknown key is an error.

Durations carry their unit (\`250ms\`, \`60s\`, \`5m\`, \`1h30m\`, \`7d\`), sizes too (\`64KiB\`, \`512MiB\`, \`10GiB\`;
\`kB\`, \`MB\`, \`GB\` are powers of 1000). Relative paths start at the folder of the configuration file,
or at the current folder where there is none. A secret is never written into the file, only named:
\`{ env: NAME }\` for an environment variable, \`{ file: PATH }\` for the content of a file, and where the table says so
\`{ command: [PROGRAM, ARGUMENT] }\` for the first line that a program prints.

This page is made from the schema by \`node tools/config-reference.mjs\`.
`

/** The reference page, docs/reference/config.md. */
export function renderReference(): string {
  const sections: string[] = [HEAD, section('Top level', configJsonSchema, false)]
  for (const [name, schema] of Object.entries(configJsonSchema.properties ?? {})) {
    const kinds = typeof schema.additionalProperties === 'object' ? schema.additionalProperties : {}
    for (const kind of kinds.oneOf ?? []) {
      const type = String(kind.properties?.['type']?.const)
      const title = `${name}.NAME with \`type: ${type}\``
      sections.push(section(title, kind, true))
    }
    if (kinds.properties !== undefined) {
      const described = { ...kinds, ...(schema.description && { description: schema.description }) }
      sections.push(section(`${name}.NAME`, described, true))
    }
    if (schema.properties !== undefined) sections.push(section(name, schema, true))
  }
  sections.push(decoderSection())
  return sections.join('\n')
}

function decoderSection(): string {
  const rows = Object.values(decoders).flatMap((spec) => {
    const options = Object.entries(spec.options ?? {})
    const others = Object.keys(DECODER_ALIASES).filter((key) => DECODER_ALIASES[key] === spec.name)
    const also =
      others.length === 0 ? '' : ` Also: ${others.map((key) => `\`${key}\``).join(', ')}.`
    const own = `| \`${spec.name}\` | | ${spec.summary}${also} |`
    return [own, ...options.map(([name, text]) => `| | \`${name}\` | ${text} |`)]
  })
  const head = ['## Decoders', '', '| decoder | option | what it does |', '| --- | --- | --- |']
  return [...head, ...rows, ''].join('\n')
}

function section(title: string, schema: Schema, withIntro: boolean): string {
  const intro = schema.properties?.['type']?.description ?? schema.description
  const rows = Object.entries(schema.properties ?? {}).flatMap(([key, option]) =>
    row(key, option, schema.required?.includes(key) === true),
  )
  return [
    `## ${title}`,
    '',
    ...(withIntro && intro !== undefined ? [intro, ''] : []),
    '| key | form | default | what it does |',
    '| --- | --- | --- | --- |',
    ...rows,
    '',
  ].join('\n')
}

function row(key: string, option: Schema, required: boolean): string[] {
  const isSection = option.properties !== undefined
  const parts = option.items?.properties
  if (parts !== undefined) {
    const needed = new Set(option.items?.required)
    const fallback = required ? '**required**' : defaultText(option, false)
    const list = `| \`${key}\` | list of sections | ${fallback} | ${option.description ?? ''} |`
    const inner = Object.entries(parts).flatMap(([name, part]) =>
      row(`${key}[].${name}`, part, needed.has(name)),
    )
    return [list, ...inner]
  }
  const fallback = required ? '**required**' : defaultText(option, isSection)
  const form = key === 'decoder' ? 'name of a decoder' : formOf(option)
  const own = `| \`${key}\` | ${form} | ${fallback} | ${option.description ?? ''} |`
  if (option.items?.properties !== undefined) return [own, ...innerRows(`${key}[]`, option.items)]
  if (!isSection || option.default !== undefined) return [own]
  return [own, ...innerRows(key, option)]
}

function innerRows(key: string, section: Schema): string[] {
  const required = new Set(section.required)
  return Object.entries(section.properties ?? {}).flatMap(([name, part]) =>
    row(`${key}.${name}`, part, required.has(name)),
  )
}

function defaultText(option: Schema, isSection: boolean): string {
  if (option.default === undefined) return 'none'
  if (isSection || JSON.stringify(option.default) === '{}') return 'see below'
  return `\`${typeof option.default === 'string' ? option.default : JSON.stringify(option.default)}\``
}

function formOf(option: Schema): string {
  if (option.form === 'secret') return `secret: ${secretForms(option)}`
  if (option.form !== undefined) {
    return option.range === undefined ? option.form : `${option.form}, ${option.range}`
  }
  if (option.const !== undefined) return `\`${String(option.const)}\``
  if (option.enum !== undefined) return option.enum.map((one) => `\`${String(one)}\``).join(', ')
  if (option.items !== undefined) return `list of ${formOf(option.items)}`
  if (option.properties !== undefined) return 'section'
  if (typeof option.additionalProperties === 'object') return 'section by name'
  if (option.type === 'integer') return `whole number, ${option.minimum} to ${option.maximum}`
  if (option.type === 'boolean') return '`true` or `false`'
  if (option.type === 'string') return 'text'
  return option.type ?? 'any'
}

function secretForms(option: Schema): string {
  const kinds = (option.anyOf ?? []).map((kind) => Object.keys(kind.properties ?? {})[0] ?? '')
  return kinds.map((kind) => `\`${kind}\``).join(', ')
}
