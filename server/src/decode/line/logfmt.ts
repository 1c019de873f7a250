import type { EcsDoc } from '../../model/event.ts'

const PAIRS_MAX = 200

/** `key=value key="value with \" in it"`, as Go programs log; undefined where fewer than two pairs stand there. */
export function readLogfmt(text: string): EcsDoc | undefined {
  const pairs: EcsDoc = {}
  let count = 0
  let at = 0
  while (at < text.length && count < PAIRS_MAX) {
    if (text.charCodeAt(at) <= 32) {
      at += 1
      continue
    }
    const equals = keyEnd(text, at)
    if (equals < 0) {
      // A word alone is a flag.
      at = wordEnd(text, at)
      continue
    }
    const key = text.slice(at, equals)
    const quoted = text.charCodeAt(equals + 1) === 34
    const end = quoted ? quoteEnd(text, equals + 2) : wordEnd(text, equals + 1)
    const raw = text.slice(quoted ? equals + 2 : equals + 1, end)
    if (key !== '__proto__') pairs[key] = quoted ? unescaped(raw) : raw
    count += 1
    at = quoted ? end + 1 : end
  }
  return count < 2 ? undefined : pairs
}

function keyEnd(text: string, at: number): number {
  for (let end = at; end < text.length && end - at < 100; end++) {
    const code = text.charCodeAt(end)
    if (code === 61) return end === at ? -1 : end
    if (code <= 32 || code === 34) return -1
  }
  return -1
}

function wordEnd(text: string, at: number): number {
  let end = at
  while (end < text.length && text.charCodeAt(end) > 32) end += 1
  return end
}

function quoteEnd(text: string, at: number): number {
  for (let end = at; end < text.length; end++) {
    const code = text.charCodeAt(end)
    if (code === 92) end += 1
    else if (code === 34) return end
  }
  return text.length
}

const unescaped = (text: string): string =>
  text.includes('\\')
    ? text.replaceAll(/\\(["\\nt])/g, (_whole, letter: string) =>
        letter === 'n' ? '\n' : letter === 't' ? '\t' : letter,
      )
    : text
