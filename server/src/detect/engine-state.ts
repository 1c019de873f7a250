import type { StateTable } from '../correlate/correlator.ts'
import type { StateChange } from '../model/decoder.ts'
import type { CorrelationRun, MatchRun, Runs } from './rule-runs.ts'

/**
 * The engine's state as rows of text: `k/<state key of the rule>/<group key>` for correlators,
 * `p/…` for hits on their way to further correlations, `e/…` for open episodes. A rule's state key
 * changes with its text and that of its inputs, so rows of a rule that was changed are never read
 * back into the new one.
 */
interface Held {
  readonly prefix: string
  readonly table: StateTable
}

function* tablesOf(runs: Iterable<MatchRun | CorrelationRun>): Iterable<Held> {
  for (const run of runs) {
    if ('correlator' in run) {
      yield { prefix: `k/${run.stateKey}/`, table: run.correlator.table }
      yield { prefix: `p/${run.stateKey}/`, table: run.passage.table }
    }
    if (run.episodes !== undefined) {
      yield { prefix: `e/${run.stateKey}/`, table: run.episodes.table }
    }
  }
}

export function* stateRows(runs: Runs): Iterable<readonly [string, string]> {
  for (const { prefix, table } of tablesOf([...runs.matches, ...runs.correlations])) {
    for (const [key, value] of table.rows()) yield [prefix + key, value]
  }
}

/** Names of all rows of rules that are no more. */
export function* stateNames(runs: Iterable<MatchRun | CorrelationRun>): Iterable<string> {
  for (const { prefix, table } of tablesOf(runs)) {
    for (const name of table.names()) yield prefix + name
  }
}

export function stateChanges(runs: Runs): StateChange[] {
  const changes: StateChange[] = []
  for (const { prefix, table } of tablesOf([...runs.matches, ...runs.correlations])) {
    for (const { key, value } of table.takeChanges()) changes.push({ key: prefix + key, value })
  }
  return changes
}

export function readState(runs: Runs, rows: Iterable<readonly [string, string]>): void {
  const byTable = new Map<string, [string, string][]>()
  for (const [key, value] of rows) {
    const cut = key.indexOf('/', 2) + 1
    if (cut === 0) continue
    const prefix = key.slice(0, cut)
    const list = byTable.get(prefix)
    if (list === undefined) byTable.set(prefix, [[key.slice(cut), value]])
    else list.push([key.slice(cut), value])
  }
  for (const { prefix, table } of tablesOf([...runs.matches, ...runs.correlations])) {
    table.restore(byTable.get(prefix) ?? [])
  }
}
