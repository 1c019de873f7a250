import { parseSigmaFile } from '../../src/lang/sigma/read.ts'
import { lowerSigma, type LoweredSigma } from '../../src/lang/sigma/sigma.ts'
import type { SigmaOptions } from '../../src/lang/sigma/source-mapper.ts'
import { OfflineDetector } from '../../src/detect/offline.ts'
import { readRules } from '../../src/library/library.ts'
import type { AlertRecord } from '../../src/model/alert.ts'
import type { EcsDoc } from '../../src/model/event.ts'
import { interpret } from '../../src/rule/interpret.ts'

/** Lowers Sigma text with field names as written. */
export function lower(text: string, options: SigmaOptions = { pipeline: 'none' }): LoweredSigma {
  return lowerSigma([parseSigmaFile(text, 'rule.yml')], options)
}

/** The problems of all documents as `CODE line:column message`. */
export function problemsOf(lowered: LoweredSigma): string[] {
  return lowered.documents.flatMap((document) =>
    document.problems.map((problem) => {
      const { line, column } = problem.at ?? {}
      return `${problem.code} ${line}:${column} ${problem.message}`
    }),
  )
}

/** A rule around the body of a `detection`, given as lines of YAML. */
export function ruleOf(detection: string): string {
  const body = detection.replace(/^\n+/, '').replace(/^/gm, '  ')
  return `title: A rule\nid: rule\nlogsource:\n  product: test\ndetection:\n${body}\n`
}

/** Whether the only rule with this detection matches; throws what is wrong with it otherwise. */
export function matches(detection: string, event: EcsDoc): boolean {
  const lowered = lower(ruleOf(detection))
  const [rule] = lowered.matches
  if (rule === undefined) throw new Error(problemsOf(lowered).join('\n'))
  return interpret(rule.condition, event)
}

/** The same for one item, such as `field|contains: x`. */
export function itemMatches(item: string, event: EcsDoc): boolean {
  return matches(`sel:\n${item.replace(/^/gm, '  ')}\ncondition: sel`, event)
}

const START_MS = Date.UTC(2026, 0, 1)

/**
 * What rule files tell of events that come a second after each other (or at their own `@timestamp`),
 * matches and correlations alike, as `picket detect --sigma` prints them. Throws on any error.
 */
export function alertsOf(
  texts: readonly string[],
  events: readonly EcsDoc[],
  options: { readonly pipeline?: string; readonly ignoreLogsource?: boolean } = {
    pipeline: 'none',
  },
): AlertRecord[] {
  const files = texts.map((text, index) => ({ path: `rule-${index + 1}.yml`, text }))
  const { ruleSet, reports } = readRules(files, options)
  const errors = reports.flatMap((report) => report.problems)
  const [error] = errors.filter((problem) => problem.severity === 'error')
  if (error !== undefined) throw new Error(`${error.code} ${error.message}`)
  const detector = new OfflineDetector(ruleSet, { tell: 'matches', latenessMs: 0, early: false })
  for (const [index, doc] of events.entries()) {
    const own = doc['@timestamp']
    const time = typeof own === 'string' ? Date.parse(own) : START_MS + index * 1_000
    detector.observe({ id: `${index + 1}`, time, doc })
  }
  detector.finish()
  return [...detector.take()]
}
