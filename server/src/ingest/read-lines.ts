import { createReadStream } from 'node:fs'
import type { Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { ProblemError } from '../base/problems.ts'
import type { RawItem } from '../model/source.ts'

export interface LineSource {
  /** A path, or `-` for `stdin`. */
  readonly path: string
  readonly stdin: Readable
}

export interface ReadOptions {
  readonly nowMs: () => number
  /** Longer lines are cut to the first 4 KiB and say so in `cut`. */
  readonly lineBytesMax?: number
}

const LINE_BYTES_MAX = 1_048_576
const CUT_BYTES = 4_096
const BATCH_LINES = 2_000
const NL = 10
const CR = 13

/**
 * Lines of files, one after the other, in batches; `line` counts from 1 across all of them. Gzip is
 * known by its first bytes. CRLF and LF end a line, so does the end of a file. A byte order mark and
 * the NULs that a copy-truncated file begins with are dropped; bytes that are not UTF-8 become U+FFFD
 * and the item keeps them in `bytes`. Throws ProblemError INPUT_UNREADABLE.
 */
export async function* readLines(
  sources: readonly LineSource[],
  options: ReadOptions,
): AsyncGenerator<readonly RawItem[]> {
  const counter = { line: 0 }
  for (const source of sources) {
    const name = source.path === '-' ? 'standard input' : source.path
    try {
      yield* readOne(source, options, counter)
    } catch (error) {
      if (error instanceof ProblemError) throw error
      const detail = error instanceof Error ? error.message : String(error)
      throw new ProblemError({
        code: 'INPUT_UNREADABLE',
        message: `Cannot read ${name}: ${detail}`,
        at: { file: name },
      })
    }
  }
}

async function* readOne(
  source: LineSource,
  options: ReadOptions,
  counter: { line: number },
): AsyncGenerator<readonly RawItem[]> {
  const splitter = new Splitter(source.path, options, counter)
  for await (const chunk of openInput(source)) {
    splitter.push(chunk)
    for (let batch = splitter.take(BATCH_LINES); batch.length > 0;) {
      yield batch
      batch = splitter.take(BATCH_LINES)
    }
  }
  splitter.end()
  const last = splitter.take(BATCH_LINES)
  if (last.length > 0) yield last
}

/** The bytes of a file or of standard input; gzip is known by its first bytes. */
export function openInput({ path, stdin }: LineSource): AsyncIterable<Buffer> {
  return unzipped(path === '-' ? stdin : createReadStream(path))
}

async function* unzipped(stream: Readable): AsyncGenerator<Buffer> {
  let begun: Buffer | undefined
  let gunzip: ReturnType<typeof createGunzip> | undefined
  const chunks = stream[Symbol.asyncIterator]() as AsyncIterator<Buffer | string>
  while (gunzip === undefined) {
    const next = await chunks.next()
    if (next.done === true) {
      if (begun !== undefined) yield begun
      return
    }
    const chunk = typeof next.value === 'string' ? Buffer.from(next.value) : next.value
    if (begun === undefined && chunk.length < 2) {
      begun = chunk
      continue
    }
    const whole = begun === undefined ? chunk : Buffer.concat([begun, chunk])
    begun = Buffer.alloc(0)
    if (chunks !== undefined && isGzip(whole)) gunzip = inflate(whole, chunks)
    else {
      yield whole
      for (let more = await chunks.next(); more.done !== true; more = await chunks.next()) {
        yield typeof more.value === 'string' ? Buffer.from(more.value) : more.value
      }
      return
    }
  }
  yield* gunzip as AsyncIterable<Buffer>
}

function inflate(
  first: Buffer,
  rest: AsyncIterator<Buffer | string>,
): ReturnType<typeof createGunzip> {
  const gunzip = createGunzip()
  const feed = async (): Promise<void> => {
    await writeTo(gunzip, first)
    for (let more = await rest.next(); more.done !== true; more = await rest.next()) {
      await writeTo(gunzip, more.value)
    }
    gunzip.end()
  }
  feed().catch((error: unknown) => gunzip.destroy(error instanceof Error ? error : undefined))
  return gunzip
}

async function writeTo(
  gunzip: ReturnType<typeof createGunzip>,
  chunk: Buffer | string,
): Promise<void> {
  if (gunzip.destroyed || gunzip.write(chunk)) return
  await new Promise<void>((resolve) => {
    const go = (): void => {
      gunzip.off('drain', go)
      gunzip.off('close', go)
      resolve()
    }
    gunzip.on('drain', go)
    gunzip.on('close', go)
  })
}

const isGzip = (chunk: Buffer): boolean => chunk[0] === 0x1f && chunk[1] === 0x8b

/** Cuts chunks of bytes into items. */
class Splitter {
  readonly #path: string
  readonly #options: ReadOptions
  readonly #counter: { line: number }
  readonly #max: number
  readonly #items: RawItem[] = []
  readonly #strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  #rest: Buffer[] = []
  #restBytes = 0
  #cut: Buffer | undefined
  #first = true

  constructor(path: string, options: ReadOptions, counter: { line: number }) {
    this.#path = path
    this.#options = options
    this.#counter = counter
    this.#max = options.lineBytesMax ?? LINE_BYTES_MAX
  }

  push(chunk: Buffer): void {
    let from = 0
    for (let at = chunk.indexOf(NL, from); at >= 0; at = chunk.indexOf(NL, from)) {
      this.#line(chunk.subarray(from, at))
      from = at + 1
    }
    if (from === chunk.length) return
    const rest = chunk.subarray(from)
    this.#restBytes += rest.length
    if (this.#restBytes > this.#max + 1) this.#cut ??= cutOf([...this.#rest, rest])
    if (this.#cut === undefined) this.#rest.push(rest)
    else this.#rest = []
  }

  end(): void {
    if (this.#restBytes > 0) this.#line(Buffer.alloc(0))
  }

  take(count: number): readonly RawItem[] {
    return this.#items.splice(0, count)
  }

  #line(tail: Buffer): void {
    this.#counter.line += 1
    const total = this.#restBytes + tail.length
    if (this.#cut !== undefined || total > this.#max + 1) {
      const cut = this.#cut ?? cutOf([...this.#rest, tail])
      this.#add(cut.toString('utf8'), { cut: { bytes: total } })
    } else {
      this.#whole(this.#rest.length === 0 ? tail : Buffer.concat([...this.#rest, tail]))
    }
    this.#rest = []
    this.#restBytes = 0
    this.#cut = undefined
  }

  #whole(line: Buffer): void {
    let from = 0
    let to = line.length
    if (to > 0 && line[to - 1] === CR) to -= 1
    if (this.#first && line[0] === 0xef && line[1] === 0xbb && line[2] === 0xbf) from = 3
    this.#first = false
    while (from < to && line[from] === 0) from += 1
    const bytes = line.subarray(from, to)
    let text: string
    try {
      text = this.#strict.decode(bytes)
    } catch {
      this.#add(bytes.toString('utf8'), { bytes: Buffer.from(bytes) })
      return
    }
    this.#add(text)
  }

  #add(text: string, more?: Pick<RawItem, 'bytes' | 'cut'>): void {
    const line = String(this.#counter.line)
    const facts = { path: this.#path, line }
    this.#items.push({
      text,
      key: `${this.#path}:${line}`,
      receivedMs: this.#options.nowMs(),
      facts,
      ...more,
    })
  }
}

function cutOf(parts: readonly Buffer[]): Buffer {
  return Buffer.concat(parts.map((part) => part.subarray(0, CUT_BYTES))).subarray(0, CUT_BYTES)
}
