import {
  parseText,
  type Detection,
  type RegexValue,
  type SigmaValue,
  type TextPart,
  type TextValue,
} from './value.ts'

/** The values of a placeholder, as Sigma texts (wildcards allowed); undefined if it has none. */
export type PlaceholderValues = (name: string) => readonly string[] | undefined

const VARIANTS_MAX = 20_000

/** `%name%`, as the modifier `expand` finds it; `\%` is a plain percent sign. */
export const PLACEHOLDER = /(?<!\\)%([^%]+)%/g

/** The first placeholder of a pattern that was not filled in. */
export function placeholderIn(value: RegexValue): string | undefined {
  if (value.expands !== true) return undefined
  return [...value.pattern.matchAll(PLACEHOLDER)][0]?.[1]
}

/** The selection with the placeholders that have values filled in; others stay. */
export function fillPlaceholders(detection: Detection, values: PlaceholderValues): Detection {
  if (detection.kind !== 'item') {
    return { ...detection, parts: detection.parts.map((part) => fillPlaceholders(part, values)) }
  }
  if (!detection.values.some(hasPlaceholder)) return detection
  return { ...detection, values: detection.values.map((value) => fillValue(value, values)) }
}

function hasPlaceholder(value: SigmaValue): boolean {
  if (value.kind === 'either') return value.values.some(hasPlaceholder)
  if (value.kind === 'regex') return value.expands === true
  return value.kind === 'text' && value.parts.some(isPlaceholder)
}

function isPlaceholder(part: TextPart): part is { readonly placeholder: string } {
  return typeof part === 'object' && 'placeholder' in part
}

function fillValue(value: SigmaValue, values: PlaceholderValues): SigmaValue {
  if (value.kind === 'either') {
    return { ...value, values: value.values.map((each) => fillValue(each, values)) }
  }
  if (value.kind !== 'text' && value.kind !== 'regex') return value
  const filled = value.kind === 'text' ? fillText(value, values) : fillPattern(value, values)
  const [only] = filled
  return filled.length === 1 && only !== undefined ? only : { kind: 'either', values: filled }
}

/** Values of placeholders in a pattern are patterns themselves. */
function fillPattern(value: RegexValue, values: PlaceholderValues): RegexValue[] {
  let patterns = ['']
  for (const [index, piece] of value.pattern.split(PLACEHOLDER).entries()) {
    const choices = index % 2 === 1 ? values(piece) : [piece]
    const texts =
      choices === undefined || choices.length * patterns.length > VARIANTS_MAX
        ? [`%${piece}%`]
        : choices
    patterns = patterns.flatMap((start) => texts.map((text) => start + text))
  }
  return patterns.map((pattern) => ({ ...value, pattern }))
}

function fillText(value: TextValue, values: PlaceholderValues): TextValue[] {
  let variants: TextPart[][] = [[]]
  for (const part of value.parts) {
    const choices = isPlaceholder(part) ? values(part.placeholder) : undefined
    if (choices === undefined || choices.length * variants.length > VARIANTS_MAX) {
      for (const variant of variants) variant.push(part)
      continue
    }
    const texts = choices.map((choice) => parseText(choice).parts)
    variants = variants.flatMap((variant) => texts.map((parts) => [...variant, ...parts]))
  }
  return variants.map((parts) => ({ ...value, parts }))
}
