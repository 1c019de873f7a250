import type { Decoder, DecoderSpec } from '../../model/decoder.ts'
import { MappingDecoder } from './decoder.ts'
import { type MappingRead, readMapping } from './read-mapping.ts'

/** What an option that names a file is when it comes to a decoder: the file was read for it. */
export interface OptionFile {
  readonly path: string
  readonly text: string
}

function isFile(value: unknown): value is OptionFile {
  return value !== null && typeof value === 'object' && 'text' in value && 'path' in value
}

const known = new WeakMap<OptionFile, MappingRead>()

function readOnce(file: OptionFile): MappingRead {
  const read = known.get(file) ?? readMapping(file.text, file.path)
  known.set(file, read)
  return read
}

/** Rejects every line: the mapping could not be used, which `check` said beforehand. */
const refusing: Decoder = {
  decode: (_item, out) => out.reject('DECODE_UNKNOWN', 'There is no usable mapping.'),
}

export const custom: DecoderSpec = {
  name: 'custom',
  summary: 'Any lines, as a mapping file says: dissect, grok, JSON, CSV or key=value to ECS.',
  options: { mapping: 'Path of the mapping file (YAML); see docs/guide/custom-decoder.md.' },
  files: ['mapping'],
  create: ({ mapping } = {}) => {
    if (!isFile(mapping)) return refusing
    const read = readOnce(mapping)
    return read.ok ? new MappingDecoder(read.mapping) : refusing
  },
  check: ({ mapping }) => {
    if (mapping === undefined) return 'the decoder custom needs the option mapping, a path'
    if (typeof mapping === 'string' && mapping !== '') return undefined
    if (!isFile(mapping)) return 'mapping must be the path of a mapping file'
    const read = readOnce(mapping)
    const [problem] = read.ok ? [] : read.problems
    if (problem === undefined) return undefined
    const { at, hint } = problem
    const place = `${mapping.path}:${at?.line ?? 1}:${at?.column ?? 1}`
    const more = hint === undefined ? '' : ` (${hint})`
    return `${place}: ${problem.message.replace(/\.$/, '')}${more}`
  },
}

/** A decoder whose mapping is part of the program; `mapping` is well-formed, which a test holds. */
export function mappingDecoder(name: string, summary: string, mapping: string): DecoderSpec {
  let once: MappingRead | undefined
  return {
    name,
    summary,
    create: () => {
      once ??= readMapping(mapping)
      const read = once
      return read.ok ? new MappingDecoder(read.mapping) : refusing
    },
  }
}
