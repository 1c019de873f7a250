import { ANEW } from '../../base/anew.ts'
import type { Decoder, DecoderSpec, DecodeSink, Draft } from '../../model/decoder.ts'
import type { EcsDoc } from '../../model/event.ts'
import type { RawItem } from '../../model/source.ts'
import { measure } from '../json/measure.ts'
import { readDelivery } from './delivery.ts'
import { compact, isObject, listAt } from './values.ts'

const LIMITS = { depthMax: 40, valuesMax: 50_000 } as const
const PARTS_MAX = 100_000

export interface Context {
  readonly item: RawItem
  readonly topic: string | undefined
  readonly timeMs: number | undefined
}

/** Events of one document, the class of a routine one, or undefined for what is not known. */
export type ReadDocument = (
  doc: EcsDoc,
  context: Context,
) => Omit<Draft, 'part'> | readonly Omit<Draft, 'part'>[] | string | undefined

/**
 * Decodes JSON documents of one kind of program: one or several a line, alone, in a list, or in a
 * list under one of the names `lists`. A single document of an unknown kind is rejected; among others
 * it becomes an unclassified event, so that nothing of a delivery is lost.
 */
export function decodeDocuments(
  item: RawItem,
  out: DecodeSink,
  read: ReadDocument,
  lists: readonly string[] = [],
): void {
  const delivery = readDelivery(item)
  if (delivery === undefined) {
    out.routine('blank')
    return
  }
  if (!delivery.ok) {
    out.reject(delivery.code, delivery.detail)
    return
  }
  const docs: EcsDoc[] = []
  for (const value of delivery.values) {
    const problem = gather(value, lists, docs)
    if (problem === undefined) continue
    out.reject(problem.startsWith('An object') ? 'DECODE_SYNTAX' : 'DECODE_TOO_DEEP', problem)
    return
  }
  const context = { item, topic: delivery.topic, timeMs: delivery.timeMs }
  let part = 0
  let routine: string | undefined
  const alone = docs.length === 1
  for (const doc of docs) {
    const told = read(doc, context)
    if (typeof told === 'string') {
      routine ??= told
      continue
    }
    if (told === undefined && alone) {
      out.reject('DECODE_UNKNOWN', `Of no known kind: ${Object.keys(doc).slice(0, 8).join(', ')}.`)
      return
    }
    const drafts = told ?? { timeMs: context.timeMs, action: 'event', doc: { labels: {} } }
    for (const draft of Array.isArray(drafts) ? (drafts as readonly Draft[]) : [drafts as Draft]) {
      out.event({ ...ANEW, ...draft, ...(alone ? {} : { original: JSON.stringify(doc) }), part })
      part += 1
    }
  }
  if (part === 0) out.routine(routine ?? 'empty')
}

function gather(value: unknown, lists: readonly string[], docs: EcsDoc[]): string | undefined {
  if (docs.length >= PARTS_MAX) return `More than ${PARTS_MAX} documents.`
  if (Array.isArray(value)) {
    for (const inner of value as unknown[]) {
      if (!isObject(inner)) return 'An object is needed in the list.'
      const problem = gather(inner, [], docs)
      if (problem !== undefined) return problem
    }
    return undefined
  }
  if (!isObject(value)) return 'An object is needed.'
  const list = lists.length === 0 ? undefined : listAt(value, ...lists)
  if (list !== undefined) return gather(list, [], docs)
  const { problem } = measure(value, LIMITS)
  if (problem !== undefined) return problem
  docs.push(value)
  return undefined
}

/** A decoder of documents that keeps no memory. */
export function documentSpec(
  about: Pick<DecoderSpec, 'name' | 'summary'>,
  read: ReadDocument,
  lists: readonly string[] = [],
): DecoderSpec {
  const decoder: Decoder = { decode: (item, out) => decodeDocuments(item, out, read, lists) }
  return { ...about, create: () => decoder }
}

/** `event` of a document, without the members that are not known. */
export function eventOf(
  category: readonly string[],
  type: readonly string[],
  outcome: 'success' | 'failure' | 'unknown',
  rest: EcsDoc = {},
): EcsDoc {
  return compact({ kind: 'event', category, type, outcome, ...rest })
}
