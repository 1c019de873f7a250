/**
 * SQL is made of typed pieces only: text written in our source, and values that travel beside it as
 * bound parameters (`{p0:String}`, https://clickhouse.com/docs/interfaces/http#cli-queries-with-parameters).
 * A bare string does not type-check as a piece, so nothing a user typed can become SQL.
 */
export type ParamType =
  | 'String'
  | 'Int32'
  | 'Int64'
  | 'UInt8'
  | 'UInt16'
  | 'UInt32'
  | 'UInt64'
  | 'Float64'
  | 'Identifier'
  | 'Array(String)'
  | 'Array(Int64)'
  | 'Array(UInt64)'

export interface Param {
  readonly kind: 'param'
  readonly type: ParamType
  readonly value: ParamValue
}

export type ParamValue = string | number | readonly string[] | readonly number[]

declare const sqlBrand: unique symbol
/** Made by the `sql` tag alone. */
export interface Sql {
  readonly kind: 'sql'
  readonly texts: readonly string[]
  readonly params: readonly Param[]
  readonly [sqlBrand]: true
}

const TEXT_CHARACTERS_MAX = 1_000_000

/** A value that is bound, never printed into the text. */
export function p(type: 'Array(String)', value: readonly string[]): Param
export function p(type: 'Array(Int64)' | 'Array(UInt64)', value: readonly number[]): Param
export function p(type: 'String' | 'Identifier', value: string): Param
export function p(
  type: 'Int32' | 'Int64' | 'UInt8' | 'UInt16' | 'UInt32' | 'UInt64' | 'Float64',
  value: number,
): Param
export function p(type: ParamType, value: ParamValue): Param {
  return { kind: 'param', type, value }
}

export function sql(text: TemplateStringsArray, ...parts: readonly (Param | Sql)[]): Sql {
  const texts: string[] = [text[0] ?? '']
  const params: Param[] = []
  for (const [index, part] of parts.entries()) {
    const after = text[index + 1] ?? ''
    if (part.kind === 'param') {
      params.push(part)
      texts.push(after)
      continue
    }
    texts[texts.length - 1] += part.texts[0] ?? ''
    params.push(...part.params)
    texts.push(...part.texts.slice(1))
    texts[texts.length - 1] += after
  }
  return made(texts, params)
}

/** A name that is SQL as it stands: lower-case letters, digits, underscores. Throws on any other. */
export function identifier(name: string): Sql {
  if (!/^[a-z][a-z0-9_]{0,63}$/.test(name)) throw new TypeError('not the name of a column or table')
  return made([name], [])
}

/** Pieces with a separator between them; the separator is a piece too. */
export function joinSql(pieces: readonly Sql[], separator: Sql): Sql {
  let joined = sql``
  for (const [index, piece] of pieces.entries()) {
    joined = index === 0 ? piece : sql`${joined}${separator}${piece}`
  }
  return joined
}

/** All of the conditions; true where there is none. */
export function allOf(conditions: readonly Sql[]): Sql {
  if (conditions.length === 0) return sql`1`
  return joinSql(
    conditions.map((one) => sql`(${one})`),
    sql` AND `,
  )
}

/** Any of the conditions; false where there is none. */
export function anyOf(conditions: readonly Sql[]): Sql {
  if (conditions.length === 0) return sql`0`
  return joinSql(
    conditions.map((one) => sql`(${one})`),
    sql` OR `,
  )
}

export interface RenderedSql {
  readonly text: string
  readonly params: Readonly<Record<string, ParamValue>>
}

export function renderSql(query: Sql): RenderedSql {
  let text = query.texts[0] ?? ''
  const params: Record<string, ParamValue> = {}
  for (const [index, param] of query.params.entries()) {
    text += `{p${index}:${param.type}}${query.texts[index + 1] ?? ''}`
    params[`p${index}`] = param.value
  }
  if (text.length > TEXT_CHARACTERS_MAX) throw new RangeError('SQL text over its limit')
  return { text, params }
}

function made(texts: readonly string[], params: readonly Param[]): Sql {
  return { kind: 'sql', texts, params } as unknown as Sql
}
