import type { CompiledJob, JobRange } from '../../hunt/job.ts'
import type { HuntNews } from '../../hunt/desk.ts'
import { newsHere } from '../../hunt/here.ts'
import type { HuntSummary } from '../../hunt/hunt.ts'
import type { Past } from './past.ts'
import type { HuntLine } from './told.ts'

/** A hunt in this process, told as a server would. */
export async function* huntInProcess(
  job: JobRange,
  compiled: Pick<CompiledJob, 'ruleSet' | 'tell' | 'against'>,
  how: { readonly past: Past; readonly signal: AbortSignal; readonly check?: () => void },
): AsyncGenerator<HuntLine> {
  const { past, signal, check } = how
  const ports = {
    ...{ events: past.source, rollups: past.rollups, signal },
    ...(check !== undefined && { check }),
  }
  for await (const news of newsHere(job, compiled, ports)) yield* linesOf(news)
}

function* linesOf(news: HuntNews): Iterable<HuntLine> {
  switch (news.kind) {
    case 'alerts':
      for (const alert of news.alerts) yield { alert }
      return
    case 'changes':
      yield* news.changes
      return
    case 'progress': {
      const { events, total, timeMs } = news
      yield { progress: { events, total, at: new Date(timeMs).toISOString() } }
      return
    }
    case 'checkpoint':
      yield { checkpoint: Buffer.from(news.checkpoint).toString('base64') }
      return
    case 'done':
      yield { summary: { ...summaryOf(news.summary), ...news.changes } }
      return
    case 'failed':
      yield { problem: news.problem }
      return
    case 'beat':
  }
}

function summaryOf({ readFromMs, readToMs, ...rest }: HuntSummary): Record<string, unknown> {
  const [from, to] = [readFromMs, readToMs].map((ms) => new Date(ms).toISOString())
  return { ...rest, read: { from, to } }
}
