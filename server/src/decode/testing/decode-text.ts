import type { Decoder, DecoderSpec, Draft, RejectCode } from '../../model/decoder.ts'
import type { RawItem } from '../../model/source.ts'

/** What a decoder made of a text. */
export interface Told {
  lines: number
  linesWithEvents: number
  routineLines: number
  readonly drafts: Draft[]
  readonly routine: Map<string, number>
  readonly rejects: { readonly line: number; readonly code: RejectCode; readonly detail: string }[]
}

export const RECEIVED_MS = Date.UTC(2026, 10, 22, 12)

export function newTold(): Told {
  return {
    lines: 0,
    linesWithEvents: 0,
    routineLines: 0,
    drafts: [],
    routine: new Map(),
    rejects: [],
  }
}

/** Decodes one item, and checks that it ends in exactly one of events, routine or reject. */
export function decodeInto(told: Told, decoder: Decoder, item: RawItem): void {
  let events = 0
  let others = 0
  told.lines += 1
  decoder.decode(item, {
    event: (draft) => {
      told.drafts.push(draft)
      events += 1
    },
    routine: (name) => {
      told.routine.set(name, (told.routine.get(name) ?? 0) + 1)
      told.routineLines += 1
      others += 1
    },
    reject: (code, detail) => {
      told.rejects.push({ line: told.lines, code, detail })
      others += 1
    },
  })
  // A line may complete an earlier one (its event has an origin) and be routine itself.
  const own = told.drafts
    .slice(told.drafts.length - events)
    .some(({ origin }) => origin === undefined || origin.key === item.key)
  if (own && others === 0) told.linesWithEvents += 1
  else if (others !== 1) throw new Error(`${events} events and ${others} others: ${item.text}`)
}

export function settleInto(told: Told, decoder: Decoder): void {
  decoder.settle?.({
    event: (draft) => told.drafts.push(draft),
    routine: () => {
      throw new Error('settle told a routine line')
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
