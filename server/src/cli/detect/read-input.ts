import { chooseDecoder, decoderOptions, wholeFileJoining } from '../input/choose-decoder.ts'
import type { CliContext } from '../context.ts'
import { openServed, type ServedFlags } from '../input/as-served.ts'
import { readEventLine, type EventFields, type OfflineEvent } from '../../detect/event-lines.ts'
import { createPreparer, type Prepared } from '../../ingest/prepare.ts'
import { readInput as readItems } from '../../ingest/read-input.ts'
import { type LineSource, readLines } from '../../ingest/read-lines.ts'
import type { Rollup } from '../../model/journal.ts'
import type { RawItem } from '../../model/source.ts'

export interface InputFlags {
  readonly decoder?: string
  readonly zone?: string
  readonly option: readonly string[]
  readonly multiline?: string
  readonly ndjson?: boolean
  readonly fields: EventFields
  readonly served: ServedFlags
}

export interface Reject {
  readonly line: number
  readonly code: string
  readonly message: string
  readonly raw: string
}

export interface InputBatch {
  readonly lines: number
  /** Of the text that was read, about. */
  readonly bytes: number
  readonly events: readonly OfflineEvent[]
  readonly rejects: readonly Reject[]
  readonly routine: Readonly<Record<string, number>>
  /** What was folded, where a filter was asked for. */
  readonly rollups?: readonly Rollup[]
  /** Events that name no time; they stand where their line stands. */
  readonly untimed: number
}

const RAW_MAX = 2_000

/** Reads files (or `-`) as events, in the order they stand there. */
export async function* readInput(
  files: readonly string[],
  flags: InputFlags,
  context: CliContext,
): AsyncGenerator<InputBatch> {
  const sources = files.map((path) => ({ path, stdin: context.stdin }))
  if (flags.ndjson === true) {
    yield* readJson(readLines(sources, { nowMs: () => context.clock.now() }), flags.fields)
  } else yield* readDecoded(sources, flags, context)
}

async function* readJson(
  lines: AsyncIterable<readonly RawItem[]>,
  fields: EventFields,
): AsyncGenerator<InputBatch> {
  let untimedMs = 0
  for await (const items of lines) {
    const events: OfflineEvent[] = []
    const rejects: Reject[] = []
    let untimed = 0
    for (const { text, facts, cut } of items) {
      if (text.trim() === '') continue
      const line = facts?.['line'] ?? '0'
      const raw = text.slice(0, RAW_MAX)
      if (cut !== undefined) {
        const message = 'The line is longer than 1 MiB.'
        rejects.push({ line: Number(line), code: 'DECODE_TOO_LONG', message, raw })
        continue
      }
      const read = readEventLine(text, { line, untimedMs, fields })
      if (!read.ok) {
        rejects.push({ line: Number(line), code: read.code, message: read.message, raw })
        continue
      }
      if (!read.timed) untimed += 1
      untimedMs = read.event.time
      events.push(read.event)
    }
    yield { lines: items.length, bytes: sizeOf(items), events, rejects, routine: {}, untimed }
  }
}

async function* readDecoded(
  sources: readonly LineSource[],
  flags: InputFlags,
  context: CliContext,
): AsyncGenerator<InputBatch> {
  const decoderSpec = chooseDecoder(flags.decoder ?? '')
  const lines = readItems(decoderSpec, sources, { nowMs: () => context.clock.now() })
  const served = await openServed(flags.served, context)
  const preparer = createPreparer({
    source: 'cli',
    decoderSpec,
    decoderOptions: decoderOptions(decoderSpec, flags.option, flags.zone),
    joining: wholeFileJoining(decoderSpec, flags.multiline),
    tenant: 'default',
    // When a file is read says nothing about the time of its events.
    skewMs: Number.POSITIVE_INFINITY,
    ids: 'own',
    ...served.options,
  })
  try {
    for await (const items of lines) {
      yield batchOf(preparer.prepare({ items }, context.clock.now()), items)
    }
    const waited = preparer.settle(context.clock.now())
    if (waited !== undefined) yield batchOf(waited, [])
  } finally {
    served.close()
  }
}

function sizeOf(items: readonly RawItem[]): number {
  let bytes = 0
  for (const { text } of items) bytes += text.length
  return bytes
}

function batchOf({ batch }: Prepared, items: readonly RawItem[]): InputBatch {
  const { events = [], deadLetters = [], routine = {}, rollups } = batch
  return {
    lines: items.length,
    bytes: sizeOf(items),
    events: events.map((event) => ({ ...event, tie: undefined })),
    rejects: deadLetters.map(({ code, message, raw, facts }) => ({
      line: Number(facts?.['line'] ?? 0),
      code,
      message,
      raw: raw.slice(0, RAW_MAX),
    })),
    routine,
    untimed: 0,
    ...(rollups !== undefined && { rollups }),
  }
}
