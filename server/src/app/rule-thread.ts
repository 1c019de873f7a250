import { Worker } from 'node:worker_threads'
import type { RuleWork, RuleWorkDone } from './rule-work.ts'

/**
 * Reads rules in a thread of their own, which lives for one piece of work: thousands of them take
 * seconds, in which the API and the sources have to go on. Rejects when the thread dies.
 */
export function workAside(work: RuleWork): Promise<RuleWorkDone> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./rule-worker.js', import.meta.url), {
      name: 'picket-rules',
      workerData: work,
    })
    worker.once('message', (done: RuleWorkDone) => resolve(done))
    worker.once('error', reject)
    worker.once('exit', () => reject(new Error('The thread that reads rules ended too early.')))
  })
}
