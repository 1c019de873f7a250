import { readdir } from 'node:fs/promises'
import { join, parse, resolve, sep } from 'node:path'

/** One pattern without braces, cut at the slashes. */
export interface Glob {
  readonly root: string
  readonly segments: readonly Segment[]
}

type Segment =
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'pattern'; readonly tokens: readonly Token[] }
  | { readonly kind: 'deep' }

type Token =
  | { readonly kind: 'char'; readonly char: string }
  | { readonly kind: 'one' }
  | { readonly kind: 'many' }
  | { readonly kind: 'class'; readonly chars: ReadonlySet<string>; readonly negated: boolean }

const ALTERNATIVES_MAX = 256
const DEPTH_MAX = 32
const CLASS_CHARS_MAX = 512
/** Directory entries looked at in one walk. */
export const ENTRIES_MAX = 200_000

/** The globs that a pattern stands for (braces give several); relative ones start at `baseDir`. */
export function parseGlobs(pattern: string, baseDir: string): readonly Glob[] {
  return expandBraces(pattern).map((text) => {
    const absolute = resolve(baseDir, text)
    const { root } = parse(absolute)
    const parts = absolute
      .slice(root.length)
      .split(sep)
      .filter((part) => part !== '')
    return { root, segments: parts.map(toSegment) }
  })
}

function expandBraces(pattern: string): string[] {
  const done: string[] = []
  const open = [pattern]
  for (let text = open.pop(); text !== undefined; text = open.pop()) {
    const inner = /\{([^{}]*)\}/.exec(text)
    const whole = inner?.[0]
    if (inner === null || whole === undefined || open.length + done.length > ALTERNATIVES_MAX) {
      done.push(text)
      continue
    }
    const before = text.slice(0, inner.index)
    const after = text.slice(inner.index + whole.length)
    for (const one of whole.slice(1, -1).split(',')) open.push(before + one + after)
  }
  return done
}

function toSegment(text: string): Segment {
  if (text === '**') return { kind: 'deep' }
  if (!/[*?[]/.test(text)) return { kind: 'name', name: text }
  const tokens: Token[] = []
  for (let at = 0; at < text.length; at++) {
    const char = text.charAt(at)
    const close = char === '[' ? text.indexOf(']', at + 2) : -1
    if (close > 0) {
      tokens.push(toClass(text.slice(at + 1, close)))
      at = close
    } else if (char === '*') {
      if (tokens.at(-1)?.kind !== 'many') tokens.push({ kind: 'many' })
    } else tokens.push(char === '?' ? { kind: 'one' } : { kind: 'char', char })
  }
  return { kind: 'pattern', tokens }
}

function toClass(text: string): Token {
  const negated = text.startsWith('!') || text.startsWith('^')
  const chars = new Set<string>()
  const body = negated ? text.slice(1) : text
  for (let at = 0; at < body.length; at++) {
    const from = body.charCodeAt(at)
    const isRange = body.charAt(at + 1) === '-' && at + 2 < body.length
    const to = isRange ? body.charCodeAt(at + 2) : from
    if (isRange) at += 2
    for (let code = from; code <= to && chars.size < CLASS_CHARS_MAX; code++) {
      chars.add(String.fromCharCode(code))
    }
  }
  return { kind: 'class', chars, negated }
}

/** Linear in the product of both lengths; `*` and `?` match no leading dot, as in a shell. */
function matchesName(tokens: readonly Token[], name: string): boolean {
  if (name.startsWith('.') && tokens[0]?.kind !== 'char') return false
  let at = 0
  let token = 0
  let retryToken = -1
  let retryAt = 0
  while (at < name.length) {
    const now = tokens[token]
    if (now?.kind === 'many') {
      retryToken = token
      retryAt = at
      token += 1
    } else if (now !== undefined && matchesChar(now, name.charAt(at))) {
      at += 1
      token += 1
    } else if (retryToken >= 0) {
      token = retryToken + 1
      retryAt += 1
      at = retryAt
    } else return false
  }
  while (tokens[token]?.kind === 'many') token += 1
  return token === tokens.length
}

function matchesChar(token: Token, char: string): boolean {
  if (token.kind === 'char') return token.char === char
  if (token.kind === 'class') return token.chars.has(char) !== token.negated
  return true
}

/** Whether a whole absolute path fits the glob. */
export function matchesPath(glob: Glob, path: string): boolean {
  const names = path.slice(parse(path).root.length).split(sep)
  return matchesFrom(glob.segments, names)
}

function matchesFrom(segments: readonly Segment[], names: readonly string[]): boolean {
  // Dynamic programming over (segment, name), so that several `**` cost no more than one.
  let reachable = new Set([0])
  for (const segment of segments) {
    const next = new Set<number>()
    for (const at of reachable) {
      const name = names[at]
      if (segment.kind === 'deep') for (let to = at; to <= names.length; to++) next.add(to)
      else if (name !== undefined && fits(segment, name)) next.add(at + 1)
    }
    reachable = next
  }
  return reachable.has(names.length)
}

function fits(segment: Segment, name: string): boolean {
  if (segment.kind === 'name') return segment.name === name
  return segment.kind === 'deep' || matchesName(segment.tokens, name)
}

export interface WalkResult {
  readonly paths: Set<string>
  /** Folders that could not be read, by path; one that is not there is no failure. */
  readonly failures: Map<string, string>
  /** True where ENTRIES_MAX ended the walk. */
  limited: boolean
}

/** Paths that fit any of the globs. Names at the end that need no listing are given unchecked. */
export async function walkGlobs(globs: readonly Glob[]): Promise<WalkResult> {
  const result: WalkResult = { paths: new Set(), failures: new Map(), limited: false }
  let entriesLeft = ENTRIES_MAX
  const list = async (folder: string) => {
    try {
      const entries = await readdir(folder, { withFileTypes: true })
      entriesLeft -= entries.length
      if (entriesLeft < 0) result.limited = true
      return result.limited ? [] : entries
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code ?? 'unknown'
      if (code !== 'ENOENT' && code !== 'ENOTDIR') result.failures.set(folder, code)
      return []
    }
  }
  const visit = async (folder: string, segments: readonly Segment[], depth: number) => {
    const [segment, ...rest] = segments
    if (segment === undefined) return
    const isLast = rest.length === 0
    if (segment.kind === 'name') {
      const path = join(folder, segment.name)
      if (isLast) result.paths.add(path)
      else await visit(path, rest, depth)
      return
    }
    if (segment.kind === 'deep') await visit(folder, isLast ? EVERY_NAME : rest, depth)
    if (depth > DEPTH_MAX) return
    for (const entry of await list(folder)) {
      const path = join(folder, entry.name)
      if (segment.kind === 'deep') {
        // Linked folders are not descended into: they could lead back.
        if (entry.isDirectory() && !entry.name.startsWith('.'))
          await visit(path, segments, depth + 1)
      } else if (matchesName(segment.tokens, entry.name)) {
        if (!isLast) await visit(path, rest, depth + 1)
        else if (!entry.isDirectory()) result.paths.add(path)
      }
    }
  }
  for (const glob of globs) await visit(glob.root, glob.segments, 0)
  return result
}

const EVERY_NAME: readonly Segment[] = [{ kind: 'pattern', tokens: [{ kind: 'many' }] }]
