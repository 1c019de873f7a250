import { parseSigmaFile } from '../../src/lang/sigma/read.ts'
import { lowerSigma, type LoweredSigma } from '../../src/lang/sigma/sigma.ts'
import type { SigmaOptions } from '../../src/lang/sigma/source-mapper.ts'
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
