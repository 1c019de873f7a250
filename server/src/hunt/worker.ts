/** The thread of one hunt; started by thread.ts. */
import { randomBytes } from 'node:crypto'
import { parentPort, workerData } from 'node:worker_threads'
import { connectStore } from '../store/client.ts'
import { streamRollups } from '../store/search/rollup-stream.ts'
import { streamEvents } from '../store/search/stream.ts'
import { problemOfHunt } from './here.ts'
import { compileJob } from './job.ts'
import { doJob } from './run-job.ts'
import type { HuntNews } from './desk.ts'
import type { FromHunt, HuntThreadData, ToHunt } from './protocol.ts'

const { job, pass } = workerData as HuntThreadData
const say = (message: FromHunt): void => parentPort?.postMessage(message)

/** What was told and not taken; one at a time. */
let taken: (() => void) | undefined

function tell(news: HuntNews): Promise<void> {
  say({ kind: 'news', news })
  if (news.kind === 'progress') return Promise.resolve()
  return new Promise((resolve) => {
    taken = resolve
  })
}

const compiled = compileJob(job)
if (compiled.ok) {
  const { need, problems, ruleSet } = compiled.value
  parentPort?.on('message', (message: ToHunt) => {
    if (message === 'taken') taken?.()
    else void begin()
  })
  say({ kind: 'compiled', need, problems, rulesHash: ruleSet.hash })
} else say({ kind: 'broken', problem: compiled.problem })

async function begin(): Promise<void> {
  if (!compiled.ok) return
  const from = {
    reader: connectStore(pass),
    queryName: `picket-hunt-${randomBytes(12).toString('hex')}`,
  }
  try {
    await doJob(job, compiled.value, {
      events: (how) => streamEvents(from, how),
      rollups: (range) => streamRollups(from, range),
      tell,
    })
  } catch (error) {
    say({ kind: 'news', news: { kind: 'failed', problem: problemOfHunt(error) } })
  } finally {
    await from.reader.close()
    parentPort?.close()
  }
}
