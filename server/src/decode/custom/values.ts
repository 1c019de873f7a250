import { asTime } from '../document/values.ts'
import { plainIp } from '../mosquitto/address.ts'
import { type Fields, type Template, type ValueRule, type ValueType, valueOf } from './mapping.ts'

/** A value of a rule: `unfit` where it could not be made one of the type. */
export type Evaluated = { readonly value: unknown } | 'absent' | 'unfit'

export function evaluate(rule: ValueRule, fields: Fields): Evaluated {
  if (rule.from === undefined) return present(rule.fallback)
  const raw = fill(rule.from, fields)
  if (raw === undefined || raw === null || raw === '') return present(rule.fallback)
  let value: unknown = raw
  if (rule.values !== undefined) {
    const key = typeof raw === 'object' ? '' : String(raw)
    value = rule.values.has(key) ? rule.values.get(key) : rule.fallback
    return present(value)
  }
  const made = rule.type === undefined ? value : convert(value, rule.type)
  return made === undefined ? 'unfit' : { value: made }
}

const present = (value: unknown): Evaluated =>
  value === undefined || value === null ? 'absent' : { value }

/** The value itself where the template is one field; text where it is more; undefined: one is missing. */
function fill(template: Template, fields: Fields): unknown {
  const { parts } = template
  const [only] = parts
  if (parts.length === 1 && typeof only === 'object') return valueOf(fields, only.field)
  let text = ''
  for (const part of parts) {
    if (typeof part === 'string') {
      text += part
      continue
    }
    const value = valueOf(fields, part.field)
    if (value === undefined || value === null || typeof value === 'object') return undefined
    text += String(value)
  }
  return text
}

function convert(value: unknown, type: ValueType): unknown {
  switch (type) {
    case 'keyword':
      return typeof value === 'object' ? undefined : String(value)
    case 'long':
    case 'double':
      return numberOf(value, type === 'long')
    case 'boolean':
      return booleanOf(value)
    case 'ip':
      return typeof value === 'string' ? plainIp(bare(value)) : undefined
    case 'date': {
      const ms = asTime(value)
      return ms === undefined ? undefined : new Date(ms).toISOString()
    }
    case 'list':
      return Array.isArray(value) ? value : String(value).split(/[,;]\s*/, 1_000)
    case 'erlang_topic':
      return typeof value === 'string' ? erlangTopic(value) : undefined
  }
}

/** The levels of a topic as Erlang prints them, `[<<"a">>,<<>>,'+']`, as `a//+`; other text stays. */
function erlangTopic(text: string): string {
  if (!/^\[.*\]$/s.test(text)) return text
  const level = /\s*(?:<<(?:"((?:[^"\\]|\\.)*)"(?:\/utf8)?)?>>|'?([+#])'?)(?:,|$)/y
  const levels: string[] = []
  const inner = text.slice(1, -1)
  while (level.lastIndex < inner.length) {
    const found = level.exec(inner)
    if (found === null) return text
    levels.push(found[2] ?? (found[1] ?? '').replaceAll(/\\(.)/g, '$1'))
  }
  return levels.join('/')
}

const bare = (text: string): string =>
  text.startsWith('[') && text.endsWith(']') ? text.slice(1, -1) : text

function numberOf(value: unknown, whole: boolean): number | undefined {
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value
  if (typeof number !== 'number' || !Number.isFinite(number)) return undefined
  return whole && !Number.isInteger(number) ? undefined : number
}

function booleanOf(value: unknown): boolean | undefined {
  if (typeof value === 'boolean') return value
  const word = String(value).toLowerCase()
  if (word === 'true' || word === 'yes' || word === '1' || word === 'on') return true
  return word === 'false' || word === 'no' || word === '0' || word === 'off' ? false : undefined
}
