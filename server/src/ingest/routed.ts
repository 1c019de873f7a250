import type { DecoderSpec, StateChange } from '../model/decoder.ts'
import type { Commit, JournalBatch } from '../model/journal.ts'
import type { RawBatch, RawItem, SeenInput } from '../model/source.ts'
import type { Joining, LineJoiner } from './lines/joiner.ts'
import { partsJoiner } from './lines/parts.ts'
import { takesWhole, unwrapping } from './lines/shipped.ts'
import { createPreparer, earliest, joinCounter, type LinePreparer } from './prepare.ts'
import type { Older, Prepared, PreparerOptions } from './prepare.ts'
import { SEEN_MAX } from './seen-inputs.ts'

/** Another decoder for the items whose facts are these; a value may end in `*`. */
export interface Route {
  readonly when: Readonly<Record<string, string>>
  readonly decoderSpec: DecoderSpec
  readonly decoderOptions?: Readonly<Record<string, unknown>>
  readonly joining?: Joining | undefined
}

export interface RoutedOptions extends PreparerOptions {
  /** The first that fits is taken; none: the source's own decoder. */
  readonly routes: readonly Route[]
  /** Reads what a sender gave as text where documents are wanted. */
  readonly plainSpec: DecoderSpec
}

/**
 * Several decoders behind one source, chosen by what a delivery says of itself (`sourcetype`, `index`,
 * `topic`). Events keep the order of their items. Each decoder has its own memory, saved under its
 * place in the list.
 */
export function createRoutedPreparer(options: RoutedOptions): LinePreparer {
  return new RoutedPreparer(options)
}

interface Lane {
  readonly preparer: LinePreparer
  readonly fits: (item: RawItem) => boolean
  readonly isDocuments: boolean
  readonly isBinary: boolean
  /** It gets the documents of log shippers as they are. */
  readonly takesWhole: boolean
  /** Stands before the keys of its decoder's memory. */
  readonly prefix: string
}

type Fits = Lane['fits']
type Marks = Omit<RawBatch, 'items' | 'cursor'>
const ALWAYS: Fits = () => true

class RoutedPreparer implements LinePreparer {
  readonly #lanes: readonly Lane[]
  readonly #own: Lane
  readonly #plain: Lane
  readonly #unwrap: ((item: RawItem) => RawItem) | undefined
  readonly #parts: LineJoiner | undefined

  constructor({ routes, plainSpec, ...rest }: RoutedOptions) {
    const { decoderSpec: _spec, decoderOptions: _options, joining: _joining, ...shared } = rest
    const laneOf = (options: PreparerOptions, prefix: string, fits: Fits = ALWAYS): Lane => {
      const { documents = false, objects = false } = options.decoderSpec
      const isDocuments = documents || objects
      const preparer = createPreparer({ ...options, unwrap: 'never', joinParts: false })
      const isBinary = options.decoderSpec.binary === true
      const isWhole = takesWhole(options.decoderSpec)
      return { preparer, prefix, fits, isDocuments, isBinary, takesWhole: isWhole }
    }
    this.#own = laneOf(rest, '')
    this.#plain = laneOf({ ...shared, decoderSpec: plainSpec }, '@text/')
    const routed = routes.map(({ when, ...decoder }, at) => {
      const test = fitting(Object.entries(when))
      return laneOf({ ...shared, ...decoder }, `@${at}.${decoder.decoderSpec.name}/`, test)
    })
    this.#lanes = [...routed, this.#own]
    const isBinary = this.#lanes.every((lane) => lane.isBinary)
    this.#parts = isBinary ? undefined : partsJoiner(joinCounter(rest.source, rest.metrics))
    const isAllWhole = this.#lanes.every((lane) => lane.takesWhole)
    this.#unwrap = isAllWhole ? undefined : unwrapping(rest.unwrap ?? 'auto')
  }

  prepare(raw: RawBatch, ingestedMs: number): Prepared {
    const { items: given, cursor, ...marks } = raw
    const isWhole = raw.whole === true || raw.scope !== undefined
    const items = this.#parts?.join(given, ingestedMs, isWhole) ?? given
    const made = this.#routed(items, marks, ingestedMs)
    const whole = joined(made) ?? this.#own.preparer.prepare({ items: [] }, ingestedMs)
    return this.#withParts(whole, cursor)
  }

  /** Each run of items with its lane. */
  #routed(items: readonly RawItem[], marks: Marks, ingestedMs: number): Prepared[] {
    // What a shipper says of a line chooses its decoder too.
    const lines = this.#unwrap === undefined ? items : items.map(this.#unwrap)
    const made: Prepared[] = []
    let from = 0
    while (from < items.length) {
      const lane = this.#laneOf(lines[from] as RawItem)
      let to = from + 1
      while (to < items.length && this.#laneOf(lines[to] as RawItem) === lane) to += 1
      const given = lane.takesWhole ? items : lines
      const run = from === 0 && to === items.length ? given : given.slice(from, to)
      made.push(prefixed(lane.preparer.prepare({ items: run, ...marks }, ingestedMs), lane))
      from = to
    }
    return made
  }

