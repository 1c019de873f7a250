import { nearest } from '../../base/nearest.ts'
import { ProblemError } from '../../base/problems.ts'
import { DECODER_ALIASES } from '../../decode/aliases.ts'
import { decoderNamed, decoders } from '../../decode/registry.ts'
import { readOptionFiles } from '../../library/option-files.ts'
import {
  joiningOf,
  LINE_FORMS,
  MULTILINE_DEFAULTS,
  WHOLE_FILE,
} from '../../ingest/lines/joining.ts'
import type { PreparerOptions } from '../../ingest/prepare.ts'
import type { DecoderSpec } from '../../model/decoder.ts'

/** The decoder of a name; throws USAGE with the nearest name, and all of them. */
export function chooseDecoder(name: string): DecoderSpec {
  const spec = decoderNamed(name)
  if (spec !== undefined) return spec
  const names = Object.keys(decoders)
  const near = nearest(name, [...names, ...Object.keys(DECODER_ALIASES)])
  throw new ProblemError({
    code: 'USAGE',
    message: `There is no decoder ${name.slice(0, 60)}.`,
    hint: `${near === undefined ? '' : `did you mean ${near}? `}decoders: ${names.join(', ')}`,
  })
}

/**
 * Options of a decoder from `key=value` words and `--zone`; throws USAGE for a key that it does not
 * take or a value that will not do.
 */
export function decoderOptions(
  spec: DecoderSpec,
  pairs: readonly string[],
  zone: string | undefined,
): Readonly<Record<string, unknown>> {
  const options: Record<string, string> = {}
  for (const pair of zone === undefined ? pairs : [...pairs, `zone=${zone}`]) {
    const equals = pair.indexOf('=')
    const key = equals < 0 ? pair : pair.slice(0, equals)
    const known = Object.keys(spec.options ?? {})
    if (equals <= 0 || !known.includes(key)) {
      const near = nearest(key, known)
      throw new ProblemError({
        code: 'USAGE',
        message: `The decoder ${spec.name} takes no option ${pair.slice(0, 60)}.`,
        hint: `${near === undefined ? '' : `did you mean ${near}? `}options: ${known.join(', ')}`,
      })
    }
    options[key] = pair.slice(equals + 1)
  }
  const wrong = spec.check?.(options)
  if (wrong !== undefined) throw new ProblemError({ code: 'USAGE', message: `${wrong}.` })
  return readOptionFiles(spec, options, '.')
}

export const MULTILINE_HELP =
  'join lines before they are decoded: json, xml, trace, indented, start=PATTERN, continues=PATTERN, off'

/** How the lines of a file that is read as complete are joined. Throws ProblemError USAGE. */
export function wholeFileJoining(
  spec: DecoderSpec,
  how: string | undefined,
): PreparerOptions['joining'] {
  if (spec.framing !== undefined || how === 'off') return undefined
  const limits = { ...MULTILINE_DEFAULTS, ...WHOLE_FILE, timeout: Number.POSITIVE_INFINITY }
  if (how === undefined) {
    const { documents = false, objects = false, recordStart } = spec
    const isJoined = documents || objects || recordStart !== undefined
    const joining = isJoined ? joiningOf(spec, limits, true) : undefined
    return joining && { ...joining, unwrap: false }
  }
  const form = LINE_FORMS.find((name) => name === how)
  if (form !== undefined) return joiningOf(spec, { form, ...limits }, true)
  const [, way = '', pattern = ''] = /^(start|continues)=(.+)$/s.exec(how) ?? []
  const known = [...LINE_FORMS, 'start=PATTERN', 'continues=PATTERN', 'off'].join(', ')
  if (way === '') {
    const message = `There is no way to join lines called "${how}".`
    throw new ProblemError({ code: 'USAGE', message, hint: `there are: ${known}` })
  }
  try {
    return joiningOf(spec, { [way]: pattern, ...limits }, true)
  } catch {
    throw new ProblemError({
      code: 'USAGE',
      message: `"${pattern}" is no regular expression (RE2).`,
    })
  }
}
