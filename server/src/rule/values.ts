import { VALUE_DEPTH_MAX } from '../model/condition.ts'
import type { EcsDoc } from '../model/event.ts'

/** One value of an event and the path it stands at. */
export interface Leaf {
  readonly path: string
  readonly value: unknown
}

function isObject(value: unknown): value is EcsDoc {
  return value !== null && typeof value === 'object' && !Array.isArray(value)
}

/**
 * Everything the event holds at the path, as the interpreter sees it: under any spelling of the
 * path, arrays flattened, null and objects included. Slow and plain on purpose.
 */
export function valuesAt(doc: EcsDoc, path: string): unknown[] {
  const found: unknown[] = []
  collect(doc, path.split('.'), 0, found)
  return found
}

/** Whether the field is there at all, even as null or as an empty list. */
export function isPresent(doc: EcsDoc, path: string): boolean {
  return reach(doc, path.split('.'), 0)
}

/** The element objects at the path, for conditions that hold within one object. */
export function objectsAt(doc: EcsDoc, path: string): EcsDoc[] {
  return valuesAt(doc, path).filter(isObject)
}

function collect(node: unknown, names: readonly string[], depth: number, found: unknown[]): void {
  if (depth > VALUE_DEPTH_MAX) return
  if (Array.isArray(node)) {
    for (const item of node) collect(item, names, depth + 1, found)
  } else if (names.length === 0) {
    found.push(node)
  } else if (isObject(node)) {
    for (const [value, rest] of steps(node, names)) collect(value, rest, depth + 1, found)
  }
}

function reach(node: unknown, names: readonly string[], depth: number): boolean {
  if (depth > VALUE_DEPTH_MAX) return false
  if (names.length === 0) return true
  if (Array.isArray(node)) return node.some((item) => reach(item, names, depth + 1))
  if (!isObject(node)) return false
  return steps(node, names).some(([value, rest]) => reach(value, rest, depth + 1))
}

/** Each way to take the first step of the path: `a`, `a.b`, … up to all of it as one key. */
function steps(node: EcsDoc, names: readonly string[]): [unknown, readonly string[]][] {
  const ways: [unknown, readonly string[]][] = []
  for (let taken = 1; taken <= names.length; taken++) {
    const key = names.slice(0, taken).join('.')
    if (Object.hasOwn(node, key)) ways.push([node[key], names.slice(taken)])
  }
  return ways
}

/** Every value of the event with its dotted path, arrays flattened; objects only by what is in them. */
export function leavesOf(doc: EcsDoc): Leaf[] {
  const leaves: Leaf[] = []
  walk(doc, '', 0, leaves)
  return leaves
}

function walk(node: unknown, path: string, depth: number, leaves: Leaf[]): void {
  if (depth > VALUE_DEPTH_MAX) return
  if (Array.isArray(node)) {
    for (const item of node) walk(item, path, depth + 1, leaves)
  } else if (isObject(node)) {
    for (const [key, value] of Object.entries(node)) {
      walk(value, path === '' ? key : `${path}.${key}`, depth + 1, leaves)
    }
  } else {
    leaves.push({ path, value: node })
  }
}
