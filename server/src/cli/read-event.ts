import { readFileSync } from 'node:fs'
import { ProblemError } from '../base/problems.ts'
import type { EcsDoc } from '../model/event.ts'
import type { Explanation } from '../rule/explain.ts'
import type { CliContext } from './context.ts'

/** An event as JSON text, from a file of it, or from standard input (`-`); of several lines the first. */
export async function readEvent(event: string, context: CliContext): Promise<EcsDoc> {
  const text = event.trimStart().startsWith('{') ? event : await readText(event, context)
  try {
    const parsed: unknown = JSON.parse(text)
    if (parsed !== null && typeof parsed === 'object') return parsed as EcsDoc
  } catch {
    const [first = ''] = text.split('\n', 1)
    const isMore = first !== text && first.trimStart().startsWith('{')
    if (isMore) return readEvent(first, context)
  }
  const hint = 'raw lines are read with --decoder NAME, where the command takes it'
  throw new ProblemError({
    code: 'INPUT_UNREADABLE',
    message: 'The event is no JSON object.',
    hint,
  })
}

/** A file, or standard input (`-`). Throws ProblemError INPUT_UNREADABLE. */
export async function readText(path: string, context: CliContext): Promise<string> {
  if (path !== '-') {
    try {
      return readFileSync(path, 'utf8')
    } catch (error) {
      const why = (error as NodeJS.ErrnoException).code ?? 'unknown error'
      const message = `The event could not be read: ${why}.`
      throw new ProblemError({ code: 'INPUT_UNREADABLE', message, at: { file: path } })
    }
  }
  const chunks: Buffer[] = []
  for await (const chunk of context.stdin) chunks.push(Buffer.from(chunk as Uint8Array))
  return Buffer.concat(chunks).toString('utf8')
}

/**
 * As `writeClauses`, for a clause that holds: of alternatives only those that hold, and how many others
 * there are.
 */
export function writeReasons(clause: Explanation, depth: number, context: CliContext): void {
  const { holds, text, parts } = clause
  const shown = holds && text.endsWith('any of') ? parts.filter((part) => part.holds) : parts
  const left = parts.length - shown.length
  const [only] = shown
  const isOne = left > 0 && shown.length === 1 && only !== undefined && text === 'any of'
  if (isOne) return writeReasons(only, depth, context)
  const more = left > 0 ? ` (${left} others do not hold)` : ''
  context.stdout.write(`${'  '.repeat(depth)}${holds ? '+' : '-'} ${text}${more}\n`)
  for (const part of shown) writeReasons(part, depth + 1, context)
}

/** A clause and those it is made of, each with + where it holds and - where it does not. */
export function writeClauses(clause: Explanation, depth: number, context: CliContext): void {
  context.stdout.write(`${'  '.repeat(depth)}${clause.holds ? '+' : '-'} ${clause.text}\n`)
  for (const part of clause.parts) writeClauses(part, depth + 1, context)
}
