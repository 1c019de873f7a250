import { type Problem, ProblemError } from '../base/problems.ts'
import type { HuntNews, RunningHunt } from './desk.ts'
import { HuntFeed } from './feed.ts'
import { type CompiledJob, compileJob, type HuntJob, type JobRange } from './job.ts'
import { doJob, type JobPorts } from './run-job.ts'
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
  return {
    ...{ need, problems, rulesHash: ruleSet.hash },
    news: () => newsHere(job, compiled.value, { ...ports, signal }),
  }
}

/** The news of a hunt in this thread whose rules are compiled. Leaving the loop ends it. */
export async function* newsHere(
  job: JobRange,
  compiled: Pick<CompiledJob, 'ruleSet' | 'tell' | 'against'>,
  ports: Omit<JobPorts, 'tell' | 'signal'> & { readonly signal: AbortSignal },
): AsyncGenerator<HuntNews> {
  const left = new AbortController()
  const feed = new HuntFeed()
  const tell = (news: HuntNews): Promise<void> => feed.put(news)
  const signal = AbortSignal.any([ports.signal, left.signal])
  const done = doJob(job, compiled, { ...ports, tell, signal })
  done.catch((error: unknown) => feed.put({ kind: 'failed', problem: problemOfHunt(error) }))
  try {
    yield* feed.news()
  } finally {
    left.abort()
  }
}

export function problemOfHunt(error: unknown): Problem {
  if (error instanceof ProblemError || error instanceof StoreError) return error.problem
  return { code: 'API_INTERNAL', message: 'The hunt failed by a fault of Picket.' }
}
