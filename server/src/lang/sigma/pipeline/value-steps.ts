import { fillPlaceholders, PLACEHOLDER } from '../value/placeholders.ts'
import {
  parseText,
  type DetectionItem,
  type SigmaValue,
  type TextPart,
  type TextValue,
} from '../value/value.ts'
import { childOf, flagOf, textOf, textsOf, type MapTree } from '../yaml/yaml-tree.ts'
import type { Around, TransformationType } from './transformations.ts'
import { printText, substitute } from './text.ts'

type ValueChange = (value: SigmaValue, params: MapTree, around: Around) => SigmaValue

/** Each value by itself, also those that a modifier made of one; unchanged items stay the same. */
function onValues(change: ValueChange): NonNullable<TransformationType['item']> {
  const changed: ValueChange = (value, params, around) => {
    if (value.kind !== 'either') return change(value, params, around)
    return { ...value, values: value.values.map((each) => changed(each, params, around)) }
  }
  return (item, params, around): DetectionItem => {
    const values = item.values.map((value) => changed(value, params, around))
    const isSame = values.every((value, at) => value === item.values[at])
    return isSame ? item : { ...item, values }
  }
}

function onTexts(change: (text: TextValue, params: MapTree, around: Around) => SigmaValue) {
  return onValues((value, params, around) =>
    value.kind === 'text' ? change(value, params, around) : value,
  )
}

const LITERALS: Readonly<Record<string, (text: string) => string>> = {
  lower: (text) => text.toLowerCase(),
  upper: (text) => text.toUpperCase(),
  snake_case: (text) => text.replaceAll(/(?<!^)(?=[A-Z])/g, '_').toLowerCase(),
}

function isOn(params: MapTree, name: string): boolean {
  return flagOf(childOf(params, name)) === true
}

/** Text read anew, with its placeholders as such where the text before had some. */
function reread(before: TextValue, text: string): TextValue {
  const read = { ...parseText(text), cased: before.cased, bytes: before.bytes }
  const had = before.parts.some((part) => typeof part === 'object' && 'placeholder' in part)
  if (!had) return read
  const parts = read.parts.flatMap((part): TextPart[] => {
    if (typeof part !== 'string') return [part]
    return part
      .split(PLACEHOLDER)
      .map((piece, index): TextPart => (index % 2 === 1 ? { placeholder: piece } : piece))
      .filter((piece) => piece !== '')
  })
  return { ...read, parts }
}

const BACKSLASH = /\\(?![*?])/g

function replaceString(value: TextValue, params: MapTree): TextValue {
  const regex = textOf(childOf(params, 'regex')) ?? ''
  const replacement = textOf(childOf(params, 'replacement')) ?? ''
  if (!isOn(params, 'skip_special')) {
    const replaced = substitute(regex, replacement, printText(value))
    return reread(value, replaced.replaceAll(BACKSLASH, '\\\\'))
  }
  const interprets = isOn(params, 'interpret_special')
  const parts = value.parts.flatMap((part): readonly TextPart[] => {
    if (typeof part !== 'string') return [part]
    const replaced = substitute(regex, replacement, part)
    return interprets ? parseText(replaced).parts : [replaced]
  })
  return { ...value, parts }
}

function setValue(params: MapTree): SigmaValue | undefined {
  const wanted = childOf(params, 'value')
  if (wanted?.kind !== 'scalar') return undefined
  const text = textOf(wanted) ?? ''
  const type = textOf(childOf(params, 'force_type'))
  if (type === 'str') return parseText(text)
  if (type === 'num') return { kind: 'number', value: Number(text), text }
  if (wanted.value === null) return { kind: 'null' }
  if (typeof wanted.value === 'number') return { kind: 'number', value: wanted.value, text }
  if (typeof wanted.value === 'boolean') return { kind: 'boolean', value: wanted.value }
  return parseText(wanted.value)
}

function convertType(value: SigmaValue, params: MapTree, { state }: Around): SigmaValue {
  const target = textOf(childOf(params, 'target_type'))
  if (target === 'str') return value.kind === 'number' ? parseText(value.text) : value
  if (value.kind !== 'text') return value
  const text = printText(value)
  const number = text.trim() === '' ? Number.NaN : Number(text)
  if (!Number.isNaN(number)) return { kind: 'number', value: number, text }
  state.failure ??= `The value "${text}" is no number.`
  return value
}

/** Placeholders that a step is about: those it includes, or all but those it excludes. */
function isHandled(params: MapTree, name: string): boolean {
  const include = textsOf(childOf(params, 'include'))
  if (include.length > 0 && !include.includes(name)) return false
  return !textsOf(childOf(params, 'exclude')).includes(name)
}

function toWildcard(value: SigmaValue, params: MapTree): SigmaValue {
  if (value.kind === 'regex' && value.expands === true) {
    const pattern = value.pattern.replaceAll(PLACEHOLDER, (whole, name: string) =>
      isHandled(params, name) ? '.*' : whole,
    )
    return { ...value, pattern }
  }
  if (value.kind !== 'text') return value
  const parts = value.parts.map((part): TextPart => {
    const isOne = typeof part === 'object' && 'placeholder' in part
    return isOne && isHandled(params, part.placeholder) ? { any: 'many' } : part
  })
  return { ...value, parts }
}

/** Steps that change values. */
export const VALUE_STEPS: Readonly<Record<string, TransformationType>> = {
  replace_string: {
    required: ['regex', 'replacement'],
    optional: ['skip_special', 'interpret_special'],
    patterns: ['regex'],
    item: onValues((value, params) => {
      if (value.kind === 'number') return replaceString(parseText(value.text), params)
      return value.kind === 'text' ? replaceString(value, params) : value
    }),
  },
  case: {
    required: [],
    optional: ['method'],
    choices: { method: Object.keys(LITERALS) },
    item: onTexts((value, params) => {
      const change = LITERALS[textOf(childOf(params, 'method')) ?? 'lower']
      const parts = value.parts.map((part) =>
        typeof part === 'string' ? (change?.(part) ?? part) : part,
      )
      return { ...value, parts }
    }),
  },
  map_string: {
    required: ['mapping'],
    item: onTexts((value, params) => {
      const target = childOf(childOf(params, 'mapping'), printText(value))
      if (target === undefined) return value
      const texts = textsOf(target).map((text) => ({ ...parseText(text), cased: value.cased }))
      return { kind: 'either', values: texts }
    }),
  },
  set_value: {
    required: ['value'],
    optional: ['force_type'],
    choices: { force_type: ['str', 'num'] },
    item: onValues((value, params) => setValue(params) ?? value),
  },
  convert_type: {
    required: ['target_type'],
    choices: { target_type: ['str', 'num'] },
    item: onValues(convertType),
  },
  // Elsewhere a way to compare without regard to case; here that is what text does anyway.
  regex: {
    required: [],
    optional: ['method'],
    choices: { method: ['plain', 'ignore_case_flag', 'ignore_case_brackets'] },
    item: onTexts((value, params) => ({
      ...value,
      cased: textOf(childOf(params, 'method')) === 'plain',
    })),
  },
  value_placeholders: {
    required: [],
    optional: ['include', 'exclude'],
    item: (item, params, around) =>
      fillPlaceholders(item, (name) => (isHandled(params, name) ? around.vars(name) : undefined)),
  },
  wildcard_placeholders: {
    required: [],
    optional: ['include', 'exclude'],
    item: onValues(toWildcard),
  },
}
