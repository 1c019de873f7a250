import {
  parseText,
  type Detection,
  type SigmaValue,
  type TextPart,
  type TextValue,
} from './value.ts'

/** The values of a placeholder, as Sigma texts (wildcards allowed); undefined if it has none. */
export type PlaceholderValues = (name: string) => readonly string[] | undefined

const VARIANTS_MAX = 20_000

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
  return value.kind === 'text' && value.parts.some(isPlaceholder)
}

function isPlaceholder(part: TextPart): part is { readonly placeholder: string } {
  return typeof part === 'object' && 'placeholder' in part
}

function fillValue(value: SigmaValue, values: PlaceholderValues): SigmaValue {
  if (value.kind === 'either') {
    return { ...value, values: value.values.map((each) => fillValue(each, values)) }
  }
  if (value.kind !== 'text') return value
  const filled = fillText(value, values)
  const [only] = filled
  return filled.length === 1 && only !== undefined ? only : { kind: 'either', values: filled }
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
