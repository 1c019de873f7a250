/** The thread that reads rules; started by rule-thread.ts for one piece of work. */
import { parentPort, workerData } from 'node:worker_threads'
import { doRuleWork, type RuleWork } from './rule-work.ts'

parentPort?.postMessage(doRuleWork(workerData as RuleWork))
