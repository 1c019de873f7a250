import { readFile, stat } from 'node:fs/promises'
import { rowsOfText, formatOfName } from '../../library/asset-files.ts'
import { type EcsDoc, fieldOf } from '../../model/event.ts'
import type { LookupValues } from './table.ts'

/** Where a table or a key is got from. */
export interface LookupPlace {
  /** Adds the secret; asked at every request, so that a changed file counts. */
  readonly headers: () => Promise<Readonly<Record<string, string>>>
  readonly timeoutMs: number
  readonly bytesMax: number
  /** Column of the table that holds the key. */
  readonly match: string
  /** Dotted path of the list in a JSON answer; absent: the answer itself. */
  readonly items: string | undefined
}

/** Why a lookup could not be read, as a sentence without the address: it may hold secrets. */
export class LookupFailure extends Error {
  override readonly name = 'LookupFailure'
}

/** The rows of a file, by key. */
export async function readFileTable(
  path: string,
  place: LookupPlace,
): Promise<ReadonlyMap<string, LookupValues>> {
  const { size } = await stat(path).catch(() => {
    throw new LookupFailure('the file cannot be read')
  })
  if (size > place.bytesMax)
    throw new LookupFailure(`the file is larger than ${place.bytesMax} bytes`)
  const text = await readFile(path, 'utf8')
  const rows = rowsOfText(text, formatOfName(path))
  if (typeof rows === 'string') throw new LookupFailure(rows)
  return byKey(
    rows.map(({ value }) => value),
    place.match,
  )
}

/** The rows that an address answers with, by key. */
export async function fetchTable(
  url: string,
  place: LookupPlace,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, LookupValues>> {
  const found = await request(url, place, signal)
  const list = place.items === undefined ? found : fieldOf(found as EcsDoc, place.items)
  if (!Array.isArray(list))
    throw new LookupFailure('the answer holds no list where it was expected')
  return byKey(list, place.match)
}

/** What an address answers for one key; undefined: 404, it is not known there. */
export async function fetchKey(
  url: string,
  key: string,
  place: LookupPlace,
  signal: AbortSignal,
): Promise<LookupValues | undefined> {
  const found = await request(url.replaceAll('{key}', encodeURIComponent(key)), place, signal)
  const inner =
    place.items === undefined || found === undefined ? found : fieldOf(found as EcsDoc, place.items)
  const one: unknown = Array.isArray(inner) ? inner[0] : inner
  if (one === undefined || one === null) return undefined
  if (typeof one !== 'object') throw new LookupFailure('the answer is no object')
  return one as LookupValues
}

async function request(url: string, place: LookupPlace, signal: AbortSignal): Promise<unknown> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(place.timeoutMs)])
  const headers = { accept: 'application/json', ...(await place.headers()) }
  let answer: Response
  let text: string
  try {
    // A redirect could carry the secret elsewhere.
    answer = await fetch(url, { headers, signal: limit, redirect: 'error' })
    if (answer.status === 404) {
      await answer.body?.cancel()
      return undefined
    }
    if (!answer.ok) {
      await answer.body?.cancel()
      throw new LookupFailure(`the answer was ${answer.status}`)
    }
    text = await bounded(answer, place.bytesMax)
  } catch (error) {
    if (error instanceof LookupFailure) throw error
    throw new LookupFailure(limit.aborted ? 'no answer in time' : 'no connection')
  }
  try {
    return JSON.parse(text) as unknown
  } catch {
    throw new LookupFailure('the answer is no JSON')
  }
}

async function bounded(answer: Response, bytesMax: number): Promise<string> {
  const parts: Uint8Array[] = []
  let bytes = 0
  for await (const part of (answer.body ?? []) as AsyncIterable<Uint8Array>) {
    bytes += part.byteLength
    if (bytes > bytesMax) throw new LookupFailure(`the answer is larger than ${bytesMax} bytes`)
    parts.push(part)
  }
  return Buffer.concat(parts).toString('utf8')
}

function byKey(rows: readonly unknown[], match: string): ReadonlyMap<string, LookupValues> {
  const found = new Map<string, LookupValues>()
  for (const row of rows) {
    if (row === null || typeof row !== 'object' || Array.isArray(row)) continue
    const key = fieldOf(row as EcsDoc, match)
    if (typeof key === 'string' && key !== '') found.set(key, row as LookupValues)
    else if (typeof key === 'number') found.set(String(key), row as LookupValues)
  }
  return found
}
