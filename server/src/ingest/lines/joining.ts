import type { DecoderSpec } from '../../model/decoder.ts'
import type { LineForm } from './form.ts'
import type { Joining } from './joiner.ts'
import { jsonForm } from './json-form.ts'
import { continuesForm, headedForm, indentedForm, startForm, traceForm } from './text-forms.ts'
import { xmlForm } from './xml-form.ts'

export const LINE_FORMS = ['json', 'xml', 'trace', 'indented'] as const

/** How records of several lines are known: by one of the first three. */
export interface Multiline {
  readonly form?: (typeof LINE_FORMS)[number] | undefined
  /** A pattern of lines that begin a record. */
  readonly start?: string | undefined
  /** A pattern of lines that belong to the one before. */
  readonly continues?: string | undefined
  readonly lines_max: number
  readonly bytes_max: number
  readonly timeout: number
}

const NAMED: Readonly<Record<(typeof LINE_FORMS)[number], LineForm>> = {
  ...{ json: jsonForm, xml: xmlForm, trace: traceForm, indented: indentedForm },
}

export const MULTILINE_DEFAULTS = {
  lines_max: 1_000,
  bytes_max: 1_048_576,
  timeout: 5_000,
} as const

/** Documents of a file that is read as complete, as long as memory lasts. */
export const WHOLE_FILE = { lines_max: 2_000_000, bytes_max: 33_554_432 } as const

/**
 * How a decoder's input is joined. Without a setting, and where the source cuts its input at line ends:
 * JSON documents for a decoder of documents, records for one that says how they begin; else not at all.
 */
export function joiningOf(
  spec: DecoderSpec,
  given: Multiline | undefined,
  isCutAtLines: boolean,
): Joining | undefined {
  const bare = spec.documents === true || spec.objects === true
  const { recordStart } = spec
  const isJoined = isCutAtLines && (bare || recordStart !== undefined)
  if (given === undefined && !isJoined) return undefined
  const { form, start, continues, ...limits } = given ?? (MULTILINE_DEFAULTS as Multiline)
  const isOwn = start === undefined && continues === undefined && form === undefined
  return {
    form:
      isOwn && recordStart !== undefined
        ? headedForm(recordStart)
        : start !== undefined
          ? startForm(start)
          : continues !== undefined
            ? continuesForm(continues)
            : NAMED[form ?? 'json'],
    unwrap: given !== undefined,
    bare,
    linesMax: limits.lines_max,
    charactersMax: limits.bytes_max,
    timeoutMs: limits.timeout,
  }
}
