/** Requests that one saved cursor tells of. */
const PAGE_REQUESTS = 64
const DIGEST_LENGTH = 10
const FORM = '2'

/** A request as it is saved: the beginning of its digest, its time, and the id a channel was given for it. */
export interface SavedRequest {
  readonly digest: string
  readonly atMs: number
  readonly ack?: { readonly channel: string; readonly id: number } | undefined
}

interface Page {
  readonly index: number
  entries: string[]
  firstMs: number
  lastMs: number
}

/** A place for one more request, which nobody else writes to until `end`. */
export interface OpenPage {
  /** To be saved with what the request brings. */
  readonly cursor: { readonly key: string; readonly value: string }
  /** `durable`: the cursor was saved. */
  end(durable: boolean): void
}

/**
 * The saved side of the memory of requests: each cursor is a page of some, written anew with each
 * request that it takes, so that there are few of them. A page tells only of requests that are durable and
 * of the one that it is being saved with; so requests under way at the same time have pages of their own.
 */
export class RequestPages {
  readonly #windowMs: number
  readonly #pagesMax: number
  /** Pages with room that nobody writes to, and full ones, the oldest first. */
  readonly #open: Page[] = []
  #full: Page[] = []
  #fullFrom = 0
  #count = 0

  constructor(windowMs: number, requestsMax: number) {
    this.#windowMs = windowMs
    this.#pagesMax = Math.ceil(requestsMax / PAGE_REQUESTS)
  }

  /** What was saved, in the order of time. Also of the form before, a request a cursor. */
  restore(cursors: ReadonlyMap<string, string>): SavedRequest[] {
    const found: SavedRequest[] = []
    for (const [key, value] of cursors) {
      const [, digits] = /^d(\d{1,7})$/.exec(key) ?? []
      if (digits === undefined) continue
      const requests = readPage(value)
      const last = requests.reduce((newest, { atMs }) => Math.max(newest, atMs), 0)
      this.#full.push({ index: Number(digits), entries: [], firstMs: 0, lastMs: last })
      found.push(...requests)
    }
    this.#full.sort((a, b) => a.lastMs - b.lastMs)
    this.#count = this.#full.reduce((most, { index }) => Math.max(most, index + 1), this.#count)
    return found.sort((a, b) => a.atMs - b.atMs)
  }

  take({ digest, atMs, ack }: SavedRequest): OpenPage {
    const page = this.#roomy(atMs)
    if (page.entries.length === 0) page.firstMs = atMs
    const offset = Math.max(0, atMs - page.firstMs).toString(36)
    const given = ack === undefined ? '' : `.${ack.channel}.${ack.id.toString(36)}`
    const entry = `${digest.slice(0, DIGEST_LENGTH)}${offset}${given}`
    const value = [FORM, page.firstMs.toString(36), ...page.entries, entry].join(' ')
    return {
      cursor: { key: `d${page.index}`, value },
      end: (durable) => {
        if (durable) {
          page.entries.push(entry)
          page.lastMs = Math.max(page.lastMs, atMs)
        }
        if (page.entries.length < PAGE_REQUESTS) this.#open.push(page)
        else this.#full.push({ ...page, entries: [] })
      },
    }
  }

  #roomy(nowMs: number): Page {
    const open = this.#open.pop()
    if (open !== undefined) {
      if (nowMs - open.lastMs >= this.#windowMs) open.entries = []
      return open
    }
    const oldest = this.#full[this.#fullFrom]
    const isOver = this.#count >= this.#pagesMax
    if (oldest !== undefined && (isOver || nowMs - oldest.lastMs >= this.#windowMs)) {
      this.#fullFrom += 1
      if (this.#fullFrom > 1_000 && this.#fullFrom * 2 > this.#full.length) {
        this.#full = this.#full.slice(this.#fullFrom)
        this.#fullFrom = 0
      }
      return { index: oldest.index, entries: [], firstMs: nowMs, lastMs: nowMs }
    }
    const index = this.#count
    this.#count += 1
    return { index, entries: [], firstMs: nowMs, lastMs: nowMs }
  }
}

function readPage(value: string): SavedRequest[] {
  const [form, first = '', ...rest] = value.split(' ')
  if (form !== FORM) return readSingle(value)
  const firstMs = Number.parseInt(first, 36)
  const found: SavedRequest[] = []
  for (const entry of rest) {
    const [head = '', channel, id] = entry.split('.')
    const atMs = firstMs + Number.parseInt(head.slice(DIGEST_LENGTH), 36)
    if (!Number.isSafeInteger(atMs)) continue
    const ack =
      channel === undefined || id === undefined
        ? undefined
        : { channel, id: Number.parseInt(id, 36) }
    found.push({ digest: head.slice(0, DIGEST_LENGTH), atMs, ack })
  }
  return found
}

/** `digest ms [channel id]`. */
function readSingle(value: string): SavedRequest[] {
  const [digest = '', ms, channel, id] = value.split(' ')
  const atMs = Number(ms)
  if (digest.length < DIGEST_LENGTH || !Number.isSafeInteger(atMs)) return []
  const ack = channel === undefined || id === undefined ? undefined : { channel, id: Number(id) }
  return [{ digest, atMs, ack }]
}
