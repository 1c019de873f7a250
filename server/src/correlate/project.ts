import { own } from '../base/own.ts'
import { ownText } from '../base/own-text.ts'
import type { Correlation } from '../model/correlation.ts'
import type { EcsDoc } from '../model/event.ts'
import type { MatchRule } from '../model/rule.ts'
import type { ObservationPart } from './correlator.ts'
import {
  decodeKey,
  encodeKey,
  keysOf,
  NO_GROUP,
  textsAt,
  textsOf,
  type KeyField,
} from './group-key.ts'

/** What of a matched event a correlation rule needs: the joint between the two stages. */
export type Project = (doc: EcsDoc) => readonly ObservationPart[]

/** How events that match `input` become parts of observations of `correlation`. */
export function projection(correlation: Correlation, input: string): Project {
  const keyLists = keyFields(correlation, input)
  const fields = valueFields(correlation, input).map((path) => keyField(correlation, path))
  const cardinality = 'cardinality' in correlation ? (correlation.cardinality ?? []) : []
  const spreads = cardinality.map(({ field }) => keyField(correlation, field))
  const [only] = keyLists
  if (keyLists.length === 1 && only !== undefined && spreads.length === 0) {
    return (doc) => {
      const keys = keysOf(doc, only)
      if (keys.length === 0) return []
      const values = valuesOf(doc, fields)
      return keys.map((key) => ({ input, key, values }))
    }
  }
  return (doc) => {
    const parts: ObservationPart[] = []
    const values = valuesOf(doc, fields)
    for (const keyList of keyLists) {
      for (const key of keysOf(doc, keyList)) {
        const more = spreads.map((field) => textsAt(doc, field).map(ownText))
        parts.push({ input, key, values, ...(more.length > 0 && { cardinality: more }) })
      }
    }
    return parts
  }
}

function valueFields(correlation: Correlation, input: string): readonly string[] {
  if (!('fields' in correlation)) return []
  return own(correlation.inputFields, input) ?? correlation.fields
}

function keyField({ alternatives }: Pick<Correlation, 'alternatives'>, path: string): KeyField {
  const or = own(alternatives, path)
  return or === undefined ? { path } : { path, or }
}

/** The key fields of an input; several lists where it stands for stages with different keys. */
function keyFields(correlation: Correlation, input: string): readonly (readonly KeyField[])[] {
  if (correlation.type !== 'sequence' && correlation.type !== 'sample') {
    return [
      correlation.groupBy.map(({ path, paths }) =>
        keyField(correlation, own(paths, input) ?? path),
      ),
    ]
  }
  const until = correlation.type === 'sequence' ? correlation.until : undefined
  const stages = [...correlation.stages, ...(until === undefined ? [] : [until])]
  const lists = new Map<string, readonly KeyField[]>()
  for (const stage of stages) {
    if (stage.input === input) lists.set(JSON.stringify(stage.by), stage.by)
  }
  return [...lists.values()]
}

const NONE: readonly string[] = []

function valuesOf(doc: EcsDoc, fields: readonly KeyField[]): readonly string[] {
  const [only] = fields
  if (only === undefined) return NONE
  // Remembered for as long as a window: not with the whole batch that they are a part of.
  return fields.length === 1 ? textsAt(doc, only).map(ownText) : keysOf(doc, fields)
}

/** The fields that alerts are grouped by where a rule names none: the first one present. */
export const DEFAULT_GROUP = ['device.id', 'iot.mqtt.client_id', 'source.ip', 'user.name'] as const

/** The key that alerts of a match rule are grouped by. */
export function alertKey(rule: MatchRule, doc: EcsDoc): string {
  if (rule.groupBy.length > 0) {
    return encodeKey(rule.groupBy.map((path) => textsAt(doc, keyField(rule, path))[0] ?? null))
  }
  for (const path of DEFAULT_GROUP) {
    const value = textsOf(doc, path)[0]
    if (value !== undefined) return encodeKey([path, value])
  }
  return NO_GROUP
}

export function alertGroup(rule: MatchRule, key: string): Readonly<Record<string, string>> {
  const values = decodeKey(key)
  if (rule.groupBy.length > 0) return namedGroup(rule.groupBy, values)
  const [path, value] = values
  return typeof path === 'string' && typeof value === 'string' ? { [path]: value } : {}
}

/** Key values under the names of their fields; what is absent is left out. */
export function namedGroup(
  names: readonly string[],
  values: readonly (string | null)[],
): Readonly<Record<string, string>> {
  const group: Record<string, string> = {}
  for (const [index, name] of names.entries()) {
    const value = values[index]
    if (value !== undefined && value !== null) group[name] = value
  }
  return group
}

/** Names of a correlation's key, as alerts show them. */
export function groupNames(correlation: Correlation): readonly string[] {
  if (correlation.type === 'absence' && correlation.of === 'source') return ['observer.name']
  if (correlation.type === 'first_seen' && correlation.perValue === true) {
    return [...correlation.groupBy.map(({ name }) => name), ...correlation.fields]
  }
  if (correlation.groupBy.length > 0 || !('stages' in correlation)) {
    return correlation.groupBy.map(({ name }) => name)
  }
  const first = correlation.stages.find((stage) => !stage.missing) ?? correlation.stages[0]
  return first?.by.map(({ path }) => path) ?? []
}

/** A hit of one correlation as the event that a correlation above it sees: its group, flat. */
export function hitDoc(correlation: Correlation, key: string): EcsDoc {
  const doc: Record<string, unknown> = {}
  const values = decodeKey(key)
  for (const [index, name] of groupNames(correlation).entries()) {
    const value = values[index]
    if (value === undefined || value === null) continue
    doc[name] = value
    const path = correlation.groupBy[index]?.path
    if (path !== undefined) doc[path] = value
  }
  return doc
}
