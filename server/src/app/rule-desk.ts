import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Clock } from '../base/clock.ts'
import type { Logger } from '../base/log.ts'
import { formatProblem, type Problem, ProblemError } from '../base/problems.ts'
import { uploadedFolders } from '../config/rule-paths.ts'
import type { Lives } from '../detect/rule-lives.ts'
import { type PackedRules, rulesControl } from '../detect/rules-control.ts'
import type {
  RuleDesk,
  RuleFile,
  RuleLife,
  RuleLine,
  RulesInForce,
  RuleTotals,
} from '../model/desks.ts'
import type { Journal } from '../model/journal.ts'
import { readRuleLives, saveRuleLife } from '../state/rule-lives.ts'
import type { State } from '../state/state.ts'
import type { ReadFiles, RuleWork, RuleWorkDone } from './rule-work.ts'
import { workAside } from './rule-thread.ts'

export interface RuleDeskOptions {
  readonly state: State
  readonly journal: Pick<Journal, 'append'>
  readonly clock: Clock
  readonly log: Logger
  /** Files and folders of the configuration; asked at every reload. */
  readonly paths: () => readonly string[]
  /** Folder of what was uploaded, one folder a set. */
  readonly uploads: string
  /** Has rules compiled before they are journalled, where a detector runs; rules with a problem are not. */
  readonly prepare?: (rules: PackedRules) => Promise<Problem | undefined>
  /** What came of a rule since the server's start. */
  readonly totals?: (ruleId: string) => RuleTotals | undefined
  /** Reads rules; in a thread of its own unless given. */
  readonly work?: (work: RuleWork) => Promise<RuleWorkDone>
}

export interface OpenRuleDesk extends RuleDesk {
  readonly inForce: () => RulesInForce
  /** The rules in force. */
  readonly packed: () => PackedRules
}

/** Loads the rules, puts them in force as a control record, and takes changes while running. */
export async function openRuleDesk(options: RuleDeskOptions): Promise<OpenRuleDesk> {
  mkdirSync(options.uploads, { recursive: true, mode: 0o700 })
  const desk = new Desk(options)
  await desk.begin()
  return desk
}

const NO_TOTALS: RuleTotals = { matches: 0, hits: 0, lost: 0, seconds: 0 }

class Desk implements OpenRuleDesk {
  readonly #options: RuleDeskOptions
  #files: ReadFiles = { reports: [], problems: [], rules: { hash: '', deflated: '' } }
  #lives: Lives = new Map()
  #packed: PackedRules = { hash: '', deflated: '' }
  #inForce: RulesInForce = { hash: '', count: 0, broken: 0, problems: [], changed: false }
  /** Hash of rules that were compiled last. */
  #compiled = ''
  /** Changes wait for one another. */
  #last: Promise<unknown> = Promise.resolve()

  constructor(options: RuleDeskOptions) {
    this.#options = options
  }

  readonly inForce = (): RulesInForce => this.#inForce

  readonly packed = (): PackedRules => this.#packed

  async begin(): Promise<void> {
    const { state } = this.#options
    this.#lives = await state.query((db) => readRuleLives(state, db))
    const read = await this.#read(this.#lives)
    await this.#putInForce(read, this.#lives)
  }

