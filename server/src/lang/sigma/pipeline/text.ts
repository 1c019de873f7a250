import { RE2JS } from 're2js'
import type { SigmaValue, TextValue } from '../value/value.ts'

/** A text as pySigma prints it: wildcards as such, literal `*` and `?` behind a backslash. */
export function printText({ parts }: Pick<TextValue, 'parts'>): string {
  let text = ''
  for (const part of parts) {
    if (typeof part === 'string') text += part.replaceAll(/[*?]/g, '\\$&')
    else if ('any' in part) text += part.any === 'many' ? '*' : '?'
    else text += `%${part.placeholder}%`
  }
  return text
}

/** Values as they stand side by side: alternatives that a modifier made of one count each. */
export function flatValues(values: readonly SigmaValue[]): readonly SigmaValue[] {
  return values.flatMap((value) => (value.kind === 'either' ? flatValues(value.values) : [value]))
}

const patterns = new Map<string, RE2JS | undefined>()
const PATTERNS_MAX = 1_000

/** A pattern of a pipeline, compiled once; undefined where it is none. */
export function patternOf(text: string): RE2JS | undefined {
  if (!patterns.has(text)) {
    if (patterns.size >= PATTERNS_MAX) patterns.clear()
    patterns.set(text, compiled(text))
  }
  return patterns.get(text)
}

function compiled(text: string): RE2JS | undefined {
  try {
    return RE2JS.compile(text)
  } catch {
    return undefined
  }
}

/** Python's `re.match`: from the start of the text, not necessarily to its end. */
export function matchesStart(pattern: string, text: string): boolean {
  return patternOf(pattern)?.matcher(text).lookingAt() ?? false
}

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', '\\': '\\' }
const REFERENCE = /\\(?:([1-9]\d?)|g<(\w+)>|([nrt\\]))/g

/** Python's `re.sub`, with `\1`, `\g<1>` and `\g<name>` in the replacement. */
export function substitute(pattern: string, replacement: string, text: string): string {
  const regex = patternOf(pattern)
  if (regex === undefined) return text
  const matcher = regex.matcher(text)
  let result = ''
  let end = 0
  while (matcher.find()) {
    result += text.slice(end, matcher.start())
    result += replacement.replaceAll(
      REFERENCE,
      (whole, number?: string, name?: string, escape?: string) => {
        if (escape !== undefined) return ESCAPES[escape] ?? whole
        const group = number ?? name ?? '0'
        return groupOf(matcher, /^\d+$/.test(group) ? Number(group) : group)
      },
    )
    end = matcher.end()
  }
  return result + text.slice(end)
}

function groupOf(
  matcher: { group(group: string | number): string | null },
  group: string | number,
): string {
  try {
    return matcher.group(group) ?? ''
  } catch {
    return ''
  }
}
