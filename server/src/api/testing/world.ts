import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ManualClock } from '../../base/clock.ts'
import { SILENT } from '../../base/log.ts'
import { MetricsRegistry } from '../../base/metrics.ts'
import { assetSchema, type KeptAsset } from '../../model/asset.ts'
import type { AssetDesk, RuleDesk, RuleLine } from '../../model/desks.ts'
import type { AuditEntry, JournalBatch } from '../../model/journal.ts'
import type { Search, SearchRequest } from '../../model/search.ts'
import { openState, type State } from '../../state/state.ts'
import { testSealer } from '../../state/testing/engines.ts'
import type { FastifyInstance } from 'fastify'
import type { Principal } from '../../model/access.ts'
import { type Api, type ApiOptions, createApi } from '../api.ts'
import { buildServer, type ServerOptions } from '../server.ts'

/** A server of the same routes to which every request is of this principal. */
export function serveAs(
  one: World,
  principal: Omit<Principal, 'kind'>,
  change: Partial<ServerOptions> = {},
): FastifyInstance {
  const known = { principal: { kind: 'user' as const, ...principal }, mustChange: false }
  const record = async (entry: Omit<AuditEntry, 'atMs'>): Promise<void> => {
    one.audit.push({ ...entry, atMs: 0 })
  }
  return buildServer({
    ...one.options,
    routes: one.api.routes,
    recorder: { record, drain: async () => undefined },
    authenticate: async () => known,
    recordOrRefuse: true,
    ...change,
  })
}

export interface World {
  readonly api: Api
  readonly state: State
  readonly clock: ManualClock
  readonly metrics: MetricsRegistry
  readonly folder: string
  readonly options: ApiOptions
  /** Every audit entry that was journalled. */
  readonly audit: AuditEntry[]
  /** Set to make the journal refuse. */
  readonly journal: { refuses: boolean }
  readonly searched: SearchRequest[]
  close(): Promise<void>
}

/** An API on an empty SQLite state, with a journal, a search and a clock of the test's own. */
export async function makeWorld(change: Partial<ApiOptions> = {}): Promise<World> {
  const folder = mkdtempSync(join(tmpdir(), 'picket-api-'))
  const at = { sqlite: join(folder, 'state.db') }
  const opened = await openState({ at, sealer: testSealer(), log: SILENT })
  if (!opened.ok) throw new Error(opened.problem.message)
  const state = opened.value
  const clock = new ManualClock(Date.parse('2026-03-01T12:00:00Z'))
  const metrics = new MetricsRegistry()
  const audit: AuditEntry[] = []
  const journal = { refuses: false }
  const append = async (batch: JournalBatch): Promise<number> => {
    if (journal.refuses) throw new Error('the journal is full')
    audit.push(...(batch.audit ?? []))
    return audit.length
  }
  const searched: SearchRequest[] = []
  const options: ApiOptions = {
    clock,
    metrics,
    log: SILENT,
    journal: { append },
    state,
    deadLetters: { replay: async (id) => ({ id, outcome: 'accepted', events: 1 }) },
    search: searchOf(searched),
    readiness: () => ({ ready: true, problems: [] }),
    config: () => ({ journal: { bytes_max: 1 } }),
    version: '0.0.0-test',
    rules: RULES,
    assets: ASSETS,
    configDesk: { reload: async () => ({ applied: ['sources.a'], needsRestart: [] }) },
    cost: { N: 16, r: 8, p: 1 },
    ...change,
  }
  const api = createApi(options)
  return {
    api,
    state,
    clock,
    metrics,
    folder,
    options,
    audit,
    journal,
    searched,
    close: async () => {
      await api.close()
      await state.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

const RULE: RuleLine = {
  id: 'rule-1',
  title: 'Brute force',
  kind: 'correlation',
  language: 'sigma',
  severity: 'high',
  author: 'Ada',
  path: 'rules/a.yml',
  life: 'live',
  isSet: false,
  ok: true,
  problems: [],
  version: null,
  hash: 'hash of it',
  totals: { matches: 3, hits: 0, lost: 0, seconds: 0.25 },
}
const IN_FORCE = { hash: 'h', count: 1, broken: 0, problems: [], changed: true }
const RULES: RuleDesk = {
  list: () => [RULE],
  setLife: async () => RULE,
  reload: async () => IN_FORCE,
  upload: async () => IN_FORCE,
  removeFolder: async () => IN_FORCE,
}

const KEPT: KeptAsset = {
  asset: assetSchema.parse({ id: 'pump-7' }),
  ...{ revision: 1, changedMs: 0, origin: 'api' as const },
}
const ASSETS: AssetDesk = {
  list: async () => [KEPT],
  get: async () => KEPT,
  put: async () => KEPT,
  remove: async () => undefined,
  import: async () => ({ added: 1, changed: 0, removed: 0, unchanged: 0, shared: 0 }),
}

const PARAMETERS = [
  { name: 'user', summary: 'a user', required: false, field: 'user.name' },
  { name: 'device', summary: 'a device', required: false },
]

function searchOf(searched: SearchRequest[]): Search {
  return {
    templates: () => [
      { name: 'device-timeline', summary: 'Events of a device.', parameters: PARAMETERS },
    ],
    run: async (request) => {
      searched.push(request)
      if (request.template !== 'device-timeline') {
        return { ok: false, problem: { code: 'API_UNKNOWN', message: 'no such template' } }
      }
      const columns = ['user.name', 'event.action', 'event.original']
      const rows = [['lovelace', 'mqtt-connect', 'user lovelace connected']]
      return { ok: true, value: { columns, rows, truncated: false } }
    },
  }
}
