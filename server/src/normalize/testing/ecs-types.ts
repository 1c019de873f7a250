import { readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

/** Field path to its TypeScript type, as the declarations of `@elastic/ecs` have it. */
export function readEcsTypes(fieldSets: readonly string[]): ReadonlyMap<string, string> {
  const folder = dirname(createRequire(import.meta.url).resolve('@elastic/ecs'))
  const types = new Map<string, string>()
  for (const name of fieldSets) {
    const text = readFileSync(join(folder, `${name}.d.ts`), 'utf8')
    readInterface(text, TOP_LEVEL.has(name) ? [] : [name], types)
  }
  return types
}

/** Their fields stand at the top of a document. */
const TOP_LEVEL: ReadonlySet<string> = new Set(['base', 'tracing'])

/** Every field set that there is. */
export function ecsFieldSets(): readonly string[] {
  const folder = dirname(createRequire(import.meta.url).resolve('@elastic/ecs'))
  return readdirSync(folder)
    .filter((name) => name.endsWith('.d.ts') && name !== 'index.d.ts')
    .map((name) => name.slice(0, -'.d.ts'.length))
}

/** The declarations are printed one member a line, nested objects closed by `};`. */
function readInterface(text: string, path: string[], types: Map<string, string>): void {
  const stack = [...path]
  const base = path.length
  for (const line of text.replaceAll(/\/\*\*[\s\S]*?\*\//g, '').split('\n')) {
    const opened = /^\s+'?([@\w]+)'?\??: (?:Array<)?\{$/.exec(line)
    const leaf = /^\s+'?([@\w]+)'?\??: ([^{]+);$/.exec(line)
    if (opened !== null) stack.push(opened[1]!)
    else if (leaf !== null) types.set([...stack, leaf[1]].join('.'), leaf[2]!)
    else if (/^\s+\}>?(?:\s*\|[^;]*)?;$/.test(line) && stack.length > base) stack.pop()
  }
}

/** The type of a field; within an object of any fields it is that of the object. */
export function ecsTypeOf(types: ReadonlyMap<string, string>, path: string): string | undefined {
  const known = types.get(path)
  if (known !== undefined) return known
  for (let at = path.lastIndexOf('.'); at > 0; at = path.lastIndexOf('.', at - 1)) {
    const type = types.get(path.slice(0, at))
    if (type !== undefined) return type.includes('Record<') ? type : undefined
  }
  return undefined
}

/** Paths of all values of a document that are no objects, with the values; lists of objects opened. */
export function leavesOf(value: unknown, path = ''): [string, unknown][] {
  if (Array.isArray(value) && value.length === 0) return []
  if (Array.isArray(value) && value.some((one) => one !== null && typeof one === 'object')) {
    return value.flatMap((one) => leavesOf(one, path))
  }
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return [[path, value]]
  return Object.entries(value).flatMap(([key, inner]) =>
    leavesOf(inner, path === '' ? key : `${path}.${key}`),
  )
}

/** Whether a value is of the type that the declarations give. */
export function fits(type: string, value: unknown): boolean {
  const kinds = type.split('|').map((part) => part.trim())
  const one = (item: unknown): boolean =>
    kinds.some((kind) => kind === typeof item || kind === `'${String(item)}'`)
  if (!Array.isArray(value)) return one(value)
  return value.every((item) => kinds.includes(`Array<${typeof item}>`))
}
