import { ANEW } from '../base/anew.ts'
import { type FileHandle, open } from 'node:fs/promises'
import type { Writable } from 'node:stream'
import { ProblemError } from '../base/problems.ts'
import { toFinding } from '../ocsf/finding.ts'
import type { Pending } from '../state/flow.ts'
import type { Outlet } from './outlet.ts'

/** Read back at a start beyond the lines in question, in case a writer's last line was torn. */
const SLACK_BYTES = 64 * 1024

/** One line an alert told: the record as the journal has it, and why it is told now. */
export function toJsonLine({ kind, alert }: Pending): string {
  return `${JSON.stringify({ ...ANEW, ...alert, announcement: kind })}\n`
}

/** The same as a Detection Finding of OCSF. */
export function toFindingLine({ kind, alert }: Pending): string {
  return `${JSON.stringify(toFinding(alert, { announcement: kind }))}\n`
}

/**
 * Appends to a file (0600). Exact across a crash: at a start it looks which lines of the batch that
 * was under way are in the file, and takes a torn last line off.
 */
export function createFileOutlet(options: {
  readonly path: string
  readonly name?: string
  /** How an alert is written; each revision differently. */
  readonly toLine?: (pending: Pending) => string
}): Outlet {
  const { toLine = toJsonLine } = options
  let file: FileHandle | undefined
  const opened = async (): Promise<FileHandle> => (file ??= await openFile(options.path))
  return {
    name: options.name ?? 'file',
    wants: () => true,
    alreadyTold: async (pending) => {
      const handle = await opened()
      const bytes = pending.reduce((sum, one) => sum + Buffer.byteLength(toLine(one)), 0)
      const tail = await readTail(handle, bytes + SLACK_BYTES)
      const whole = tail.text.lastIndexOf('\n') + 1
      const tornBytes = Buffer.byteLength(tail.text.slice(whole))
      if (tornBytes > 0) await handle.truncate(tail.size - tornBytes)
      const lines = new Set(tail.text.slice(0, whole).split('\n'))
      return new Set(pending.filter((one) => lines.has(toLine(one).slice(0, -1))))
    },
    tell: async (pending) => {
      const handle = await opened()
      await handle.appendFile(pending.map(toLine).join(''))
      await handle.datasync()
    },
    close: async () => {
      await file?.close()
      file = undefined
    },
  }
}

/** To a stream, such as standard output. Told again where a crash falls between line and note. */
export function createStreamOutlet(options: {
  readonly stream: Writable
  readonly name?: string
}): Outlet {
  return {
    name: options.name ?? 'stdout',
    wants: () => true,
    tell: (pending) => writeText(options.stream, pending.map(toJsonLine).join('')),
  }
}

/** Resolves once the stream took the text; rejects where it failed. */
export function writeText(stream: Writable, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.write(text, (error) => (error ? reject(error) : resolve()))
  })
}

async function openFile(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'a+', 0o600)
  } catch (error) {
    const why = error instanceof Error ? error.message : 'unknown'
    throw new ProblemError({
      code: 'OUTLET_UNAVAILABLE',
      message: `The alert file could not be opened: ${why}`,
      at: { file: path },
    })
  }
}

async function readTail(
  handle: FileHandle,
  bytes: number,
): Promise<{ readonly text: string; readonly size: number }> {
  const { size } = await handle.stat()
  const start = Math.max(0, size - bytes)
  const buffer = Buffer.alloc(size - start)
  await handle.read(buffer, 0, buffer.length, start)
  return { text: buffer.toString('utf8'), size }
}