  list(): readonly RuleLine[] {
    return this.#files.reports.filter(isRule).map(({ path, kind, meta, ok, problems }) => {
      const life = this.#lives.get(meta.id)
      const { version = null, hash } = meta
      return {
        ...{ version, hash, totals: this.#options.totals?.(meta.id) ?? NO_TOTALS },
        id: meta.id,
        title: meta.title,
        kind,
        language: meta.language,
        severity: meta.severity,
        author: meta.author,
        path,
        life: life ?? meta.life,
        isSet: life !== undefined,
        ok,
        problems: problems.map((problem) => problem.message),
      }
    })
  }

  setLife(id: string, life: RuleLife | undefined, by: string): Promise<RuleLine> {
    return this.#inTurn(async () => {
      const { state, clock } = this.#options
      if (!this.list().some((rule) => rule.id === id)) throw unknownRule()
      const lives = new Map(this.#lives)
      if (life === undefined) lives.delete(id)
      else lives.set(id, life)
      const { rules } = await this.#work({ kind: 'lives', read: this.#files.rules, lives })
      await this.#compile(rules)
      const change = { ruleId: id, life, by, atMs: clock.now() }
      await state.transact((db) => saveRuleLife(state, db, change))
      await this.#putInForce({ files: this.#files, rules }, lives)
      const line = this.list().find((rule) => rule.id === id)
      if (line === undefined) throw unknownRule()
      return line
    })
  }

  reload(): Promise<RulesInForce> {
    return this.#inTurn(async () => {
      const read = await this.#read(this.#lives)
      this.#refuseWorse(read.files)
      return this.#putInForce(read, this.#lives)
    })
  }

  upload(folder: string, files: readonly RuleFile[]): Promise<RulesInForce> {
    return this.#inTurn(async () => {
      const { uploads } = this.#options
      const part = join(uploads, `.${folder}.part`)
      const kept = join(uploads, folder)
      const old = join(uploads, `.${folder}.old`)
      for (const path of [part, old]) rmSync(path, { recursive: true, force: true })
      try {
        for (const file of files) {
          const path = join(part, file.path)
          mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
          writeFileSync(path, file.text, { mode: 0o600, flag: 'wx' })
        }
        const others = this.#folders().filter((path) => path !== kept)
        const { files: loaded } = await this.#read(this.#lives, [...others, part])
        const mine = loaded.reports.filter((report) => report.path.startsWith(part))
        const wrong = mine.flatMap(({ problems }) => problems)
        const about = loaded.problems.filter(({ at }) => at?.file?.startsWith(part) === true)
        const first = [...wrong, ...about].find(({ severity }) => severity !== 'warning')
        if (first !== undefined || mine.length === 0) throw broken(first, part)
        this.#refuseWorse(loaded)
        if (this.#folders().includes(kept)) renameSync(kept, old)
        renameSync(part, kept)
        return await this.#orBack(kept, old)
      } finally {
        for (const path of [part, old]) rmSync(path, { recursive: true, force: true })
      }
    })
  }

  /** What cannot be put in force is not kept either: the folder is again what it was. */
  async #orBack(kept: string, old: string): Promise<RulesInForce> {
    try {
      return await this.#putInForce(await this.#read(this.#lives), this.#lives)
    } catch (error) {
      rmSync(kept, { recursive: true, force: true })
      if (existsSync(old)) renameSync(old, kept)
      throw error
    }
  }

  removeFolder(folder: string): Promise<RulesInForce> {
    return this.#inTurn(async () => {
      const path = join(this.#options.uploads, folder)
      if (!this.#folders().includes(path)) throw unknownRule()
      const old = join(this.#options.uploads, `.${folder}.old`)
      rmSync(old, { recursive: true, force: true })
      renameSync(path, old)
      const now = await this.#orBack(path, old)
      rmSync(old, { recursive: true, force: true })
      return now
    })
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const run = this.#last.then(work, work)
    this.#last = run.catch(() => undefined)
    return run
  }

  #folders(): readonly string[] {
    return uploadedFolders(this.#options.uploads)
  }

  #work(work: RuleWork): Promise<RuleWorkDone> {
    return (this.#options.work ?? workAside)(work)
  }

  async #read(lives: Lives, uploads: readonly string[] = this.#folders()): Promise<Read> {
    const paths = [...this.#options.paths(), ...uploads]
    const { files, rules } = await this.#work({ kind: 'read', paths, lives })
    if (files === undefined) throw new Error('reading rules gave no files')
    return { files, rules }
  }

  /** What runs goes on running: a file that broke since does not take its rules away. */
  #refuseWorse(loaded: ReadFiles): void {
    const running = new Set(this.#files.reports.filter(({ ok }) => ok).map(({ meta }) => meta.id))
    const paths = new Set(this.#files.reports.filter(({ ok }) => ok).map(({ path }) => path))
    const worse = loaded.reports.find(({ ok, meta }) => !ok && running.has(meta.id))
    if (worse !== undefined) throw broken(worse.problems[0], '')
    const gone = loaded.problems.find(
      ({ at, severity }) => severity === 'error' && at?.file !== undefined && paths.has(at.file),
    )
    if (gone !== undefined) throw broken(gone, '')
  }

  /** What does not compile is said and left out: the others must watch. */
  #tell(files: ReadFiles): void {
    const { log } = this.#options
    for (const problem of files.problems) {
      log.warn({ problem: problem.message }, 'Rules: a problem.')
    }
    for (const report of files.reports) {
      const wrong = report.problems.find(({ severity }) => severity === 'error')
      if (wrong === undefined) continue
      const what = report.ok ? 'The cases of a rule cannot be read.' : 'A rule does not run.'
      log.warn({ path: report.path, line: wrong.at?.line, problem: wrong.message }, what)
    }
  }

  async #compile(rules: PackedRules): Promise<void> {
    if (rules.hash === this.#compiled || rules.hash === this.#inForce.hash) return
    const problem = await this.#options.prepare?.(rules)
    if (problem !== undefined) throw new ProblemError(problem)
    this.#compiled = rules.hash
  }

  async #putInForce({ files, rules }: Read, lives: Lives): Promise<RulesInForce> {
    const { journal, clock } = this.#options
    const changed = rules.hash !== this.#inForce.hash
    if (changed) {
      await this.#compile(rules)
      const atMs = clock.now()
      const controls = [rulesControl(rules, atMs)]
      await journal.append({ source: 'app', ingestedMs: atMs, controls })
    }
    if (files !== this.#files) this.#tell(files)
    this.#files = files
    this.#packed = rules
    this.#lives = lives
    const all = files.reports.filter(isRule)
    const count = all.filter(({ ok }) => ok).length
    const broken_ = files.reports.filter(({ ok }) => !ok).length
    const problems = brokenOf(files).slice(0, PROBLEMS_TOLD_MAX).map(formatProblem)
    this.#inForce = { hash: rules.hash, count, broken: broken_, problems, changed }
    return this.#inForce
  }
}

