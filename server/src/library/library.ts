import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { sha256Hex } from '../base/hash.ts'
import type { CorrelationRule, MatchRule, RuleProblem, RuleSet } from '../model/rule.ts'
import type { LoadOptions, RuleFileText, RuleFormat, RuleReport } from './format.ts'
import { ruleFormats } from './registry.ts'

export const RULE_FILE_BYTES_MAX = 8 * 1024 * 1024
export const RULE_FILES_MAX = 100_000

export interface LoadedRules {
  /** The rules that run. */
  readonly ruleSet: RuleSet
  /** Every rule, filter, list and macro found, in the order of their paths, running or not. */
  readonly reports: readonly RuleReport[]
  /** Problems of no single rule: files that could not be read. */
  readonly problems: readonly RuleProblem[]
}

/**
 * Loads rule files and folders (walked in name order; hidden entries and files of no rule language
 * are passed over). Never throws for what is on the disk: what cannot be read is a problem.
 */
export function loadRules(paths: readonly string[], options: LoadOptions = {}): LoadedRules {
  const problems: RuleProblem[] = []
  const texts: RuleFileText[] = []
  for (const path of findFiles(paths, problems)) {
    const text = readText(path, problems)
    if (text !== undefined) texts.push({ path, text })
  }
  return readRules(texts, options, problems)
}

/** The same for texts at hand; the language is decided by the ends of their paths. */
export function readRules(
  texts: readonly RuleFileText[],
  options: LoadOptions = {},
  earlier: readonly RuleProblem[] = [],
): LoadedRules {
  const matches: MatchRule[] = []
  const correlations: CorrelationRule[] = []
  const reports: RuleReport[] = []
  const problems = [...earlier]
  for (const format of ruleFormats) {
    const mine = texts.filter((file) => formatOf(file.path) === format)
    if (mine.length === 0) continue
    const read = format.read(mine, options)
    matches.push(...read.matches)
    correlations.push(...read.correlations)
    reports.push(...read.reports)
    problems.push(...read.problems)
  }
  const order = new Map(texts.map((file, index) => [file.path, index]))
  reports.sort((a, b) => (order.get(a.path) ?? 0) - (order.get(b.path) ?? 0))
  return {
    ruleSet: { hash: hashOf(matches, correlations), matches, correlations },
    reports,
    problems,
  }
}

function formatOf(path: string): RuleFormat | undefined {
  const lower = path.toLowerCase()
  return ruleFormats.find((format) => format.extensions.some((end) => lower.endsWith(end)))
}

/** Names what runs: the same rules, read the same way, have the same hash. */
function hashOf(matches: readonly MatchRule[], correlations: readonly CorrelationRule[]): string {
  const rules = [...matches, ...correlations].map((rule) => JSON.stringify(withoutPath(rule)))
  return sha256Hex(rules.sort().join('\n'))
}

function withoutPath(rule: MatchRule | CorrelationRule): unknown {
  const { path: _path, line: _line, ...meta } = rule.meta
  return { ...rule, meta }
}

export function findFiles(paths: readonly string[], problems: RuleProblem[]): string[] {
  const found = new Set<string>()
  for (const path of paths) {
    try {
      if (statSync(path).isDirectory()) walk(path, found)
      else if (formatOf(path) !== undefined) found.add(path)
      else problems.push(unknownLanguage(path))
    } catch (error) {
      problems.push(unreadable(path, error))
    }
  }
  if (found.size <= RULE_FILES_MAX) return [...found]
  const message = `There are ${found.size} rule files; at most ${RULE_FILES_MAX} are loaded.`
  problems.push({ code: 'RULE_LIMIT', message, severity: 'error' })
  return [...found].slice(0, RULE_FILES_MAX)
}

function walk(folder: string, found: Set<string>): void {
  const entries = readdirSync(folder, { withFileTypes: true })
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    if (entry.name.startsWith('.') || entry.name === 'node_modules') continue
    const path = join(folder, entry.name)
    // Links are followed to files only, so that no ring of folders is walked for ever.
    const isFile = entry.isFile() || (entry.isSymbolicLink() && statSync(path).isFile())
    if (entry.isDirectory()) walk(path, found)
    else if (isFile && formatOf(path) !== undefined) found.add(path)
  }
}

export function readText(path: string, problems: RuleProblem[]): string | undefined {
  try {
    const { size } = statSync(path)
    if (size > RULE_FILE_BYTES_MAX) {
      const message = `The file has ${size} bytes; a rule file may have ${RULE_FILE_BYTES_MAX}.`
      problems.push({ code: 'RULE_LIMIT', message, at: { file: path }, severity: 'error' })
      return undefined
    }
    const bytes = readFileSync(path)
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (error) {
    if (error instanceof TypeError) {
      const message = 'The file is not UTF-8 text.'
      problems.push({ code: 'RULE_SYNTAX', message, at: { file: path }, severity: 'error' })
    } else problems.push(unreadable(path, error))
    return undefined
  }
}

function unreadable(path: string, error: unknown): RuleProblem {
  const why = (error as NodeJS.ErrnoException).code ?? 'unknown error'
  const message = `The file could not be read: ${why}.`
  return { code: 'INPUT_UNREADABLE', message, at: { file: path }, severity: 'error' }
}

function unknownLanguage(path: string): RuleProblem {
  const ends = ruleFormats.flatMap((format) => format.extensions)
  return {
    code: 'RULE_UNSUPPORTED',
    message: 'The file is of no rule language.',
    at: { file: path },
    hint: `rule files end with ${ends.join(', ')}`,
    severity: 'error',
  }
}
