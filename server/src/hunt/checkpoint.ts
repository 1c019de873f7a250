import { deflateSync, inflateSync } from 'node:zlib'
import { ProblemError } from '../base/problems.ts'
import type { AlertRecord } from '../model/alert.ts'
import type { HuntCheckpoint } from './hunt.ts'

/** How far a hunt has come, as plain data. */
export interface JobState {
  /** Now, as it was when the hunt began. */
  readonly nowMs?: number
  /** Of the hunt that is under way. */
  readonly hunt?: HuntCheckpoint
  /** Comparing: what the rules compared with found so far. */
  readonly before?: readonly AlertRecord[]
  /** What the proposed rules found so far; once the others are done. */
  readonly after?: readonly AlertRecord[]
}

/** What a checkpoint may come to again. */
const STATE_BYTES_MAX = 512 * 2 ** 20

export function packCheckpoint(state: JobState): Uint8Array<ArrayBuffer> {
  return new Uint8Array(deflateSync(JSON.stringify(state), { level: 3 }))
}

/** Throws ProblemError HUNT_RESUME for what is none. */
export function unpackCheckpoint(packed: Uint8Array): JobState {
  try {
    const text = inflateSync(packed, { maxOutputLength: STATE_BYTES_MAX }).toString()
    const state = JSON.parse(text) as JobState | null
    if (typeof state === 'object' && state !== null) return state
  } catch {
    // Told below.
  }
  throw new ProblemError({
    code: 'HUNT_RESUME',
    message: 'The checkpoint cannot be read.',
    hint: 'begin the hunt anew',
  })
}
