import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { ProblemError } from '../../base/problems.ts'

/**
 * Ends a hunt that holds more than it may. What counts is what is still held after a collection, which is
 * asked for only where the heap has grown past the limit.
 */
export function heapGuard(bytesMax: number, collect: () => void = collector()): () => void {
  return () => {
    if (process.memoryUsage().heapUsed <= bytesMax) return
    collect()
    const { heapUsed } = process.memoryUsage()
    if (heapUsed <= bytesMax) return
    throw new ProblemError({
      code: 'HUNT_LIMIT',
      message: `The hunt holds ${toMiB(heapUsed)} MiB; it may hold ${toMiB(bytesMax)} MiB.`,
      hint: 'raise --memory-max, hunt with fewer rules, or group by fewer values',
    })
  }
}

const toMiB = (bytes: number): number => Math.ceil(bytes / 2 ** 20)

/** Node gives its collector away only where it is asked to; a new context then has it. */
function collector(): () => void {
  setFlagsFromString('--expose-gc')
  return runInNewContext('gc') as () => void
}
