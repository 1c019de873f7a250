import fc from 'fast-check'

/** The part of JSON Schema 2020-12 that openapi.json uses. */
export interface JsonSchema {
  readonly type?: string | readonly string[]
  readonly enum?: readonly unknown[]
  readonly const?: unknown
  readonly anyOf?: readonly JsonSchema[]
  readonly oneOf?: readonly JsonSchema[]
  readonly allOf?: readonly JsonSchema[]
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly required?: readonly string[]
  readonly additionalProperties?: boolean | JsonSchema
  readonly items?: JsonSchema
  readonly minItems?: number
  readonly maxItems?: number
  readonly minLength?: number
  readonly maxLength?: number
  readonly minimum?: number
  readonly maximum?: number
  readonly pattern?: string
  readonly format?: string
}

const LENGTH_MAX = 40

/** What breaks servers: other types, other scripts, other languages' syntax, lengths, depths. */
export const hostile: fc.Arbitrary<unknown> = fc.oneof(
  fc.jsonValue({ maxDepth: 3 }),
  fc.constantFrom<unknown>(
    null,
    '',
    ' ',
    '\u0000',
    '\ud800',
    '../../etc/passwd',
    "'; DROP TABLE alert; --",
    '${jndi:ldap://x}',
    '%00%ff',
    'a\r\nset-cookie: x=y',
    '<script>',
    '__proto__',
    'constructor',
    'x'.repeat(10_000),
    -1,
    0,
    1e308,
    Number.MAX_SAFE_INTEGER + 2,
    '9'.repeat(400),
    '+275760-09-13T00:00:00.001Z',
    '0000-00-00T00:00:00Z',
    [],
    {},
    true,
  ),
  fc.string({ unit: 'binary', maxLength: LENGTH_MAX }),
)

const instant = fc
  .date({ min: new Date(0), max: new Date('2200-01-01'), noInvalidDate: true })
  .map((date) => date.toISOString())

/** Values that fit a schema, or nearly: now and then a part of them is something else. */
export function arbitraryOf(schema: JsonSchema): fc.Arbitrary<unknown> {
  return fc.oneof({ weight: 12, arbitrary: fitting(schema) }, { weight: 1, arbitrary: hostile })
}

function fitting(schema: JsonSchema): fc.Arbitrary<unknown> {
  if (schema.const !== undefined) return fc.constant(schema.const)
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum)
  const choices = schema.anyOf ?? schema.oneOf
  if (choices !== undefined) return fc.oneof(...choices.map(arbitraryOf))
  const type = typeof schema.type === 'string' ? schema.type : schema.type?.[0]
  if (type === 'string') return text(schema)
  if (type === 'integer') return fc.integer(bounds(schema))
  if (type === 'number') return fc.double({ ...bounds(schema), noNaN: true })
  if (type === 'boolean') return fc.boolean()
  if (type === 'null') return fc.constant(null)
  if (type === 'array') {
    const items = arbitraryOf(schema.items ?? {})
    const minLength = schema.minItems ?? 0
    return fc.array(items, { minLength, maxLength: Math.min(schema.maxItems ?? 5, minLength + 5) })
  }
  if (type === 'object') return object(schema)
  return fc.jsonValue({ maxDepth: 2 })
}

function bounds({ minimum = -1_000, maximum = 100_000 }: JsonSchema): { min: number; max: number } {
  return { min: minimum, max: Math.max(minimum, maximum) }
}

function text({ pattern, format, minLength = 0, maxLength = LENGTH_MAX }: JsonSchema) {
  if (format === 'date-time') return instant
  const lengths = { minLength, maxLength: Math.max(minLength, Math.min(maxLength, LENGTH_MAX)) }
  const free = fc.string(lengths)
  if (pattern === undefined) return fc.oneof(free, instant)
  // The generator knows no look-ahead: without it a few of the values do not fit, which is as well.
  const matching = fc.stringMatching(new RegExp(pattern.replaceAll(/\(\?!(?:[^()\\]|\\.)*\)/g, '')))
  return fc.oneof({ weight: 4, arbitrary: matching }, free)
}

function object(schema: JsonSchema): fc.Arbitrary<unknown> {
  const { properties = {}, required = [], additionalProperties } = schema
  const known = Object.entries(properties).map(([name, each]) => [name, arbitraryOf(each)] as const)
  const declared = fc.record(Object.fromEntries(known), {
    requiredKeys: [...required].filter((name) => name in properties),
  })
  const other = typeof additionalProperties === 'object' ? additionalProperties : undefined
  if (other === undefined) return declared
  return fc
    .tuple(declared, fc.dictionary(fc.string({ minLength: 1, maxLength: 20 }), arbitraryOf(other)))
    .map(([own, more]) => ({ ...more, ...(own as object) }))
}
