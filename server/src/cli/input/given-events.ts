import { existsSync } from 'node:fs'
import { ProblemError } from '../../base/problems.ts'
import { createPreparer } from '../../ingest/prepare.ts'
import { type EcsDoc, fieldOf } from '../../model/event.ts'
import type { SearchAnswer } from '../../model/search.ts'
import type { CliContext } from '../context.ts'
import { type DeskOptions, openDesk } from '../desk.ts'
import { readEvent, readText } from '../read-event.ts'
import { openServed } from './as-served.ts'
import { chooseDecoder, decoderOptions } from './choose-decoder.ts'

export interface EventFlags extends DeskOptions {
  readonly decoder?: string
  readonly option: readonly string[]
}

export interface GivenEvent {
  readonly doc: EcsDoc
  /** Of raw input: the line that it came of, from 1. */
  readonly line?: number
}

const LINES_MAX = 10_000

/**
 * What a command is asked about: JSON text, a file of it, `-`, the id of a stored event, or with a
 * decoder all events of a file of raw lines. Rejects with ProblemError.
 */
export async function givenEvents(
  event: string,
  flags: EventFlags,
  context: CliContext,
): Promise<readonly GivenEvent[]> {
  if (flags.decoder !== undefined) return decoded(flags.decoder, event, flags, context)
  const isId = /^[A-Za-z0-9_-]{8,128}$/.test(event) && !existsSync(event)
  return [{ doc: isId ? await stored(event, flags, context) : await readEvent(event, context) }]
}

async function decoded(
  name: string,
  path: string,
  flags: EventFlags,
  context: CliContext,
): Promise<readonly GivenEvent[]> {
  const decoderSpec = chooseDecoder(name)
  // Conditions may ask for what the table of assets or a lookup says.
  const { config } = flags
  const served = await openServed(config === undefined ? {} : { config }, context)
  const { enricher } = served.options
  const preparer = createPreparer({
    ...(enricher !== undefined && { enricher }),
    source: 'cli',
    decoderSpec,
    decoderOptions: decoderOptions(decoderSpec, flags.option, undefined),
    tenant: 'default',
    skewMs: Number.POSITIVE_INFINITY,
  })
  const receivedMs = context.clock.now()
  const lines = (await readText(path, context)).split('\n')
  const found: GivenEvent[] = []
  const routine = new Map<string, number>()
  const take = (prepared: ReturnType<typeof preparer.settle>, line?: number): void => {
    const { events = [], deadLetters = [], routine: counted = {} } = prepared?.batch ?? {}
    for (const { doc } of events) found.push({ doc, ...(line !== undefined && { line }) })
    for (const { code, message } of deadLetters) {
      context.stderr.write(`line ${line ?? lines.length}: ${code}: ${message}\n`)
    }
    for (const [kind, count] of Object.entries(counted)) {
      routine.set(kind, (routine.get(kind) ?? 0) + count)
    }
  }
  for (const [index, text] of lines.slice(0, LINES_MAX).entries()) {
    if (text === '') continue
    const item = { text, key: String(index + 1), receivedMs }
    take(preparer.prepare({ items: [item] }, receivedMs), index + 1)
  }
  take(preparer.settle(receivedMs))
  served.close()
  tellRest(routine, lines.length, context)
  return found
}

function tellRest(routine: ReadonlyMap<string, number>, lines: number, context: CliContext): void {
  const kinds = [...routine].map(([kind, count]) => `${kind} ${count}`)
  const sum = [...routine.values()].reduce((before, count) => before + count, 0)
  if (sum > 0) {
    context.stderr.write(`${sum} lines are no events of their own: ${kinds.join(', ')}\n`)
  }
  if (lines > LINES_MAX) context.stderr.write(`Only the first ${LINES_MAX} lines were read.\n`)
}

async function stored(id: string, flags: EventFlags, context: CliContext): Promise<EcsDoc> {
  const none = `There is no file ${id}, and no server runs that could be asked for an event of this id.`
  const desk = await openDesk(flags, context).catch((error: unknown) => {
    if (!(error instanceof ProblemError) || error.problem.code !== 'STATE_MISSING') throw error
    const hint = 'name the data directory with --data'
    throw new ProblemError({ code: 'INPUT_UNREADABLE', message: none, hint })
  })
  try {
    const body = { values: { ids: id }, limit: 1 }
    const found = (await desk.server?.post('/api/v1/search/templates/events', body)) as
      | SearchAnswer
      | undefined
    const doc = found?.rows[0]?.at(-1)
    if (doc !== null && typeof doc === 'object') return doc as EcsDoc
    const message = found === undefined ? none : `There is no stored event of the id ${id}.`
    throw new ProblemError({ code: 'INPUT_UNREADABLE', message })
  } finally {
    await desk.close()
  }
}

/** An event in a few words: its line, what happened, and to whom. */
export function shortName({ doc, line }: GivenEvent): string {
  const words = ['event.action', 'event.outcome', 'device.id', 'iot.mqtt.client_id', 'source.ip']
    .map((path) => fieldOf(doc, path))
    .filter((value): value is string => typeof value === 'string' && value !== 'unknown')
  return [...(line === undefined ? [] : [`line ${line}:`]), ...words].join(' ')
}
