import type { DecoderSpec } from '../model/decoder.ts'
import type { RawItem } from '../model/source.ts'
import { WHOLE_FILE } from './lines/joining.ts'
import { readCaptures } from './read-captures.ts'
import { type LineSource, readLines, type ReadOptions } from './read-lines.ts'

/** Lines for most decoders, long ones for those of documents; records of captures for those that take these. */
export function readInput(
  spec: DecoderSpec,
  sources: readonly LineSource[],
  options: ReadOptions,
): AsyncGenerator<readonly RawItem[]> {
  if (spec.framing === 'capture') return readCaptures(sources, options)
  if (spec.documents !== true) return readLines(sources, options)
  const lineBytesMax = options.lineBytesMax ?? WHOLE_FILE.bytes_max
  return readLines(sources, { ...options, lineBytesMax })
}
