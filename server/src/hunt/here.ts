import { type Problem, ProblemError } from '../base/problems.ts'
import type { HuntNews, RunningHunt } from './desk.ts'
import { HuntFeed } from './feed.ts'
import { compileJob, doJob, type HuntJob, type JobPorts } from './job.ts'
import { StoreError } from '../store/failure.ts'

/** A hunt in this thread. Throws the ProblemError of its rules. */
export function huntHere(
  job: HuntJob,
  ports: Pick<JobPorts, 'events' | 'rollups'>,
  signal: AbortSignal,
): RunningHunt {
  const compiled = compileJob(job)
  if (!compiled.ok) throw new ProblemError(compiled.problem)
  const { need, problems, ruleSet } = compiled.value
  const left = new AbortController()
  return {
    ...{ need, problems, rulesHash: ruleSet.hash },
    news: async function* (): AsyncGenerator<HuntNews> {
      const feed = new HuntFeed()
      const tell = (news: HuntNews): Promise<void> => feed.put(news)
      const either = AbortSignal.any([signal, left.signal])
      const done = doJob(job, compiled.value, { ...ports, tell, signal: either })
      done.catch((error: unknown) => feed.put({ kind: 'failed', problem: problemOfHunt(error) }))
      try {
        yield* feed.news()
      } finally {
        left.abort()
      }
    },
  }
}

export function problemOfHunt(error: unknown): Problem {
  if (error instanceof ProblemError || error instanceof StoreError) return error.problem
  return { code: 'API_INTERNAL', message: 'The hunt failed by a fault of Picket.' }
}
