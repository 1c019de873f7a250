import { ClickHouseError } from '@clickhouse/client'
import { ProblemError } from '../base/problems.ts'
import type { ErrorCode } from '../base/problems.ts'

/**
 * unavailable: nothing answered, or it may have happened (a timeout) · busy: it answered that it
 * cannot now (memory, disk, too many parts) · refused: these rows never will be accepted ·
 * limit: a search went over one · cancelled · query: the statement itself is wrong.
 */
export type StoreFailureKind = 'unavailable' | 'busy' | 'refused' | 'limit' | 'cancelled' | 'query'

/** Carries the engine's code and its name, never its text: that quotes rows. */
export class StoreError extends ProblemError {
  readonly kind: StoreFailureKind
  readonly engineCode: number | undefined
  constructor(kind: StoreFailureKind, message: string, engineCode?: number) {
    super({ code: CODES[kind], message })
    this.name = 'StoreError'
    this.kind = kind
    this.engineCode = engineCode
  }
}

const CODES: Readonly<Record<StoreFailureKind, ErrorCode>> = {
  unavailable: 'STORE_UNAVAILABLE',
  busy: 'STORE_BUSY',
  refused: 'STORE_REFUSED',
  limit: 'STORE_LIMIT',
  cancelled: 'STORE_CANCELLED',
  query: 'STORE_QUERY',
}

// Numbers from https://github.com/ClickHouse/ClickHouse/blob/master/src/Common/ErrorCodes.cpp
/** About the rows: parse and conversion errors, constraints, sizes. Others are tried again. */
const REFUSED = new Set([
  6, 26, 27, 33, 38, 41, 53, 69, 70, 72, 117, 128, 131, 190, 321, 349, 407, 441, 469, 676,
])
/** TIMEOUT, TOO_SLOW, TOO_MANY_ROWS, _BYTES, _ROWS_OR_BYTES, SET_SIZE, query too large. */
const LIMIT = new Set([158, 159, 160, 161, 162, 167, 168, 191, 241, 307, 396, 452])
/** Queries at once, parts, disk space, read-only table, keeper, replicas, start-up. */
const BUSY = new Set([194, 202, 203, 209, 210, 242, 243, 252, 285, 319, 439, 516, 745, 999])
const CANCELLED = new Set([394, 735])

/** What a call threw, as a StoreError. `aborted`: the caller took it back. */
export function storeFailure(error: unknown, aborted: boolean): StoreError {
  if (error instanceof StoreError) return error
  if (error instanceof ClickHouseError) {
    const code = Number(error.code)
    const name = `${error.type ?? 'engine error'} (${error.code})`
    if (REFUSED.has(code))
      return new StoreError('refused', `The store refused rows: ${name}.`, code)
    if (CANCELLED.has(code)) return new StoreError('cancelled', 'The search was cancelled.', code)
    if (LIMIT.has(code)) return new StoreError('limit', `A limit was reached: ${name}.`, code)
    if (BUSY.has(code)) return new StoreError('busy', `The store cannot now: ${name}.`, code)
    return new StoreError('query', `The store did not take the statement: ${name}.`, code)
  }
  if (aborted) return new StoreError('cancelled', 'The call was taken back.')
  const code = (error as { code?: unknown } | null)?.code
  const why = error instanceof Error && error.name === 'TimeoutError' ? 'no answer in time' : code
  return new StoreError(
    'unavailable',
    `The store does not answer${typeof why === 'string' ? ` (${why})` : ''}.`,
  )
}