  /** What is saved of pieces of lines, and how far the source is, commit with the batch. */
  #withParts(whole: Prepared, given: RawBatch['cursor']): Prepared {
    const { source } = whole.batch
    const held = this.#parts?.takeChanges() ?? []
    const { decoderState } = whole.commit
    const changes = [...held, ...(decoderState?.changes ?? [])]
    const commit = {
      ...whole.commit,
      ...(changes.length > 0 && { decoderState: { source, changes } }),
      ...(given !== undefined && { cursor: { source, ...given } }),
    }
    return { ...whole, commit }
  }

  settle(ingestedMs: number, quiet = false): Prepared | undefined {
    const entries = this.#parts?.settle(ingestedMs, !quiet) ?? []
    const ended = entries.length === 0 ? [] : this.#routed(entries, {}, ingestedMs)
    const made = this.#lanes.flatMap((lane) => {
      const settled = lane.preparer.settle(ingestedMs, quiet)
      return settled === undefined ? [] : [prefixed(settled, lane)]
    })
    const whole = joined([...ended, ...made])
    return whole === undefined ? undefined : this.#withParts(whole, undefined)
  }

  waitsSinceMs(): number | undefined {
    const lanes = this.#lanes.map(({ preparer }) => preparer.waitsSinceMs())
    return earliest([this.#parts?.waitsSinceMs(), ...lanes])
  }

  restore(entries: Iterable<readonly [string, string]>): void {
    const given = [...entries]
    const all = this.#parts?.restore(given) ?? given
    for (const { preparer, prefix } of this.#lanes) {
      const own = all.filter(([key]) => (prefix === '' ? !isRouted(key) : key.startsWith(prefix)))
      preparer.restore(own.map(([key, value]) => [key.slice(prefix.length), value]))
    }
  }

  stats(): Readonly<Record<string, number>> {
    const sums: Record<string, number> = {}
    for (const { preparer } of this.#lanes) {
      for (const [name, value] of Object.entries(preparer.stats())) {
        sums[name] = (sums[name] ?? 0) + value
      }
    }
    return sums
  }

  #laneOf(item: RawItem): Lane {
    const lane = this.#lanes.find(({ fits }) => fits(item)) ?? this.#own
    const isText = item.plain === true && lane.isDocuments && item.cut === undefined
    return isText && !isObject(item.text) ? this.#plain : lane
  }
}

function fitting(conditions: readonly (readonly [string, string])[]): Fits {
  return ({ facts }) =>
    conditions.every(([name, wanted]) => {
      const value = facts?.[name]
      if (value === undefined) return false
      return wanted.endsWith('*') ? value.startsWith(wanted.slice(0, -1)) : value === wanted
    })
}

function isRouted(key: string): boolean {
  return /^@\d+\.[a-z0-9-]+\//.test(key)
}

function isObject(text: string): boolean {
  if (!/^\s*\{/.test(text)) return false
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

function prefixed(made: Prepared, { prefix }: Lane): Prepared {
  const { decoderState } = made.commit
  if (prefix === '' || decoderState === undefined) return made
  const changes = decoderState.changes.map(({ key, value }): StateChange => {
    return { key: prefix + key, value }
  })
  return { ...made, commit: { ...made.commit, decoderState: { ...decoderState, changes } } }
}

function allOf(parts: readonly Older[]): Older {
  return {
    events: parts.flatMap(({ events }) => events),
    deadLetters: parts.flatMap(({ deadLetters }) => deadLetters),
  }
}

/** One batch of several, in their order. Undefined where there are none. */
function joined(parts: readonly Prepared[]): Prepared | undefined {
  const [first, ...others] = parts
  if (first === undefined || others.length === 0) return first
  const lists: { -readonly [Name in keyof JournalBatch]: JournalBatch[Name] } = { ...first.batch }
  const changes: StateChange[] = []
  const routine: Record<string, number> = {}
  const seen: SeenInput[] = []
  for (const { batch, commit, seen: shown = [] } of parts) {
    seen.push(...shown)
    changes.push(...(commit.decoderState?.changes ?? []))
    for (const [name, count] of Object.entries(batch.routine ?? {})) {
      routine[name] = (routine[name] ?? 0) + count
    }
  }
  const events = parts.flatMap(({ batch }) => batch.events ?? [])
  const deadLetters = parts.flatMap(({ batch }) => batch.deadLetters ?? [])
  const rollups = parts.flatMap(({ batch }) => batch.rollups ?? [])
  if (events.length > 0) lists.events = events
  if (rollups.length > 0) lists.rollups = rollups
  if (deadLetters.length > 0) lists.deadLetters = deadLetters
  if (Object.keys(routine).length > 0) lists.routine = routine
  const older = parts.flatMap((part) => part.older ?? [])
  const { source } = first.batch
  const commit: Commit = changes.length === 0 ? {} : { decoderState: { source, changes } }
  return {
    ...{ batch: lists, commit, seen: seen.slice(-SEEN_MAX) },
    ...(older.length > 0 && { older: () => allOf(older.map((of) => of())) }),
  }
}
