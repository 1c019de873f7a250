import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import { isGzip } from '../../base/inflate.ts'
import { ObjectFault, PassingFault } from './faults.ts'

export interface UnpackLimits {
  readonly objectBytesMax: number
  readonly unpackedBytesMax: number
  /** How long the next bytes may take. */
  readonly idleMs: number
}

const HEAD_BYTES = 4

/** The bytes of an object, decompressed where they are gzip (of one member or several). Bounded. */
export async function* unpack(source: Readable, limits: UnpackLimits): AsyncGenerator<Buffer> {
  const raw = bounded(source, limits.objectBytesMax, 'object', limits.idleMs)
  const head = await firstOf(raw)
  if (head.subarray(0, 4).toString('latin1') === 'PAR1') {
    throw new ObjectFault('format', 'the object is Parquet; have it written as text')
  }
  const whole = rejoined(head, raw)
  if (!isGzip(head)) {
    yield* whole
    return
  }
  const gunzip = createGunzip()
  const feeding = pipeline(Readable.from(whole, { objectMode: true }), gunzip)
  feeding.catch(() => undefined)
  try {
    yield* bounded(gunzip, limits.unpackedBytesMax, 'unpacked object')
  } catch (error) {
    throw gzipFault(error)
  } finally {
    gunzip.destroy()
    source.destroy()
  }
}

function gzipFault(error: unknown): unknown {
  const code = (error as NodeJS.ErrnoException).code
  if (code === 'Z_BUF_ERROR') return new ObjectFault('truncated', 'the gzip data breaks off')
  if (code?.startsWith('Z_') === true) return new ObjectFault('damaged', 'the gzip data is damaged')
  return error
}

async function* bounded(
  source: Readable,
  bytesMax: number,
  what: string,
  idleMs?: number,
): AsyncGenerator<Buffer> {
  let left = bytesMax
  const chunks = source[Symbol.asyncIterator]() as AsyncIterator<Buffer>
  try {
    for (;;) {
      const next = await inTime(chunks, source, idleMs)
      if (next.done === true) return
      left -= next.value.length
      if (left < 0) throw new ObjectFault('too_large', `the ${what} is over ${bytesMax} bytes`)
      yield next.value
    }
  } finally {
    source.destroy()
  }
}

async function inTime(
  chunks: AsyncIterator<Buffer>,
  source: Readable,
  idleMs: number | undefined,
): Promise<IteratorResult<Buffer>> {
  if (idleMs === undefined) return chunks.next()
  const late = (): void => {
    source.destroy(new PassingFault('timeout', `no byte came for ${idleMs} ms`))
  }
  const timer = setTimeout(late, idleMs)
  try {
    return await chunks.next()
  } finally {
    clearTimeout(timer)
  }
}

async function firstOf(chunks: AsyncGenerator<Buffer>): Promise<Buffer> {
  let head: Buffer = Buffer.alloc(0)
  while (head.length < HEAD_BYTES) {
    const next = await chunks.next()
    if (next.done === true) break
    head = head.length === 0 ? next.value : Buffer.concat([head, next.value])
  }
  return head
}

async function* rejoined(head: Buffer, rest: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  if (head.length > 0) yield head
  yield* rest
}
