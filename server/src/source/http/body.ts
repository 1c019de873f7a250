import type { IncomingMessage } from 'node:http'
import { createGunzip, createInflate } from 'node:zlib'
import type { Transform } from 'node:stream'

export type BodyFault = 'too_large' | 'encoding' | 'broken' | 'pending_full'

export type BodyRead =
  | { readonly ok: true; readonly body: Buffer }
  | { readonly ok: false; readonly fault: BodyFault }

/** Counts the bytes of all bodies in memory. */
export class PendingBytes {
  readonly #max: number
  #bytes = 0
  constructor(max: number) {
    this.#max = max
  }
  /** False where there is no room: nothing is taken. */
  take(bytes: number): boolean {
    if (this.#bytes + bytes > this.#max) return false
    this.#bytes += bytes
    return true
  }
  giveBack(bytes: number): void {
    this.#bytes -= bytes
  }
}

/**
 * Reads a body of limited size, decompressing gzip and deflate. The limit holds for what comes out, and
 * reading stops there: a small body that unpacks to gigabytes costs no more than the limit.
 */
export async function readBody(
  request: IncomingMessage,
  limits: { bytesMax: number; pending: PendingBytes },
): Promise<BodyRead & { readonly taken: number }> {
  const coding = (request.headers['content-encoding'] ?? 'identity').trim().toLowerCase()
  const unpack = unpackerOf(coding)
  if (unpack === undefined) return { ok: false, fault: 'encoding', taken: 0 }
  const declared = Number(request.headers['content-length'] ?? 0)
  if (declared > limits.bytesMax) return { ok: false, fault: 'too_large', taken: 0 }
  const parts: Buffer[] = []
  let taken = 0
  const stop = (fault: BodyFault) => ({ ok: false, fault, taken }) as const
  const stream = unpack === 'none' ? request : request.pipe(unpack)
  if (unpack !== 'none') request.on('error', (error) => unpack.destroy(error))
  try {
    for await (const chunk of stream) {
      const part = chunk as Buffer
      if (taken + part.length > limits.bytesMax) return stop('too_large')
      if (!limits.pending.take(part.length)) return stop('pending_full')
      taken += part.length
      parts.push(part)
    }
  } catch {
    return stop('broken')
  } finally {
    if (unpack !== 'none') unpack.destroy()
  }
  return { ok: true, body: Buffer.concat(parts), taken }
}

function unpackerOf(coding: string): Transform | 'none' | undefined {
  if (coding === 'identity' || coding === '') return 'none'
  if (coding === 'gzip' || coding === 'x-gzip') return createGunzip()
  return coding === 'deflate' ? createInflate() : undefined
}
