import { type EcsDoc, fieldOf } from '../model/event.ts'

/** Reads fields of a document and remembers which, so that the rest can be kept as `unmapped`. */
export class Taken {
  readonly #doc: EcsDoc
  readonly #paths = new Set<string>()

  constructor(doc: EcsDoc) {
    this.#doc = doc
  }

  peek(path: string): unknown {
    return fieldOf(this.#doc, path)
  }

  text(path: string): string | undefined {
    const value = first(this.peek(path))
    if (typeof value !== 'string' && typeof value !== 'number') return undefined
    const text = String(value)
    if (text === '') return undefined
    this.#paths.add(path)
    return text
  }

  integer(path: string): number | undefined {
    const value = first(this.peek(path))
    const number = typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : value
    if (typeof number !== 'number' || !Number.isSafeInteger(number)) return undefined
    this.#paths.add(path)
    return number
  }

  /** Milliseconds since the epoch of an ISO 8601 date. */
  instant(path: string): number | undefined {
    const value = first(this.peek(path))
    if (typeof value !== 'string') return undefined
    const ms = Date.parse(value)
    if (Number.isNaN(ms)) return undefined
    this.#paths.add(path)
    return ms
  }

  texts(path: string): string[] {
    const value = this.peek(path)
    const all = (Array.isArray(value) ? value : [value]).filter((each) => typeof each === 'string')
    if (all.length > 0) this.#paths.add(path)
    return all
  }

  /** What nothing was made of: the document without the fields that were read. */
  rest(): EcsDoc | undefined {
    return without(this.#doc, '', this.#paths)
  }
}

function first(value: unknown): unknown {
  return Array.isArray(value) ? value[0] : value
}

function without(doc: EcsDoc, prefix: string, taken: ReadonlySet<string>): EcsDoc | undefined {
  const kept: EcsDoc = {}
  let any = false
  for (const [name, value] of Object.entries(doc)) {
    const path = prefix + name
    // Of a list only the first value has a place in OCSF: the list itself is kept beside it.
    if (taken.has(path) && !(Array.isArray(value) && value.length > 1)) continue
    const inner = isPlain(value) ? without(value, `${path}.`, taken) : value
    if (inner === undefined) continue
    kept[name] = inner
    any = true
  }
  return any ? kept : undefined
}

function isPlain(value: unknown): value is EcsDoc {
  return value !== null && typeof value === 'object' && !Array.isArray(value)
}
