import { readFile, stat } from 'node:fs/promises'
import { sha256Hex } from '../../base/hash.ts'
import { rowsOfText, formatOfName } from '../../library/asset-files.ts'
import { type EcsDoc, fieldOf } from '../../model/event.ts'
import type { LookupValues } from '../../fleet/lookup-table.ts'

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

/** The rows of a table, by key. */
export interface TableRows {
  readonly rows: ReadonlyMap<string, LookupValues>
  /** Of the text: the same where nothing changed. */
  readonly hash: string
}

/** The rows of a file, by key. */
export async function readFileTable(path: string, place: LookupPlace): Promise<TableRows> {
  const { size } = await stat(path).catch(() => {
    throw new LookupFailure('the file cannot be read')
  })
  if (size > place.bytesMax)
    throw new LookupFailure(`the file is larger than ${place.bytesMax} bytes`)
  const text = await readFile(path, 'utf8').catch(() => {
    throw new LookupFailure('the file cannot be read')
  })
  const rows = rowsOfText(text, formatOfName(path))
  if (typeof rows === 'string') throw new LookupFailure(rows)
  const values = rows.map(({ value }) => value)
  return { rows: byKey(values, place.match), hash: sha256Hex(text) }
}

/** The rows that an address answers with, by key. */
export async function fetchTable(
  url: string,
  place: LookupPlace,
  signal: AbortSignal,
): Promise<TableRows> {
  const text = await request(url, place, signal)
  const found = text === undefined ? undefined : parsed(text)
  const list = place.items === undefined ? found : fieldOf(found as EcsDoc, place.items)
  if (!Array.isArray(list))
    throw new LookupFailure('the answer holds no list where it was expected')
  return { rows: byKey(list, place.match), hash: sha256Hex(text ?? '') }
}

/** What an address answers for one key; undefined: 404, it is not known there. */
export async function fetchKey(
  url: string,
  key: string,
  place: LookupPlace,
  signal: AbortSignal,
): Promise<LookupValues | undefined> {
  const text = await request(url.replaceAll('{key}', encodeURIComponent(key)), place, signal)
  const found = text === undefined ? undefined : parsed(text)
  const inner =
    place.items === undefined || found === undefined ? found : fieldOf(found as EcsDoc, place.items)
  const one: unknown = Array.isArray(inner) ? inner[0] : inner
  if (one === undefined || one === null) return undefined
  if (typeof one !== 'object') throw new LookupFailure('the answer is no object')
  return one as LookupValues
}

async function request(
  url: string,
  place: LookupPlace,
  signal: AbortSignal,
): Promise<string | undefined> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(place.timeoutMs)])
  const own = await place.headers().catch(() => {
    throw new LookupFailure('its secret cannot be read')
  })
  const headers = { accept: 'application/json', ...own }
  let answer: Response
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
    return await bounded(answer, place.bytesMax)
  } catch (error) {
    if (error instanceof LookupFailure) throw error
    throw new LookupFailure(limit.aborted ? 'no answer in time' : 'no connection')
  }
}

function parsed(text: string): unknown {
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
  if (found.size === 0 && rows.length > 0) {
    throw new LookupFailure(`no row has a value in the column ${match}`)
  }
  return found
}
