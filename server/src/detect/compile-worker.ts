/** The thread that compiles one rule set; started by compile-thread.ts. */
import { parentPort, workerData } from 'node:worker_threads'
import { compileRules, memoryOfRules } from './compiled-rules.ts'
import { type PackedRules, unpackRules } from './rules-control.ts'

const compiled = compileRules(unpackRules(workerData as PackedRules))
parentPort?.postMessage(compiled, memoryOfRules(compiled))
