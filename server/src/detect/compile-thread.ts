import { Worker } from 'node:worker_threads'
import { fail, ok, type Result } from '../base/result.ts'
import { type CompiledRules, uncompiled } from './compiled-rules.ts'
import type { PackedRules } from './rules-control.ts'

export interface CompileLimits {
  /** Of the thread's heap. */
  readonly memoryBytesMax: number
  readonly timeMsMax: number
}

export const COMPILE_LIMITS: CompileLimits = { memoryBytesMax: 2 * 2 ** 30, timeMsMax: 300_000 }

/**
 * Compiles rules in a thread of its own, which lives for one rule set and is bounded in memory and time:
 * what goes wrong with it is the problem RULES_UNCOMPILED, and harms nobody else.
 */
export function compileAside(
  rules: PackedRules,
  { memoryBytesMax, timeMsMax }: CompileLimits = COMPILE_LIMITS,
): Promise<Result<CompiledRules>> {
  return new Promise((resolve) => {
    const worker = new Worker(new URL('./compile-worker.js', import.meta.url), {
      name: 'picket-compile',
      workerData: rules,
      resourceLimits: { maxOldGenerationSizeMb: Math.ceil(memoryBytesMax / 2 ** 20) },
    })
    const end = (result: Result<CompiledRules>): void => {
      clearTimeout(late)
      resolve(result)
      void worker.terminate()
    }
    const because = (reason: string): void => end(fail(uncompiled(reason)))
    const late = setTimeout(
      () => because(`it took longer than ${Math.round(timeMsMax / 1_000)} s`),
      timeMsMax,
    )
    worker.once('message', (compiled: CompiledRules) => end(ok(compiled)))
    worker.once('error', (error) => because(reasonOf(error, memoryBytesMax)))
    worker.once('exit', () => because('its thread ended too early'))
  })
}

function reasonOf(error: Error, memoryBytesMax: number): string {
  if ((error as NodeJS.ErrnoException).code === 'ERR_WORKER_OUT_OF_MEMORY') {
    return `it needs more than ${Math.ceil(memoryBytesMax / 2 ** 20)} MiB`
  }
  return error.message
}
