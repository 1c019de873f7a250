import type { Readable } from 'node:stream'
import type { RawItem } from '../../model/source.ts'
import { AutoCutter } from './cut-records.ts'
import { ObjectFault, type ObjectFaultReason } from './faults.ts'
import type { PullOptions } from './options.ts'
import type { Remembered } from './remembered.ts'
import { unpack } from './unpack.ts'

/** An object that may be read. */
export interface PullObject {
  /** Names the content: another content under the same name has another. */
  readonly id: string
  readonly alias?: string
  /** Prefix of item keys. */
  readonly name: string
  /** As a person knows it. */
  readonly place: string
  readonly writtenMs: number
  readonly facts: Readonly<Record<string, string>>
  /** Attempts that others know of: how often a queue gave it. */
  readonly attempts?: number
  /** Rejects with ObjectFault or PassingFault. */
  open(): Promise<Readable>
}

export interface ReadParts {
  readonly options: PullOptions
  readonly remembered: Remembered
  readonly now: () => number
  readonly round: number
  /** True once durable; false where the source was stopped before. */
  deliver(
    items: readonly RawItem[],
    cursor: { key: string; value: string },
    bytes: number,
  ): Promise<boolean>
}

export type ReadEnd =
  | { readonly kind: 'read'; readonly records: number }
  | { readonly kind: 'fault'; readonly reason: ObjectFaultReason; readonly detail: string }
  | { readonly kind: 'stopped' }

const IDLE_MS = 60_000

/**
 * Reads an object to its end and delivers its records, each batch with the cursor behind it. What was
 * durable before is stepped over. A fault that stays ends it with a dead letter. Rejects with what may
 * pass (PassingFault, errors of the system): the next attempt goes on from the cursor.
 */
export async function readObject(object: PullObject, parts: ReadParts): Promise<ReadEnd> {
  const { options } = parts
  const skip = parts.remembered.get(object.id)?.next ?? 0
  const cutter = new AutoCutter(options.format, {
    name: object.name,
    receivedMs: parts.now(),
    facts: object.facts,
    recordBytesMax: options.record_bytes_max,
    skip,
  })
  const { made } = cutter
  const deliver = async (done: boolean, extra?: RawItem): Promise<boolean> => {
    const { items, bytes } = made.take()
    const all = extra === undefined ? items : [...items, extra]
    return parts.deliver(all, save(object, { parts, next: made.count, done }), bytes)
  }
  try {
    const limits = {
      objectBytesMax: options.object_bytes_max,
      unpackedBytesMax: options.unpacked_bytes_max,
      idleMs: IDLE_MS,
    }
    for await (const chunk of unpack(await object.open(), limits)) {
      for (let from = 0; from < chunk.length; from += STEP_BYTES) {
        cutter.push(chunk.subarray(from, from + STEP_BYTES))
        if (made.count > options.records_max) {
          throw new ObjectFault('too_large', `the object has over ${options.records_max} records`)
        }
        const isFull =
          made.readyBytes >= options.batch_bytes_max || made.readyCount >= options.batch_records_max
        if (isFull && !(await deliver(false))) return { kind: 'stopped' }
      }
    }
    cutter.end()
  } catch (error) {
    if (!(error instanceof ObjectFault) || error.reason === 'refused') throw error
    made.end('the object breaks off in this record')
    const letter = letterOf(object, error, parts.now())
    if (!(await deliver(true, letter))) return { kind: 'stopped' }
    return { kind: 'fault', reason: error.reason, detail: error.message }
  }
  if (!(await deliver(true))) return { kind: 'stopped' }
  return { kind: 'read', records: made.count }
}

/** So much is cut between two looks at what is ready. */
const STEP_BYTES = 65_536

/** Gives an object up that was not read: its dead letter, and its cursor as done. */
export async function giveUp(
  object: Omit<PullObject, 'open'>,
  fault: ObjectFault,
  parts: ReadParts,
): Promise<boolean> {
  const next = parts.remembered.get(object.id)?.next ?? 0
  const letter = letterOf(object, fault, parts.now())
  return parts.deliver([letter], save(object, { parts, next, done: true }), letter.text.length)
}

function save(
  object: Pick<PullObject, 'id' | 'alias'>,
  { parts, next, done }: { parts: ReadParts; next: number; done: boolean },
): { key: string; value: string } {
  const { id, alias } = object
  const record = {
    ...({ v: 1, id, next } as const),
    ...(alias !== undefined && { alias }),
    ...(done && { done }),
  }
  return { key: parts.remembered.put(record, parts.round), value: JSON.stringify(record) }
}

function letterOf(
  object: Omit<PullObject, 'open'>,
  fault: ObjectFault,
  receivedMs: number,
): RawItem {
  const { place, name, facts } = object
  const code = fault.reason === 'too_large' ? 'DECODE_TOO_LONG' : 'DECODE_ENCODING'
  const text = JSON.stringify({ object: place, reason: fault.reason, detail: fault.message })
  const detail = `${place} was not read (${fault.reason}): ${fault.message}`
  return { text, key: `${name}#end`, receivedMs, facts, unreadable: { code, detail } }
}
