import { basename } from 'node:path'
import { z } from 'zod'
import { sha256Hex } from '../../base/hash.ts'

/** Bytes from the start, and bytes just before the reading position, that tell a file's content. */
export const HEAD_BYTES = 1_024
export const LAST_BYTES = 64

/** Prefix lengths that are hashed each, so that a shorter copy can be told too. */
const RUNGS: readonly number[] = [16, 64, 256, HEAD_BYTES]

const print = z.tuple([z.int().min(0).max(HEAD_BYTES), z.string().max(64)])

/** Why a file is not followed any more: read to its end, or its rest could not be found. */
export type Ending = 'read' | 'lost'

const recordSchema = z.object({
  v: z.literal(1),
  id: z.string().min(1).max(64),
  path: z.string().max(8_192),
  key: z.string().max(64),
  next: z.int().min(0),
  head: z.array(print).max(8),
  last: print,
  encoding: z.string().max(32).optional(),
  size: z.number(),
  mtimeMs: z.number(),
  markMs: z.number(),
  done: z.enum(['read', 'lost']).optional(),
})

/**
 * What is kept of one content: the value of its cursor. `next` is the offset of the first byte that was
 * not delivered; of compressed files it counts decompressed bytes. Content is named by hashes
 * only, so that no log text stands in a cursor.
 */
export type FileRecord = z.output<typeof recordSchema>

export function parseRecord(value: string): FileRecord | undefined {
  try {
    const parsed = recordSchema.safeParse(JSON.parse(value))
    return parsed.success ? parsed.data : undefined
  } catch {
    return undefined
  }
}

export type Print = readonly [bytes: number, hash: string]

export function printOf(bytes: Uint8Array): [number, string] {
  return [bytes.length, sha256Hex(bytes).slice(0, 32)]
}

/** Hashes of the prefixes of the first bytes read. */
export function headPrints(head: Buffer): [number, string][] {
  const lengths = RUNGS.filter((length) => length < head.length)
  return [...lengths, head.length].map((length) => printOf(head.subarray(0, length)))
}

/** True where the longest prefix that both have is the same; undefined where none can be compared. */
export function sameHead(prints: readonly Print[], content: Buffer): boolean | undefined {
  const longest = prints.findLast(([bytes]) => bytes > 0 && bytes <= content.length)
  if (longest === undefined) return undefined
  return printOf(content.subarray(0, longest[0]))[1] === longest[1]
}

/** A file name without what rotation adds to it, so that names can be compared quickly. */
export interface RotationName {
  readonly original: string
  readonly stem: string
  readonly ending: string
}

/** `loose`: a rotated file may be rotated or compressed further, so its number does not count. */
export function rotationName(path: string, loose: boolean): RotationName {
  const name = basename(path)
  const original = loose ? name.replace(/(?:[._-]\d[\d_.T:-]*)?(?:\.gz)?$/, '') : name
  const dot = original.lastIndexOf('.')
  return dot > 0
    ? { original, stem: original.slice(0, dot), ending: original.slice(dot) }
    : { original, stem: original, ending: '' }
}

/**
 * Whether a file name is what rotation makes of another in the same folder: `app.log.1`,
 * `app.log-20261122.gz`, `app-20261122.log`. `strict`: what is added must be a count or a date, for
 * `app-2.log` is more likely the log of a second program.
 */
export function isRotation(name: string, of: RotationName, strict: boolean): boolean {
  if (!name.startsWith(of.stem)) return false
  if (name.startsWith(of.original)) {
    const added = name.slice(of.original.length)
    return (strict ? COUNT_OR_DATE : ANY_ADDITION).test(added)
  }
  const added = addedBeforeEnding(name, of)
  return added !== undefined && (strict ? DATE : ANY_ADDITION).test(added)
}

const COUNT_OR_DATE = /^(?:\.\d{1,3}|[._-]\d{6}[\d_.T:-]*)(?:\.gz)?$/
const DATE = /^[._-]\d{6}[\d_.T:-]*(?:\.gz)?$/
const ANY_ADDITION = /^(?:$|[._~-])/

/** What stands between stem and ending, an added `.gz` counted with it. */
function addedBeforeEnding(name: string, { stem, ending }: RotationName): string | undefined {
  if (ending === '') return undefined
  const plain = name.endsWith('.gz') ? name.slice(0, -3) : name
  if (!plain.endsWith(ending) || plain.length < stem.length + ending.length) return undefined
  return plain.slice(stem.length, plain.length - ending.length) + name.slice(plain.length)
}
