import { timeToMs } from '../../base/timestamp.ts'
import type { EcsDoc } from '../../model/event.ts'

/** Readers of untrusted JSON: what is asked for, or undefined. */

const TEXT_MAX = 8_192
const TIME_MAX_MS = 8.64e15

export function isObject(value: unknown): value is EcsDoc {
  return value !== null && typeof value === 'object' && !Array.isArray(value)
}

export function objectAt(doc: EcsDoc, key: string): EcsDoc | undefined {
  const value = Object.hasOwn(doc, key) ? doc[key] : undefined
  return isObject(value) ? value : undefined
}

/** The first of the keys that is there. */
export function valueAt(doc: EcsDoc, ...keys: readonly string[]): unknown {
  for (const key of keys) {
    if (!Object.hasOwn(doc, key)) continue
    const value = doc[key]
    if (value !== undefined && value !== null) return value
  }
  return undefined
}

/** Text that is not empty, numbers written as text; long ones are cut. */
export function textAt(doc: EcsDoc, ...keys: readonly string[]): string | undefined {
  return asText(valueAt(doc, ...keys))
}

export function asText(value: unknown): string | undefined {
  if (typeof value === 'number') return String(value)
  if (typeof value !== 'string' || value === '') return undefined
  return value.length > TEXT_MAX ? value.slice(0, TEXT_MAX) : value
}

/** A finite number, also one written as text. */
export function numberAt(doc: EcsDoc, ...keys: readonly string[]): number | undefined {
  const value = valueAt(doc, ...keys)
  const number =
    typeof value === 'string' && /^-?\d{1,20}(?:\.\d{1,12})?$/.test(value) ? Number(value) : value
  return typeof number === 'number' && Number.isFinite(number) ? number : undefined
}

export function booleanAt(doc: EcsDoc, key: string): boolean | undefined {
  const value = valueAt(doc, key)
  if (typeof value === 'boolean') return value
  if (typeof value !== 'string') return undefined
  const word = value.toLowerCase()
  return word === 'true' ? true : word === 'false' ? false : undefined
}

export function listAt(doc: EcsDoc, ...keys: readonly string[]): readonly unknown[] | undefined {
  const value = valueAt(doc, ...keys)
  return Array.isArray(value) ? (value as unknown[]) : undefined
}

/** ISO 8601 or an epoch number told apart by magnitude, in whole ms. */
export function timeAt(doc: EcsDoc, ...keys: readonly string[]): number | undefined {
  for (const key of keys) {
    const ms = asTime(valueAt(doc, key))
    if (ms !== undefined) return ms
  }
  return undefined
}

export function asTime(value: unknown): number | undefined {
  const numeric = typeof value === 'string' && /^\d{9,20}(?:\.\d{1,9})?$/.test(value)
  const ms = timeToMs(numeric ? Number(value) : value)
  return ms === undefined || Math.abs(ms) > TIME_MAX_MS ? undefined : Math.trunc(ms)
}

/** An object of those members that are there; undefined where none is. */
export function present(members: EcsDoc): EcsDoc | undefined {
  let kept: EcsDoc | undefined
  for (const key in members) {
    const value = members[key]
    if (value === undefined || value === null) continue
    kept ??= {}
    kept[key] = value
  }
  return kept
}

/** As `present`, but always an object. */
export function compact(members: EcsDoc): EcsDoc {
  return present(members) ?? {}
}
