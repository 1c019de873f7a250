import { existsSync } from 'node:fs'
import { SILENT } from '../base/log.ts'
import { ProblemError } from '../base/problems.ts'
import { loadConfig } from '../config/config.ts'
import { rulePathsOf, uploadedFolders, uploadsOf } from '../config/rule-paths.ts'
import { knownStatePlace } from '../config/state-place.ts'
import { withLives } from '../detect/rule-lives.ts'
import { unpackRules } from '../detect/rules-control.ts'
import { loadRules } from '../library/library.ts'
import type { AlertRecord } from '../model/alert.ts'
import type { Asset } from '../model/asset.ts'
import type { DeadLetter } from '../model/journal.ts'
import type { RuleSet } from '../model/rule.ts'
import { type AlertFilter, listAlerts } from '../state/alert-list.ts'
import { readAlert, readHistory } from '../state/alerts.ts'
import { readAllAssets } from '../state/assets.ts'
import {
  type DeadLetterFilter,
  type DeadLetterSummary,
  listDeadLetters,
  readDeadLetter,
} from '../state/dead-letters.ts'
import { controlSocket } from '../state/location.ts'
import { readRuleLives } from '../state/rule-lives.ts'
import { openState, type State } from '../state/state.ts'
import { openKeyring } from '../vault/keyring.ts'
import { createSealer } from '../vault/sealer.ts'
import type { CliContext } from './context.ts'
import { masterKeySource } from './master-key.ts'
import { createSocketClient, isServed, type SocketClient } from './socket-client.ts'

export interface Page {
  readonly limit: number
  readonly cursor?: string
}

export interface AlertTold {
  readonly kind: string
  readonly at: string
  readonly alert: AlertRecord
}

export type LetterLine = Omit<DeadLetterSummary, 'receivedMs' | 'replayedMs'> & {
  readonly received: string
  readonly replayed?: string
}
export type LetterFull = LetterLine & Pick<DeadLetter, 'message' | 'raw' | 'rawEncoding' | 'facts'>

/** What the commands ask, of a running server or of the files it left. */
export interface Desk {
  listAlerts(
    filter: AlertFilter,
    page: Page,
  ): Promise<{ alerts: readonly AlertRecord[]; cursor?: string }>
  /** Rejects with ProblemError ALERT_UNKNOWN. */
  showAlert(id: string): Promise<{ alert: AlertRecord; history: readonly AlertTold[] }>
  listLetters(
    filter: DeadLetterFilter,
    page: Page,
  ): Promise<{ letters: readonly LetterLine[]; cursor?: string }>
  /** Rejects with ProblemError DEAD_LETTER_UNKNOWN. */
  showLetter(id: string): Promise<LetterFull>
  /** All of them, in order of their ids. */
  allAssets(): Promise<readonly Asset[]>
  /** As the server runs them; of files: as the next start will. */
  rulesInForce(): Promise<RuleSet>
  /** A running server; undefined where only its files are read. */
  readonly server: SocketClient | undefined
  close(): Promise<void>
}

export interface DeskOptions {
  readonly data?: string
  readonly config?: string
}

/**
 * A running server is asked through its control socket; else the data directory is opened to look
 * only. Rejects with ProblemError where there is neither.
 */
export async function openDesk(options: DeskOptions, context: CliContext): Promise<Desk> {
  const loaded = await loadConfig(options.config)
  if (!loaded.ok) throw new ProblemError(loaded.problem)
  const config = loaded.value
  const data = options.data ?? config.data
  const socket = controlSocket(data)
  if (existsSync(socket) && (await isServed(socket))) return serverDesk(createSocketClient(socket))
  const place = await knownStatePlace(config, data, context.env)
  if (!place.ok) throw new ProblemError(place.problem)
  const keyring = await openKeyring({
    dataDir: { path: data },
    masterKey: masterKeySource(config.master_key),
    env: context.env,
    log: SILENT,
  })
  const sealer = createSealer(keyring, 'state', context.clock)
  const opened = await openState({ at: place.value, sealer, log: SILENT, readOnly: true })
  if (!opened.ok) throw new ProblemError(opened.problem)
  return fileDesk(opened.value, [...rulePathsOf(config), ...uploadedFolders(uploadsOf(data))])
}