interface Read {
  readonly files: ReadFiles
  readonly rules: PackedRules
}

const PROBLEMS_TOLD_MAX = 20

/** The first thing that is wrong with each document that does not compile. */
function brokenOf({ reports }: ReadFiles): readonly Problem[] {
  return reports
    .filter(({ ok }) => !ok)
    .flatMap(({ path, problems }) => {
      const wrong = problems.find(({ severity }) => severity === 'error')
      return wrong === undefined ? [] : [{ ...wrong, at: { file: path, ...wrong.at } }]
    })
}

/** Not a list, a macro or a filter. */
function isRule({ kind }: ReadFiles['reports'][number]): boolean {
  return kind === 'rule' || kind === 'correlation'
}

function broken(problem: Problem | undefined, part: string): ProblemError {
  const message = problem?.message ?? 'No file holds a rule.'
  const { file, ...place } = problem?.at ?? {}
  const shown = part !== '' && file?.startsWith(part) === true ? file.slice(part.length + 1) : file
  const at = { ...place, ...(shown !== undefined && { file: shown }) }
  const hint = problem?.hint ?? 'nothing was changed'
  return new ProblemError({ code: 'RULES_BROKEN', message, at, hint })
}

function unknownRule(): ProblemError {
  return new ProblemError({ code: 'RULE_UNKNOWN', message: 'There is no rule of this name.' })
}
