import { ANEW } from '../../base/anew.ts'
import type { StateChange } from '../../model/decoder.ts'
import { type RawItem, streamOf } from '../../model/source.ts'
import type { LineForm, OpenLines } from './form.ts'
import { unwrapLine } from './wrapping.ts'

export interface Joining {
  readonly form: LineForm
  /** Lines carry headers (syslog, a container's log) that are to be taken off before they are judged. */
  readonly unwrap: boolean
  /** The decoder reads documents: what was joined goes to it without the header. */
  readonly bare: boolean
  readonly linesMax: number
  /** Characters of one record. */
  readonly charactersMax: number
  /** A record to which nothing was added for so long is at its end. */
  readonly timeoutMs: number
  /** Items are pieces of one line, and what they say of themselves tells whose. */
  readonly pieces?: {
    /** Before the keys of saved memory. */
    readonly prefix: string
    readonly senderOf: (text: string) => string
    readonly compose: (texts: readonly string[]) => string
  }
}

/**
 * How a record of several lines ended: at its own end (`whole`), where the next one began (`next`), for
 * want of more (`quiet`), or because it grew too large, or too many were open (`limit`).
 */
export type JoinEnd = 'whole' | 'next' | 'quiet' | 'limit'

interface Open {
  readonly stream: string
  readonly lines: OpenLines
  readonly items: RawItem[]
  /** What each line says, without its header; of the first, with it where the decoder reads that. */
  readonly texts: string[]
  readonly wrap: (message: string) => string
  characters: number
  lastMs: number
  /** How many of the items are in saved entries, and how many entries these are. */
  saved: number
  entries: number
}

const STREAMS_MAX = 1_000
/** Of all that is open together, in records of the largest allowed size. */
const RECORDS_MAX = 32
const LINES_PREFIX = 'lines/'

/**
 * Joins lines that belong together, stream by stream (a file, a connection, a partition, and within it
 * a sender): bounded, with a memory that is saved as it grows. A joined item has the key and facts of
 * its first line, and the fact `lines`. No line is lost: each comes out once, alone or in a record.
 */
export class LineJoiner {
  readonly #joining: Joining
  readonly #told: (end: JoinEnd) => void
  /** That to which something was added longest ago stands first. */
  readonly #open = new Map<string, Open>()
  #characters = 0
  #made: RawItem[] = []
  #gone: StateChange[] = []
  readonly #grown = new Set<Open>()
  #isRevived = false
  readonly #prefix: string
  /** Before the names of streams, while items that are whole by themselves are joined. */
  #apart = ''

  constructor(joining: Joining, told: (end: JoinEnd) => void = () => undefined) {
    this.#joining = joining
    this.#prefix = joining.pieces?.prefix ?? LINES_PREFIX
    this.#told = told
  }

