import {
  closeSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { ProblemError } from '../../base/problems.ts'

/** What must be the same for a hunt to go on; texts as they were given. */
export type HuntKey = Readonly<Record<string, string>>

export interface SavedHunt {
  readonly picketHunt: 2
  readonly key: HuntKey
  /** What `--from 7d` meant when it was given. */
  readonly fromMs: number
  readonly toMs: number
  readonly nowMs: number
  /** Base64; of a server that did the work, sealed by it. */
  readonly checkpoint?: string
}

/** Undefined where there is none yet. Throws ProblemError HUNT_RESUME where it is of another hunt. */
export function readCheckpoint(file: string, key: HuntKey): SavedHunt | undefined {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw unreadable(file)
  }
  const saved = parse(text)
  if (saved === undefined) throw unreadable(file)
  const names = new Set([...Object.keys(key), ...Object.keys(saved.key)])
  const other = [...names].find((name) => key[name] !== saved.key[name])
  if (other === undefined) return saved
  throw new ProblemError({
    code: 'HUNT_RESUME',
    message: `The checkpoint is of a hunt with another ${other}.`,
    at: { file },
    hint: 'repeat the command as it was, or remove the file to begin anew',
  })
}

function parse(text: string): SavedHunt | undefined {
  try {
    const saved = JSON.parse(text) as SavedHunt | null
    return saved?.picketHunt === 2 && typeof saved.key === 'object' ? saved : undefined
  } catch {
    return undefined
  }
}

function unreadable(file: string): ProblemError {
  const message = 'The file is no checkpoint of a hunt.'
  const hint = 'name another file with --resume'
  return new ProblemError({ code: 'HUNT_RESUME', message, at: { file }, hint })
}

/** Whole or not at all, on the disk when it returns; for its owner alone, since it names what was seen. */
export function writeCheckpoint(file: string, saved: SavedHunt): void {
  const fresh = `${file}.new`
  const fd = openSync(fresh, 'w', 0o600)
  try {
    writeSync(fd, JSON.stringify(saved))
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
  renameSync(fresh, file)
}

export function removeCheckpoint(file: string): void {
  rmSync(file, { force: true })
}