function serverDesk(server: SocketClient): Desk {
  return {
    server,
    listAlerts: async (filter, page) =>
      (await server.get('/api/v1/alerts', {
        severity: filter.severityMin,
        state: filter.states?.[0],
        open: filter.open === undefined ? undefined : String(filter.open),
        rule: filter.ruleId,
        suppressed: filter.suppressed,
        from: isoOf(filter.fromMs),
        to: isoOf(filter.toMs),
        ...pageQuery(page),
      })) as { alerts: AlertRecord[]; cursor?: string },
    showAlert: async (id) =>
      (await server.get(`/api/v1/alerts/${encodeURIComponent(id)}`)) as {
        alert: AlertRecord
        history: AlertTold[]
      },
    listLetters: async (filter, page) =>
      (await server.get('/api/v1/dead-letters', {
        source: filter.source,
        code: filter.code,
        replayed: filter.replayed === undefined ? undefined : String(filter.replayed),
        ...pageQuery(page),
      })) as { letters: LetterLine[]; cursor?: string },
    showLetter: async (id) =>
      (await server.get(`/api/v1/dead-letters/${encodeURIComponent(id)}`)) as LetterFull,
    allAssets: async () => {
      const all: Asset[] = []
      let cursor: string | undefined
      do {
        const query = { cursor, limit: String(ASSETS_PAGE) }
        const page = (await server.get('/api/v1/assets', query)) as AssetsPage
        all.push(...page.assets)
        cursor = page.cursor
      } while (cursor !== undefined)
      return all
    },
    rulesInForce: async () => unpackRules(await server.post('/api/v1/rules/in-force')),
    close: async () => undefined,
  }
}

const ASSETS_PAGE = 500

interface AssetsPage {
  readonly assets: readonly Asset[]
  readonly cursor?: string
}

function fileDesk(state: State, rulePaths: readonly string[]): Desk {
  return {
    server: undefined,
    listAlerts: (filter, page) => state.query((db) => listAlerts(state, db, filter, page)),
    showAlert: async (id) => {
      const alert = await state.query((db) => readAlert(state, db, id))
      if (alert === undefined) {
        throw new ProblemError({ code: 'ALERT_UNKNOWN', message: 'There is no alert of this id.' })
      }
      const history = await state.query((db) => readHistory(state, db, id))
      return {
        alert,
        history: history.map((entry) => ({
          kind: entry.kind,
          at: new Date(entry.atMs).toISOString(),
          alert: entry.alert,
        })),
      }
    },
    allAssets: async () => {
      const kept = await state.query((db) => readAllAssets(state, db))
      return kept.map(({ asset }) => asset)
    },
    rulesInForce: async () => {
      const lives = await state.query((db) => readRuleLives(state, db))
      return withLives(loadRules(rulePaths).ruleSet, lives)
    },
    listLetters: async (filter, page) => {
      const found = await state.query((db) => listDeadLetters(state, db, filter, page))
      return { ...found, letters: found.letters.map(lineOf) }
    },
    showLetter: async (id) => {
      const found = await state.query((db) => readDeadLetter(state, db, id))
      if (found === undefined) {
        const message = 'There is no dead letter of this id.'
        throw new ProblemError({ code: 'DEAD_LETTER_UNKNOWN', message })
      }
      const { message, raw, rawEncoding, facts } = found.letter
      return { ...lineOf(found.summary), message, raw, rawEncoding, ...(facts && { facts }) }
    },
    close: () => state.close(),
  }
}

function lineOf({ receivedMs, replayedMs, ...rest }: DeadLetterSummary): LetterLine {
  return {
    ...rest,
    received: new Date(receivedMs).toISOString(),
    ...(replayedMs !== undefined && { replayed: new Date(replayedMs).toISOString() }),
  }
}

function pageQuery({ limit, cursor }: Page): Record<string, string | undefined> {
  return { limit: String(limit), cursor }
}

const isoOf = (ms: number | undefined): string | undefined =>
  ms === undefined ? undefined : new Date(ms).toISOString()
