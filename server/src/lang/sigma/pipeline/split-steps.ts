import { parseText, type Detection, type DetectionItem, type SigmaValue } from '../value/value.ts'
import { childOf, flagOf, textOf, textsOf, type MapTree } from '../yaml/yaml-tree.ts'
import { opposite } from './state.ts'
import { flatValues, patternOf, printText } from './text.ts'
import type { TransformationType } from './transformations.ts'

const ALGORITHMS: Readonly<Record<number, string>> = {
  32: 'MD5',
  40: 'SHA1',
  64: 'SHA256',
  128: 'SHA512',
}

/** `SHA1=5F1C…`, `*MD5|98…*` or a bare digest, whose length tells what it is. */
function hashOf(text: string): { readonly algorithm: string; readonly digest: string } {
  const parts = text.split(text.includes('|') ? '|' : '=')
  const [first = '', second] = parts
  const bare = (part: string): string => part.replaceAll(/^[*?]+|[*?]+$/g, '')
  if (parts.length === 2 && second !== undefined) {
    return { algorithm: first.replace(/^\*+/, '').toUpperCase(), digest: bare(second) }
  }
  const digest = bare(first)
  return { algorithm: ALGORITHMS[digest.length] ?? '', digest }
}

/** The texts of an item, printed; undefined where it has values of another kind. */
function textsIn(item: DetectionItem): readonly string[] | undefined {
  const values = flatValues(item.values)
  const texts = values.map((value) => (value.kind === 'text' ? printText(value) : undefined))
  return texts.every((text) => text !== undefined) ? texts : undefined
}

function plainItem(from: DetectionItem, field: string, values: readonly SigmaValue[]) {
  return { ...from, field, values, all: false, negated: false }
}

/** An item made of others, negated where it was. */
function instead(item: DetectionItem, parts: readonly Detection[], all: boolean): Detection {
  const [only] = parts
  const joined: Detection =
    parts.length === 1 && only !== undefined ? only : { kind: all ? 'all' : 'any', parts }
  return item.negated ? opposite(joined) : joined
}

function splitHashes(item: DetectionItem, params: MapTree, fail: (why: string) => void) {
  const named = textsOf(childOf(params, 'field_to_parse'))
  const fields = named.length === 0 ? ['Hashes', 'Hash'] : named
  const texts = textsIn(item)
  if (item.field === undefined || !fields.includes(item.field) || texts === undefined) return item
  const known = textsOf(childOf(params, 'valid_hash_algos'))
  const prefix = textOf(childOf(params, 'field_prefix')) ?? ''
  const drops = flagOf(childOf(params, 'drop_algo_prefix')) === true
  const found = new Map<string, SigmaValue[]>()
  for (const { algorithm, digest } of texts.map(hashOf)) {
    if (!known.includes(algorithm)) continue
    const field = prefix + (drops ? '' : algorithm)
    found.set(field, [...(found.get(field) ?? []), parseText(digest)])
  }
  if (found.size === 0) {
    fail(`${item.field} has no hash of ${known.join(', ')}.`)
    return item
  }
  const items = [...found].map(([field, values]) => plainItem(item, field, values))
  return instead(item, items, false)
}

/** Python's types of what a pattern captured: null, a number without leading zeros, text. */
function capturedValue(text: string): SigmaValue {
  if (['null', 'none', ''].includes(text.toLowerCase())) return { kind: 'null' }
  const isNumber = (text === '0' || !text.startsWith('0')) && text.trim() !== ''
  const number = isNumber ? Number(text) : Number.NaN
  return Number.isNaN(number) ? parseText(text) : { kind: 'number', value: number, text }
}

function extractFields(item: DetectionItem, params: MapTree): Detection {
  const texts = textsIn(item)
  const regex = patternOf(textOf(childOf(params, 'regex')) ?? '')
  if (texts === undefined || regex === undefined) return item
  const prefix = textOf(childOf(params, 'field_prefix'))
  const keeps = flagOf(childOf(params, 'preserve_unmatched')) === true
  const groups = Object.keys(regex.namedGroups())
  const found = texts.flatMap((text): Detection[] => {
    const matcher = regex.matcher(text)
    if (!matcher.lookingAt()) return keeps ? [{ ...item, values: [parseText(text)] }] : []
    const parts = groups.flatMap((group) => {
      const captured = matcher.group(group)
      if (captured === null || captured === '') return []
      const field = prefix === undefined ? group : `${prefix}.${group}`
      return [plainItem(item, field, [capturedValue(captured)])]
    })
    return parts.length === 0 ? [] : [{ kind: 'all', parts }]
  })
  return found.length === 0 ? item : instead(item, found, item.all)
}

/** Steps that make several items of one. */
export const SPLIT_STEPS: Readonly<Record<string, TransformationType>> = {
  hashes_fields: {
    required: ['valid_hash_algos'],
    optional: ['field_prefix', 'drop_algo_prefix', 'field_to_parse'],
    item: (item, params, { state }) =>
      splitHashes(item, params, (why) => {
        state.failure ??= why
      }),
  },
  extract_fields: {
    required: ['regex'],
    optional: ['field_prefix', 'preserve_unmatched'],
    patterns: ['regex'],
    item: (item, params) => extractFields(item, params),
  },
}
