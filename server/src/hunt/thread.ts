import { Worker } from 'node:worker_threads'
import { type Problem, ProblemError } from '../base/problems.ts'
import type { ConnectOptions } from '../store/client.ts'
import type { HuntNews, RunningHunt } from './desk.ts'
import { HuntFeed } from './feed.ts'
import type { HuntJob } from './job.ts'
import type { FromHunt, HuntThreadData, ToHunt } from './protocol.ts'

export interface HuntLimits {
  /** Of the thread's heap. */
  readonly memoryBytesMax: number
  /** Rules, and the hunt, take no longer. */
  readonly timeMsMax: number
}

/**
 * A hunt in a thread of its own: the event loop goes on, its memory is bounded by the engine of
 * JavaScript itself, and ending the thread ends the hunt, and its queries with the connection.
 * Rejects with ProblemError: of the rules, HUNT_LIMIT, STORE_CANCELLED.
 */
export function startHuntThread(
  job: HuntJob,
  pass: ConnectOptions,
  how: HuntLimits & { readonly signal: AbortSignal },
): Promise<RunningHunt> {
  const { signal, memoryBytesMax, timeMsMax } = how
  const data: HuntThreadData = { job, pass }
  const worker = new Worker(new URL('./worker.js', import.meta.url), {
    name: 'picket-hunt',
    workerData: data,
    resourceLimits: { maxOldGenerationSizeMb: Math.ceil(memoryBytesMax / 2 ** 20) },
  })
  const feed = new HuntFeed()
  const send = (message: ToHunt): void => worker.postMessage(message)
  return new Promise((resolve, reject) => {
    let over = false
    const end = (problem: Problem): void => {
      if (over) return
      over = true
      clearTimeout(late)
      signal.removeEventListener('abort', cancel)
      void worker.terminate()
      reject(new ProblemError(problem))
      void feed.put({ kind: 'failed', problem })
    }
    const cancel = (): void => end({ code: 'STORE_CANCELLED', message: 'The hunt was called off.' })
    const late = setTimeout(() => end(tooLong(timeMsMax)), timeMsMax)
    signal.addEventListener('abort', cancel, { once: true })
    worker.on('error', (error) => end(problemOfThread(error, memoryBytesMax)))
    worker.once('exit', () => end(INTERNAL))
    worker.on('message', (message: FromHunt) => {
      switch (message.kind) {
        case 'broken':
          return end(message.problem)
        case 'news':
          if (message.news.kind === 'failed') return end(message.news.problem)
          if (message.news.kind === 'done') over = true
          void feed.put(message.news).then(() => send('taken'))
          return
        case 'compiled': {
          const { need, problems, rulesHash } = message
          resolve({
            need,
            problems,
            rulesHash,
            news: () => news(feed, { go: () => send('go'), leave }),
          })
        }
      }
    })
    const leave = (): void => {
      clearTimeout(late)
      signal.removeEventListener('abort', cancel)
      over = true
      void worker.terminate()
    }
    if (signal.aborted) cancel()
  })
}

async function* news(
  feed: HuntFeed,
  thread: { readonly go: () => void; readonly leave: () => void },
): AsyncGenerator<HuntNews> {
  thread.go()
  try {
    yield* feed.news()
  } finally {
    thread.leave()
  }
}

const INTERNAL: Problem = {
  code: 'API_INTERNAL',
  message: 'The hunt failed by a fault of Picket.',
}

function tooLong(timeMsMax: number): Problem {
  const message = `The hunt took longer than ${Math.round(timeMsMax / 1_000)} s.`
  return { code: 'HUNT_LIMIT', message, hint: 'narrow its range, or raise hunts.time_max' }
}

function problemOfThread(error: Error, memoryBytesMax: number): Problem {
  if ((error as NodeJS.ErrnoException).code !== 'ERR_WORKER_OUT_OF_MEMORY') return INTERNAL
  const message = `The hunt holds more than ${Math.ceil(memoryBytesMax / 2 ** 20)} MiB.`
  const hint = 'hunt with fewer rules, group by fewer values, or allow it more (hunts.memory_max)'
  return { code: 'HUNT_LIMIT', message, hint }
}
