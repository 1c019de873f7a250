import type { Decoder, DecoderSpec, Draft, RejectCode } from '../../model/decoder.ts'
import type { RawItem } from '../../model/source.ts'

/** What a decoder made of a text. */
export interface Told {
  lines: number
  routineLines: number
  readonly drafts: Draft[]
  readonly routine: Map<string, number>
  readonly rejects: { readonly line: number; readonly code: RejectCode; readonly detail: string }[]
  /** Keys of rejected items: one that holds many records may have events all the same. */
  readonly rejectedKeys: Set<string>
}

export const RECEIVED_MS = Date.UTC(2026, 10, 22, 12)

export function newTold(): Told {
  return {
    lines: 0,
    routineLines: 0,
    drafts: [],
    routine: new Map(),
    rejects: [],
    rejectedKeys: new Set(),
  }
}

/** Decodes one item. */
export function decodeInto(told: Told, decoder: Decoder, item: RawItem): void {
  told.lines += 1
  decoder.decode(item, {
    event: (draft) => told.drafts.push({ origin: item, ...draft }),
    routine: (name) => {
      told.routine.set(name, (told.routine.get(name) ?? 0) + 1)
      told.routineLines += 1
    },
    reject: (code, detail) => {
      told.rejects.push({ line: told.lines, code, detail })
      told.rejectedKeys.add(item.key)
    },
  })
}

/** Lines that have events and were not rejected. After `settleInto` each line is one of these, routine, or rejected. */
export function linesWithEvents(told: Told): number {
  const keys = new Set(told.drafts.map(({ origin }) => origin?.key ?? ''))
  for (const key of told.rejectedKeys) keys.delete(key)
  return keys.size
}

export function settleInto(told: Told, decoder: Decoder): void {
  decoder.settle?.({
    event: (draft) => told.drafts.push(draft),
    routine: (name) => {
      told.routine.set(name, (told.routine.get(name) ?? 0) + 1)
      told.routineLines += 1
    },
    reject: () => {
      throw new Error('settle rejected')
    },
  })
}

export function decodeText(
  spec: DecoderSpec,
  text: string,
  options?: Readonly<Record<string, unknown>>,
): Told {
  const decoder = spec.create(options)
  const told = newTold()
  const lines = text.split('\n')
  if (lines.at(-1) === '') lines.pop()
  for (const [index, line] of lines.entries()) {
    decodeInto(told, decoder, { text: line, key: `t:${index + 1}`, receivedMs: RECEIVED_MS })
  }
  settleInto(told, decoder)
  return told
}
