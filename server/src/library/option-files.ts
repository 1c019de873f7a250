import { readFileSync, statSync } from 'node:fs'
import { resolve } from 'node:path'
import { ProblemError } from '../base/problems.ts'
import type { DecoderSpec } from '../model/decoder.ts'

const BYTES_MAX = 2_000_000

/**
 * The options with every file that they name read: `{path, text}` stands in the name's place. Throws
 * INPUT_UNREADABLE, or MAPPING_INVALID for what the decoder says of the text.
 */
export function readOptionFiles(
  spec: DecoderSpec,
  options: Readonly<Record<string, unknown>>,
  baseDir: string,
): Readonly<Record<string, unknown>> {
  const names = (spec.files ?? []).filter((name) => typeof options[name] === 'string')
  if (names.length === 0) return options
  const read: Record<string, unknown> = { ...options }
  for (const name of names) read[name] = readOne(resolve(baseDir, String(options[name])))
  const wrong = spec.check?.(read)
  if (wrong !== undefined) throw new ProblemError({ code: 'MAPPING_INVALID', message: `${wrong}.` })
  return read
}

function readOne(path: string): { readonly path: string; readonly text: string } {
  try {
    const { size } = statSync(path)
    if (size <= BYTES_MAX) return { path, text: readFileSync(path, 'utf8') }
  } catch (error) {
    const why = error instanceof Error ? error.message.slice(0, 200) : 'unreadable'
    throw new ProblemError({ code: 'INPUT_UNREADABLE', message: `${path}: ${why}.` })
  }
  const message = `${path} is larger than ${BYTES_MAX} bytes.`
  throw new ProblemError({ code: 'INPUT_UNREADABLE', message })
}