  /** `whole`: nothing that comes later belongs to these items. */
  join(items: readonly RawItem[], nowMs: number, whole = false): readonly RawItem[] {
    if (this.#open.size > 0) this.#endOld(nowMs)
    else if (this.#joining.pieces !== undefined && !items.some(this.#begins)) return items
    // Nor do they belong to what is open: a replayed line is no part of what its file says now.
    this.#apart = whole ? '\u0001' : ''
    for (const item of items) this.#push(item, nowMs)
    if (whole) this.#endApart()
    return this.#take()
  }

  readonly #begins = ({ text }: RawItem): boolean => this.#joining.form.begin(text) !== undefined

  /** What is at its end because nothing more came; all of it where the input has ended. */
  settle(nowMs: number, ended: boolean): readonly RawItem[] {
    if (ended) this.#endAll('quiet')
    else this.#endOld(nowMs)
    return this.#take()
  }

  get isHolding(): boolean {
    return this.#open.size > 0
  }

  /** Receipt of the oldest line that waits. */
  waitsSinceMs(): number | undefined {
    let oldestMs: number | undefined
    for (const { items } of this.#open.values()) {
      const { receivedMs = 0 } = items[0] ?? {}
      if (oldestMs === undefined || receivedMs < oldestMs) oldestMs = receivedMs
    }
    return oldestMs
  }

  takeChanges(): readonly StateChange[] {
    const changes = this.#gone
    this.#gone = []
    for (const open of this.#grown) {
      const { stream, lastMs, items, saved } = open
      const value = JSON.stringify({ stream, lastMs, items: items.slice(saved) })
      changes.push({ key: this.#keyOf(items[0], open.entries), value })
      open.entries += 1
      open.saved = items.length
    }
    this.#grown.clear()
    return changes
  }

  /** Takes the entries that are its own; the others are given back. */
  restore(entries: readonly (readonly [string, string])[]): (readonly [string, string])[] {
    const own = entries.filter(([key]) => key.startsWith(this.#prefix))
    const records = new Map<string, (readonly [number, Saved])[]>()
    for (const [key, value] of own) {
      const cut = key.lastIndexOf('#')
      const saved = readSaved(value)
      const parts = records.get(key.slice(0, cut)) ?? []
      if (saved !== undefined) parts.push([Number(key.slice(cut + 1)), saved])
      records.set(key.slice(0, cut), parts)
    }
    const whole = [...records.values()].map((parts) => parts.sort(([a], [b]) => a - b))
    whole.sort((a, b) => lastOf(a) - lastOf(b))
    for (const parts of whole) this.#revive(parts)
    // While it was not running nothing could be added.
    this.#isRevived = this.#open.size > 0
    return entries.filter(([key]) => !key.startsWith(this.#prefix))
  }

  #revive(parts: readonly (readonly [number, Saved])[]): void {
    const items = parts.flatMap(([, saved]) => saved.items)
    const lastMs = lastOf(parts)
    for (const item of items) this.#push(item, lastMs)
    const [first] = items
    const open = this.#open.get(this.#place(first)?.stream ?? '')
    if (open !== undefined && open.items[0] === first && open.items.length === items.length) {
      this.#grown.delete(open)
      open.saved = items.length
      open.entries = (parts.at(-1)?.[0] ?? 0) + 1
    } else if (first !== undefined) {
      // Its form was set otherwise meanwhile: what was saved is in other records now, or out.
      for (const [part] of parts)
        this.#gone.push({ key: this.#keyOf(first, part), value: undefined })
    }
  }

  #place(item: RawItem | undefined) {
    if (item === undefined) return undefined
    const stream = this.#apart + streamOf(item)
    const { pieces } = this.#joining
    if (pieces !== undefined) {
      const place = `${stream}\u0000${pieces.senderOf(item.text)}`
      return { stream: place, message: item.text, wrap: undefined }
    }
    if (!this.#joining.unwrap) return { stream, message: item.text, wrap: undefined }
    const { message, sender, wrap } = unwrapLine(item.text)
    return { stream: `${stream}\u0000${sender}`, message, wrap }
  }

  #push(item: RawItem, nowMs: number): void {
    const { form, bare, unwrap } = this.#joining
    // Most lines of most sources: nothing is open, and it is whole.
    if (!unwrap && this.#open.size === 0 && form.begin(item.text) === undefined) {
      this.#made.push(item)
      return
    }
    const place = this.#place(item)
    if (place === undefined) return
    const { stream, message, wrap } = place
    const open = this.#open.get(stream)
    const isLine = item.cut === undefined && item.bytes === undefined && !isUnread(item)
    if (open !== undefined && this.#goesOn(open, item, isLine ? message : undefined, nowMs)) return
    const lines = isLine ? form.begin(message) : undefined
    if (lines === undefined || item.text.length > this.#joining.charactersMax) {
      this.#made.push(item)
      return
    }
    const made: Open = {
      ...{ stream, lines, items: [item], texts: [message] },
      wrap: bare || wrap === undefined ? (text) => text : wrap,
      ...{ characters: item.text.length, lastMs: nowMs, saved: 0, entries: 0 },
    }
    this.#open.set(stream, made)
    this.#grown.add(made)
    this.#characters += made.characters
    this.#makeRoom()
  }

  /** Whether the line belongs to what is open; if not, that is at its end. */
  #goesOn(open: Open, item: RawItem, message: string | undefined, nowMs: number): boolean {
    const { linesMax, charactersMax } = this.#joining
    const length = item.text.length + 1
    if (open.items.length >= linesMax || open.characters + length > charactersMax) {
      this.#end(open, 'limit')
      return false
    }
    const verdict = message === undefined ? 'none' : open.lines.take(message)
    if (verdict === 'none' || message === undefined) {
      this.#end(open, 'next')
      return false
    }
    open.items.push(item)
    open.texts.push(message.replace(/^#011/, '\t'))
    open.characters += length
    open.lastMs = nowMs
    this.#characters += length
    this.#grown.add(open)
    this.#open.delete(open.stream)
    this.#open.set(open.stream, open)
    if (verdict === 'last') this.#end(open, 'whole')
    else this.#makeRoom()
    return true
  }

  #makeRoom(): void {
    const most = this.#joining.charactersMax * RECORDS_MAX
    while (this.#open.size > STREAMS_MAX || this.#characters > most) {
      const [oldest] = this.#open.values()
      if (oldest === undefined) return
      this.#end(oldest, 'limit')
    }
  }

  #endOld(nowMs: number): void {
    if (this.#isRevived) for (const open of this.#open.values()) open.lastMs = nowMs
    this.#isRevived = false
    for (const open of this.#open.values()) {
      const ageMs = nowMs - open.lastMs
      // A clock that was set back must not keep a record open until it has caught up.
      if (ageMs >= 0 && ageMs < this.#joining.timeoutMs) return
      this.#end(open, 'quiet')
    }
  }

  #endApart(): void {
    for (const open of this.#open.values()) {
      if (open.stream.startsWith(this.#apart)) this.#end(open, 'quiet')
    }
    this.#apart = ''
  }

  #endAll(end: JoinEnd): void {
    for (const open of this.#open.values()) this.#end(open, end)
  }

  #end(open: Open, end: JoinEnd): void {
    const { items, texts, wrap, characters } = open
    this.#open.delete(open.stream)
    this.#grown.delete(open)
    this.#characters -= characters
    for (let part = 0; part < open.entries; part++) {
      this.#gone.push({ key: this.#keyOf(items[0], part), value: undefined })
    }
    const [first] = items
    if (
      items.length === 1 ||
      first === undefined ||
      (this.#joining.form.hasEnd && end !== 'whole')
    ) {
      for (const item of items) this.#made.push(item)
    } else if (this.#joining.pieces !== undefined) {
      this.#made.push({ ...ANEW, ...first, text: this.#joining.pieces.compose(texts) })
    } else {
      const facts = { ...ANEW, ...first.facts, lines: String(items.length) }
      this.#made.push({ ...ANEW, ...first, text: wrap(texts.join('\n')), facts })
    }
    if (items.length > 1) this.#told(end)
  }

  /** Keys are of the source's own making and name the item within it. */
  #keyOf(first: RawItem | undefined, part: number): string {
    return `${this.#prefix}${first?.key}#${part}`
  }

  #take(): readonly RawItem[] {
    const made = this.#made
    this.#made = []
    return made
  }
}

interface Saved {
  readonly lastMs: number
  readonly items: readonly RawItem[]
}

const isUnread = ({ unreadable, facts }: RawItem): boolean =>
  unreadable !== undefined || facts?.['problem'] !== undefined

const lastOf = (parts: readonly (readonly [number, Saved])[]): number =>
  parts.at(-1)?.[1].lastMs ?? 0

function readSaved(value: string): Saved | undefined {
  try {
    const { lastMs, items } = JSON.parse(value) as { lastMs?: unknown; items?: unknown }
    if (typeof lastMs !== 'number' || !Array.isArray(items)) return undefined
    return { lastMs, items: items.filter(isItem) }
  } catch {
    return undefined
  }
}

function isItem(value: unknown): value is RawItem {
  if (typeof value !== 'object' || value === null) return false
  const { text, key, receivedMs } = value as Readonly<Record<string, unknown>>
  return typeof text === 'string' && typeof key === 'string' && typeof receivedMs === 'number'
}
