import type { Readiness, ReadinessProblem } from '../api/routes/status.ts'
import type { DetectorThread } from '../detect/thread.ts'
import type { LmdbJournal } from '../journal/lmdb-journal.ts'
import type { Responder } from '../respond/respond.ts'
import type { StoreEngine } from '../store/engine/engine.ts'
import type { StoreReader } from '../store/reader/reader.ts'
import type { Identity } from './identity.ts'
import type { OpenLookups } from './lookups.ts'
import type { RunningSource } from './sources.ts'

export interface Watched {
  readonly journal: LmdbJournal
  readonly detector: DetectorThread
  readonly responder: Responder
  readonly store: { readonly engine: StoreEngine; readonly reader: StoreReader } | undefined
  readonly sources: readonly RunningSource[]
  readonly identity: Pick<Identity, 'trouble'>
  readonly lookups: Pick<OpenLookups, 'failing'>
}

/** What is wrong at present, part by part, in words that name no device and no person. */
export function readinessOf(watched: Watched): Readiness {
  const problems = [
    ...journalProblems(watched.journal),
    ...detectorProblems(watched.detector),
    ...storeProblems(watched.store),
    ...responderProblems(watched.responder),
    ...watched.sources.flatMap(sourceProblems),
    ...tableProblems(watched),
  ]
  return { ready: !problems.some((problem) => problem.blocking), problems }
}

function problem(component: string, message: string, blocking: boolean): ReadinessProblem {
  return { component, message, blocking }
}

function journalProblems(journal: LmdbJournal): ReadinessProblem[] {
  const state = journal.state()
  if (state.diskFull) return [problem('journal', 'The disk is full; sources wait.', true)]
  if (state.full) return [problem('journal', 'The journal is full; sources wait.', true)]
  return state.lastError === undefined ? [] : [problem('journal', state.lastError.message, true)]
}

function detectorProblems(detector: DetectorThread): ReadinessProblem[] {
  const trouble = detector.trouble()
  if (trouble !== undefined) return [problem('detector', trouble.message, true)]
  return detector.status() === undefined ? [problem('detector', 'It is starting.', true)] : []
}

function storeProblems(store: Watched['store']): ReadinessProblem[] {
  if (store === undefined) return [problem('store', 'It does not run on this platform.', false)]
  const state = store.engine.state()
  const found: ReadinessProblem[] = []
  if (state.kind === 'down') {
    found.push(problem('store', `Searches are down: ${state.problem.message}`, false))
  } else if (state.kind !== 'ready') found.push(problem('store', 'It is starting.', false))
  if (store.engine.silent()) {
    found.push(problem('store', 'Its engine gives no answer; searches wait.', false))
  }
  const { problem: write, restored } = store.reader.status()
  if (write !== undefined) found.push(problem('store', write.message, false))
  if (restored !== undefined) found.push(problem('store', restored.message, false))
  return found
}

function responderProblems(responder: Responder): ReadinessProblem[] {
  return responder.health().problems.map((text) => problem('alerts', text, false))
}

/** Tables that events are joined to: the last good one stays in use. */
function tableProblems({ identity, lookups }: Watched): ReadinessProblem[] {
  const trouble = identity.trouble()
  const found = lookups.failing().map(({ name, reason }) => {
    return problem(`lookup ${name}`, `It could not be read: ${reason}.`, false)
  })
  if (trouble === undefined) return found
  return [
    problem('assets', 'The changed table is not good; the one before is in use.', false),
    ...found,
  ]
}

function sourceProblems({ name, ingest }: RunningSource): ReadinessProblem[] {
  const { state, detail } = ingest.state
  if (state === 'connected') return []
  const why = detail === undefined ? '' : `: ${detail}`
  return [problem(`source ${name}`, `It is ${state}${why}.`, false)]
}
