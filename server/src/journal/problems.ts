import type { Problem } from '../base/problems.ts'
import { ENTRY_BYTES_MAX } from './protocol.ts'

export function fullProblem(why: string): Problem {
  return { code: 'JOURNAL_FULL', message: `The journal takes no more for now: ${why}.` }
}

export function diskProblem(dir: string, error: unknown): Problem {
  const why = error instanceof Error ? error.message : String(error)
  return {
    code: 'JOURNAL_DISK',
    message: `The journal in ${dir} could not be written: ${why}.`,
    hint: 'Sources are held back. Writing goes on by itself when the disk takes it again.',
  }
}

export function deadProblem(): Problem {
  return {
    code: 'JOURNAL_DISK',
    message: 'The journal file could not be written and is closed until the next start.',
    hint: 'Look at the disk, then restart Picket. What was acknowledged is safe.',
  }
}

export function closedProblem(): Problem {
  return { code: 'JOURNAL_CLOSED', message: 'The journal is closed.' }
}

export function lostProblem(): Problem {
  return {
    code: 'JOURNAL_LOST',
    message:
      'The thread that writes the journal has ended by a fault; nothing can be kept any more.',
    hint: 'Picket ends too, to be started anew. What was acknowledged is safe. The log says what failed.',
  }
}

/** `bytes`: undefined where it is too large to be told. */
export function tooLargeProblem(bytes: number | undefined): Problem {
  const what = bytes === undefined ? 'A batch' : `A batch of ${bytes} bytes`
  return {
    code: 'JOURNAL_BATCH',
    message: `${what} is larger than the ${ENTRY_BYTES_MAX} the journal takes.`,
    hint: 'Send fewer or smaller events at once.',
  }
}
